// KvService.Watch: one watch, one call, for clients without Pipe. Each call has a sink of its own; it ends with the watch's last answer, or when
// the client cancels it.
#include <deque>

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "api/backlog.h"
#include "api/calls.h"
#include "api/convert.h"
#include "api/stream_calls.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;
using Kv = v1::KvService::AsyncService;

constexpr SinkId first_watch_sink{std::uint64_t{1} << 62};  // those of pipes stay far below
constexpr std::size_t calls_max = 4096;
constexpr RequestId only_request{1};

struct WatchGrpc {
  using Context = grpc::ServerContext;
  using Stream = grpc::ServerAsyncWriter<v1::ExecuteResponse>;
  using Status = grpc::Status;
  static constexpr auto overloaded = grpc::StatusCode::RESOURCE_EXHAUSTED;
};

class WatchCall final : public StreamCall<WatchCall, WatchGrpc> {
 public:
  WatchCall(Calls& owner, SinkId id) : StreamCall(owner, id) {
    static_cast<Kv&>(owner.service())
        .RequestWatch(&context_, &request_, &stream_, owner.queue(), owner.queue(), accepted_event());
  }

  void begin();
  void refuse() { end(Code::not_ready, why_stopping); }
  void wrote() { write(); }
  void deliver(std::vector<Response> responses);
  void drain();

 private:
  void end(Code code, std::string why);
  void take(Response response);
  void write();

  v1::ExecuteRequest request_;
  v1::ExecuteResponse message_;
  std::deque<Response> outbox_;
  std::size_t outbox_bytes_ = 0;
  WatchBacklog backlog_;
  bool has_last_ = false;
};

void WatchCall::begin() {
  auto request = to_request(only_request, *request_.mutable_operation());
  if (request && request->verb != Verb::watch) request = fail(Code::invalid, "Watch takes a watch operation");
  if (!request) return end(request.error().code, std::move(request.error().detail));
  attach();
  if (request->operands) backlog_ = WatchBacklog(request->operands->revision);
  std::vector<Request> requests;
  requests.push_back(std::move(*request));
  owner_.front().submit(id_, std::move(requests));
}

// It would never end by itself: it goes on at another node.
void WatchCall::drain() {
  if (!is_attached() || has_last_) return;
  owner_.front().cancel(id_, {only_request});
  end(Code::not_ready, why_stopping);
}

void WatchCall::end(Code code, std::string why) {
  take(rift::refuse(only_request, code, std::move(why)));
  write();
}

void WatchCall::deliver(std::vector<Response> responses) {
  for (Response& response : responses) {
    if (has_last_) break;
    if (response.more && !backlog_.admit(response, outbox_bytes_)) {
      owner_.front().cancel(id_, {response.id});
      response = backlog_.refusal(response.id);
    }
    take(std::move(response));
  }
  write();
}

void WatchCall::take(Response response) {
  has_last_ = !response.more;
  outbox_bytes_ += footprint(response);
  outbox_.push_back(std::move(response));
}

void WatchCall::write() {
  if (!can_write()) return;
  if (outbox_.empty()) {
    if (has_last_) finish(grpc::Status::OK);
    return;
  }
  message_.Clear();
  outbox_bytes_ -= footprint(outbox_.front());
  to_reply(std::move(outbox_.front()), *message_.mutable_reply());
  outbox_.pop_front();
  write_message(message_);
}

}  // namespace

std::unique_ptr<Calls> make_watch_calls(const Context& context, grpc::Service& kv) {
  return std::make_unique<StreamCalls<WatchCall>>(
      context, kv, StreamCalls<WatchCall>::Bounds{.first_sink = first_watch_sink, .calls_max = calls_max});
}

}  // namespace rift::api
