// A plain gRPC client of one node, which sends what the SDK never would. For integration tests only.
#pragma once

#include <string>

#include <grpcpp/grpcpp.h>

#include "base/limits.h"
#include "riftkv/v1/kv.grpc.pb.h"
#include "tests/integration/nodes.h"

namespace rift::test {

namespace v1 = riftkv::v1;

class Raw {
 public:
  explicit Raw(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    kv_ = v1::KvService::NewStub(channel_);
  }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  v1::KvService::Stub& kv() { return *kv_; }

  static void set_deadline(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + patience);
  }

  grpc::Status execute(const v1::Operation& operation, v1::Reply& reply) {
    grpc::ClientContext context;
    set_deadline(context);
    v1::ExecuteRequest request;
    *request.mutable_operation() = operation;
    v1::ExecuteResponse response;
    const grpc::Status status = kv_->Execute(&context, request, &response);
    reply = response.reply();
    return status;
  }
  // "not_done too_large", or gRPC's own refusal.
  std::string verdict(const v1::Operation& operation) {
    v1::Reply reply;
    const grpc::Status status = execute(operation, reply);
    if (!status.ok()) return "status " + std::to_string(status.error_code()) + " " + status.error_message();
    return outcome(reply) + " " + reply.code();
  }
  static std::string outcome(const v1::Reply& reply) {
    if (reply.outcome() == v1::OUTCOME_DONE) return "done";
    if (reply.outcome() == v1::OUTCOME_NOT_DONE) return "not_done";
    return reply.outcome() == v1::OUTCOME_UNKNOWN ? "unknown" : "unspecified";
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::KvService::Stub> kv_;
};

inline v1::Operation operation(const std::string& keyspace, const std::string& key) {
  v1::Operation result;
  result.set_keyspace(keyspace);
  result.set_key(key);
  return result;
}
inline v1::Operation get(const std::string& keyspace, const std::string& key) {
  v1::Operation result = operation(keyspace, key);
  result.mutable_get();
  return result;
}
inline v1::Operation put(const std::string& keyspace, const std::string& key, const std::string& value) {
  v1::Operation result = operation(keyspace, key);
  result.mutable_put()->set_value(value);
  return result;
}
inline v1::Operation del(const std::string& keyspace, const std::string& key) {
  v1::Operation result = operation(keyspace, key);
  result.mutable_delete_();
  return result;
}
inline v1::Operation cas(const std::string& keyspace, const std::string& key, const std::string& expected,
                         const std::string& value) {
  v1::Operation result = operation(keyspace, key);
  result.mutable_compare_and_set()->mutable_condition()->set_value(expected);
  result.mutable_compare_and_set()->set_value(value);
  return result;
}

}  // namespace rift::test
