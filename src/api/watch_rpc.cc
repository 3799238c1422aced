// KvService.Watch: one watch, one call, for clients without Pipe. Each call has a sink of its own; it ends with the watch's last answer, or when
// the client cancels it.
#include <deque>
#include <map>
#include <optional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "api/backlog.h"
#include "api/calls.h"
#include "api/convert.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;
using Kv = v1::KvService::AsyncService;

constexpr std::uint64_t first_watch_sink = std::uint64_t{1} << 62;  // those of pipes stay far below
constexpr std::size_t calls_max = 4096;
constexpr RequestId only_request{1};

class WatchCalls;

class WatchCall {
 public:
  WatchCall(WatchCalls& owner, SinkId id);

  void deliver(std::vector<Response> responses);
  void cancel();

 private:
  void accepted(bool ok);
  void write_done(bool ok);
  void finished(bool ok);
  void call_done(bool ok);

  void open();
  void take(Response response);
  void write();
  void finish(const grpc::Status& status);
  void leave_if_over();

  WatchCalls& owner_;
  SinkId id_;
  grpc::ServerContext context_;
  grpc::ServerAsyncWriter<v1::ExecuteResponse> stream_{&context_};
  v1::ExecuteRequest request_;
  v1::ExecuteResponse message_;
  std::deque<Response> outbox_;
  std::size_t outbox_bytes_ = 0;
  WatchBacklog backlog_;
  int pending_ = 0;  // tags under way
  bool is_attached_ = false;
  bool is_writing_ = false;
  bool has_last_ = false;
  bool is_finishing_ = false;
  Tag<WatchCall> accepted_{this, &WatchCall::accepted};
  Tag<WatchCall> write_done_{this, &WatchCall::write_done};
  Tag<WatchCall> finished_{this, &WatchCall::finished};
  Tag<WatchCall> call_done_{this, &WatchCall::call_done};
};

class WatchCalls final : public Calls {
 public:
  WatchCalls(const Context& context, Kv& service) : context_(context), service_(service) {}

  void start() override { accept(); }
  void flush() override {
    for (const SinkId id : std::exchange(over_, {})) calls_.erase(id);
  }
  void stop() override {
    is_stopping_ = true;
    for (const auto& [id, call] : calls_) call->cancel();
  }

  void accept() {
    if (is_stopping_) return;
    const SinkId id(next_sink_++);
    calls_.emplace(id, std::make_unique<WatchCall>(*this, id));
  }
  void attach(SinkId id) {
    context_.front->attach(
        id, std::make_unique<PostingSink>(context_.loop->mailbox(), [this, id](std::vector<Response> responses) {
          const auto it = calls_.find(id);
          if (it != calls_.end()) it->second->deliver(std::move(responses));
        }));
  }
  void over(SinkId id) { over_.push_back(id); }
  bool is_full() const { return calls_.size() > calls_max; }
  bool is_stopping() const { return is_stopping_; }
  Front& front() { return *context_.front; }
  Kv& service() { return service_; }
  grpc::ServerCompletionQueue* queue() { return context_.queue; }

 private:
  Context context_;
  Kv& service_;
  std::map<SinkId, std::unique_ptr<WatchCall>> calls_;
  std::vector<SinkId> over_;  // to be destroyed once the drain is over
  std::uint64_t next_sink_ = first_watch_sink;
  bool is_stopping_ = false;
};

WatchCall::WatchCall(WatchCalls& owner, SinkId id) : owner_(owner), id_(id) {
  ++pending_;
  context_.AsyncNotifyWhenDone(static_cast<rpc::Event*>(&call_done_));
  owner_.service().RequestWatch(&context_, &request_, &stream_, owner_.queue(), owner_.queue(),
                                static_cast<rpc::Event*>(&accepted_));
}

void WatchCall::accepted(bool ok) {
  --pending_;
  if (!ok) return owner_.over(id_);  // shutting down; call_done never comes
  ++pending_;                        // call_done
  owner_.accept();
  if (owner_.is_stopping()) return context_.TryCancel();
  if (owner_.is_full()) return finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "overloaded: too many watches"});
  open();
}

void WatchCall::open() {
  auto request = to_request(only_request, *request_.mutable_operation());
  if (request && request->verb != Verb::watch) request = fail(Code::invalid, "Watch takes a watch operation");
  if (!request) {
    take(refuse(only_request, request.error().code, std::move(request.error().detail)));
    return write();
  }
  is_attached_ = true;
  owner_.attach(id_);
  std::vector<Request> requests;
  requests.push_back(std::move(*request));
  owner_.front().submit(id_, std::move(requests));
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
  if (is_writing_ || is_finishing_) return;
  if (outbox_.empty()) {
    if (has_last_) finish(grpc::Status::OK);
    return;
  }
  message_.Clear();
  outbox_bytes_ -= footprint(outbox_.front());
  to_reply(std::move(outbox_.front()), *message_.mutable_reply());
  outbox_.pop_front();
  is_writing_ = true;
  ++pending_;
  stream_.Write(message_, static_cast<rpc::Event*>(&write_done_));
}

void WatchCall::write_done(bool ok) {
  --pending_;
  is_writing_ = false;
  if (ok) {
    write();
  } else {
    context_.TryCancel();
  }
  leave_if_over();
}

void WatchCall::finish(const grpc::Status& status) {
  is_finishing_ = true;
  ++pending_;
  stream_.Finish(status, static_cast<rpc::Event*>(&finished_));
}

void WatchCall::finished(bool) {
  --pending_;
  leave_if_over();
}

void WatchCall::call_done(bool) {
  --pending_;
  is_finishing_ = true;
  if (is_attached_) owner_.front().detach(id_);
  is_attached_ = false;
  leave_if_over();
}

void WatchCall::leave_if_over() {
  if (pending_ == 0) owner_.over(id_);
}

void WatchCall::cancel() {
  if (is_attached_) context_.TryCancel();
}

}  // namespace

std::unique_ptr<Calls> make_watch_calls(const Context& context, grpc::Service& kv) {
  return std::make_unique<WatchCalls>(context, static_cast<Kv&>(kv));
}

}  // namespace rift::api
