// What the services of the public server have in common: each accepts calls on the polling thread, lets what piled up go on as one batch
// after each drain of the queue, and ends its calls when the node stops. Used by Api only; every method runs on the polling thread except that start()
// comes before the thread exists.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "replica/front.h"
#include "rpc/loop.h"

namespace grpc {
class ServerCompletionQueue;
class Service;
}  // namespace grpc

namespace rift::api {

using rpc::Event;
using rpc::Loop;
using rpc::Mailbox;
using rpc::Tag;

struct Context {
  Loop* loop = nullptr;
  grpc::ServerCompletionQueue* queue = nullptr;  // the loop's
  Front* front = nullptr;
  Admin* admin = nullptr;
  Log* log = nullptr;
};

class Calls {
 public:
  virtual ~Calls() = default;
  virtual void start() = 0;
  virtual void flush() {}
  // The node stops and has answered what it could: what comes now is refused as `not_ready`, what is still open may be answered yet.
  virtual void drain() {}
  // Nothing is open that waits for an answer.
  virtual bool is_drained() const { return true; }
  // No new calls; the open ones end soon, without an answer.
  virtual void stop() = 0;
};

constexpr const char* why_stopping = "this node is stopping";

// `kv` is a KvService::AsyncService, shared by all three.
std::unique_ptr<Calls> make_unary_calls(const Context& context, grpc::Service& kv);
std::unique_ptr<Calls> make_pipe_calls(const Context& context, grpc::Service& kv);
std::unique_ptr<Calls> make_watch_calls(const Context& context, grpc::Service& kv);

class Services : public Calls {
 public:
  virtual grpc::Service& service() = 0;
};

struct Addresses {
  std::string client;
  std::string peer;
};
// `addresses` is read when a call comes, for the port is known only after the server has started.
std::unique_ptr<Services> make_admin_calls(const Context& context, const Addresses& addresses);

class Health : public Services {
 public:
  virtual void set_ready(bool ready) = 0;
};
std::unique_ptr<Health> make_health_calls(const Context& context);

// Hands the replies of a round from the shard's thread to `receive` on the polling thread.
class PostingSink final : public ReplySink {
 public:
  using Receive = std::function<void(std::vector<Response>)>;
  PostingSink(std::shared_ptr<Mailbox> mailbox, Receive receive)
      : mailbox_(std::move(mailbox)), receive_(std::move(receive)) {}
  void deliver(std::vector<Response> responses) override {
    mailbox_->post([receive = receive_, responses = std::move(responses)]() mutable { receive(std::move(responses)); });
  }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  Receive receive_;
};

}  // namespace rift::api
