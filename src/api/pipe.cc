// KvService.Pipe: a stream of operation batches. Each stream has a sink of its own; each message is one submit; the replies of one
// delivery, and whatever piled up while a write was under way, are one message. Bounded: past the connection's bytes in flight requests
// are refused, past its unsent replies nothing more is read.
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "api/backlog.h"
#include "api/calls.h"
#include "api/convert.h"
#include "base/limits.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;
using Kv = v1::KvService::AsyncService;

constexpr std::uint64_t first_pipe_sink = 2;  // 1 is the unary calls'
constexpr std::size_t streams_max = 4096;
constexpr std::size_t refused_ids_max = 4 * limits::batch_ops_max;  // in one answer to a batch that is too large
constexpr std::size_t cancels_max = refused_ids_max;

class PipeCalls;

class PipeCall {
 public:
  PipeCall(PipeCalls& owner, SinkId id);

  void deliver(std::vector<Response> responses);
  void cancel();
  bool is_over() const { return pending_ == 0; }
  SinkId id() const { return id_; }

 private:
  // Submitted, and its last answer has not come.
  struct Open {
    std::size_t bytes = 0;
    bool is_watch = false;
    WatchBacklog backlog{};
  };

  void accepted(bool ok);
  void read_done(bool ok);
  void write_done(bool ok);
  void finished(bool ok);
  void call_done(bool ok);

  void read();
  void take(v1::PipeRequest& batch);
  bool take_one(std::uint64_t id, v1::Operation& operation, std::vector<Request>& requests);
  void cancel_some(const v1::PipeRequest& batch);
  void close(std::unordered_map<std::uint64_t, Open>::iterator open);
  void refuse_all(const v1::PipeRequest& batch, Code code, const std::string& why);
  void reply(Response&& response);
  void write();
  void finish(const grpc::Status& status);
  void finish_if_idle();

  PipeCalls& owner_;
  SinkId id_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::PipeResponse, v1::PipeRequest> stream_{&context_};
  google::protobuf::Arena read_arena_;
  google::protobuf::Arena write_arena_;
  v1::PipeRequest* incoming_ = nullptr;
  std::unordered_map<std::uint64_t, Open> open_;  // by id
  std::size_t open_bytes_ = 0;
  std::size_t open_watches_ = 0;
  std::deque<Response> outbox_;
  std::size_t outbox_bytes_ = 0;
  int pending_ = 0;  // tags under way
  bool is_attached_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool has_read_all_ = false;
  bool is_finishing_ = false;
  std::optional<grpc::Status> ending_;  // to be sent once the write under way is over
  Tag<PipeCall> accepted_{this, &PipeCall::accepted};
  Tag<PipeCall> read_done_{this, &PipeCall::read_done};
  Tag<PipeCall> write_done_{this, &PipeCall::write_done};
  Tag<PipeCall> finished_{this, &PipeCall::finished};
  Tag<PipeCall> call_done_{this, &PipeCall::call_done};
};

class PipeCalls final : public Calls {
 public:
  PipeCalls(const Context& context, Kv& service) : context_(context), service_(service) {}

  void start() override { accept(); }

  void flush() override {
    for (const SinkId id : std::exchange(over_, {})) streams_.erase(id);
  }

  void stop() override {
    is_stopping_ = true;
    for (const auto& [id, stream] : streams_) stream->cancel();
  }

  void accept() {
    if (is_stopping_) return;
    const SinkId id(next_sink_++);
    streams_.emplace(id, std::make_unique<PipeCall>(*this, id));
  }
  void attach(SinkId id) {
    context_.front->attach(
        id, std::make_unique<PostingSink>(context_.loop->mailbox(), [this, id](std::vector<Response> responses) {
          const auto it = streams_.find(id);
          if (it != streams_.end()) it->second->deliver(std::move(responses));
        }));
  }
  void over(SinkId id) { over_.push_back(id); }
  bool is_full() const { return streams_.size() > streams_max; }
  bool is_stopping() const { return is_stopping_; }
  Front& front() { return *context_.front; }
  Kv& service() { return service_; }
  grpc::ServerCompletionQueue* queue() { return context_.queue; }

 private:
  Context context_;
  Kv& service_;
  std::map<SinkId, std::unique_ptr<PipeCall>> streams_;
  std::vector<SinkId> over_;  // to be destroyed once the drain is over
  std::uint64_t next_sink_ = first_pipe_sink;
  bool is_stopping_ = false;
};

PipeCall::PipeCall(PipeCalls& owner, SinkId id) : owner_(owner), id_(id) {
  ++pending_;
  context_.AsyncNotifyWhenDone(static_cast<Event*>(&call_done_));
  owner_.service().RequestPipe(&context_, &stream_, owner_.queue(), owner_.queue(), static_cast<Event*>(&accepted_));
}

void PipeCall::accepted(bool ok) {
  --pending_;
  if (!ok) return owner_.over(id_);  // shutting down; call_done never comes
  ++pending_;                        // call_done
  owner_.accept();
  if (owner_.is_stopping()) return context_.TryCancel();
  if (owner_.is_full()) return finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "overloaded: too many streams"});
  is_attached_ = true;
  owner_.attach(id_);
  read();
}

void PipeCall::read() {
  if (is_reading_ || has_read_all_ || is_finishing_ || outbox_bytes_ > limits::connection_in_flight_bytes_max) return;
  read_arena_.Reset();
  incoming_ = google::protobuf::Arena::CreateMessage<v1::PipeRequest>(&read_arena_);
  is_reading_ = true;
  ++pending_;
  stream_.Read(incoming_, static_cast<Event*>(&read_done_));
}

void PipeCall::read_done(bool ok) {
  --pending_;
  is_reading_ = false;
  if (ok && !is_finishing_) {
    take(*incoming_);
    read();
  } else {
    has_read_all_ = true;
    finish_if_idle();
  }
  if (is_over()) owner_.over(id_);
}

void PipeCall::take(v1::PipeRequest& batch) {
  // An id costs its sender a byte and a refusal hundreds: a batch far beyond the bound is not answered id by id.
  if (static_cast<std::size_t>(batch.ids_size()) > refused_ids_max) {
    return finish(
        {grpc::StatusCode::INVALID_ARGUMENT,
         fmt::format("too_large: {} ids; a batch has at most {} operations", batch.ids_size(), limits::batch_ops_max)});
  }
  cancel_some(batch);
  if (batch.ids_size() != batch.operations_size()) {
    return refuse_all(batch, Code::invalid,
                      fmt::format("{} ids for {} operations", batch.ids_size(), batch.operations_size()));
  }
  std::size_t bytes = 0;
  for (const v1::Operation& operation : batch.operations())
    bytes += operation.key().size() + operation.put().value().size();
  if (static_cast<std::size_t>(batch.ids_size()) > limits::batch_ops_max || bytes > limits::batch_bytes_max) {
    return refuse_all(
        batch, Code::too_large,
        fmt::format("a batch has at most {} operations and {} bytes", limits::batch_ops_max, limits::batch_bytes_max));
  }
  std::vector<Request> requests;
  requests.reserve(static_cast<std::size_t>(batch.ids_size()));
  for (int i = 0; i < batch.ids_size(); ++i) {
    if (!take_one(batch.ids(i), *batch.mutable_operations(i), requests)) return;
  }
  if (!requests.empty()) owner_.front().submit(id_, std::move(requests));
  write();
}

// False: the stream has been ended, and nothing of the batch may be submitted.
bool PipeCall::take_one(std::uint64_t id, v1::Operation& operation, std::vector<Request>& requests) {
  auto request = to_request(RequestId(id), operation);
  const bool is_watch = request && request->verb == Verb::watch;
  // A watch stays open for as long as its client likes: it is counted, not weighed.
  const std::size_t bytes = request && !is_watch ? rift::footprint(*request) : 0;
  // A second operation of the same id could not be answered without being taken for the first.
  if (!open_.emplace(id, Open{.bytes = bytes, .is_watch = is_watch}).second) {
    finish(
        {grpc::StatusCode::INVALID_ARGUMENT, fmt::format("invalid: operation id {} is still open in this stream", id)});
    return false;
  }
  if (request && open_bytes_ > 0 && open_bytes_ + bytes > limits::connection_in_flight_bytes_max) {
    request = fail(Code::overloaded,
                   fmt::format("more than {} bytes in flight in this stream", limits::connection_in_flight_bytes_max));
  }
  if (is_watch && open_watches_ >= limits::watches_per_connection_max) {
    request = fail(Code::overloaded, fmt::format("{} watches are open in this stream", open_watches_));
  }
  if (!request) {
    open_.erase(id);
    reply(refuse(RequestId(id), request.error().code, std::move(request.error().detail)));
    return true;
  }
  open_bytes_ += bytes;
  if (is_watch) ++open_watches_;
  requests.push_back(std::move(*request));
  return true;
}

void PipeCall::close(std::unordered_map<std::uint64_t, Open>::iterator open) {
  open_bytes_ -= open->second.bytes;
  if (open->second.is_watch) --open_watches_;
  open_.erase(open);
}

void PipeCall::cancel_some(const v1::PipeRequest& batch) {
  std::vector<RequestId> cancelled;
  for (const std::uint64_t id : batch.cancels()) {
    const auto open = open_.find(id);
    if (open == open_.end() || cancelled.size() >= cancels_max) continue;
    close(open);
    cancelled.push_back(RequestId(id));
  }
  if (!cancelled.empty()) owner_.front().cancel(id_, std::move(cancelled));
}

void PipeCall::refuse_all(const v1::PipeRequest& batch, Code code, const std::string& why) {
  for (const std::uint64_t id : batch.ids()) {
    if (!open_.contains(id)) reply(refuse(RequestId(id), code, why));
  }
  write();
}

void PipeCall::reply(Response&& response) {
  outbox_bytes_ += api::footprint(response);
  outbox_.push_back(std::move(response));
}

void PipeCall::deliver(std::vector<Response> responses) {
  for (Response& response : responses) {
    const auto it = open_.find(response.id.value());
    if (it == open_.end()) continue;
    if (response.more && !it->second.backlog.admit(response, outbox_bytes_)) {
      owner_.front().cancel(id_, {response.id});
      response = it->second.backlog.refusal(response.id);
    }
    if (!response.more) close(it);
    reply(std::move(response));
  }
  write();
  if (is_over()) owner_.over(id_);
}

void PipeCall::write() {
  if (is_writing_ || is_finishing_ || outbox_.empty()) return;
  write_arena_.Reset();
  auto* message = google::protobuf::Arena::CreateMessage<v1::PipeResponse>(&write_arena_);
  std::size_t bytes = 0;
  while (!outbox_.empty() && static_cast<std::size_t>(message->ids_size()) < limits::batch_ops_max) {
    const std::size_t more = api::footprint(outbox_.front());
    if (bytes > 0 && bytes + more > limits::batch_bytes_max) break;
    bytes += more;
    message->add_ids(outbox_.front().id.value());
    to_reply(std::move(outbox_.front()), *message->add_replies());
    outbox_.pop_front();
  }
  outbox_bytes_ -= bytes;
  is_writing_ = true;
  ++pending_;
  stream_.Write(*message, static_cast<Event*>(&write_done_));
}

void PipeCall::write_done(bool ok) {
  --pending_;
  is_writing_ = false;
  if (!ok) {
    context_.TryCancel();
  } else if (ending_) {
    ++pending_;
    stream_.Finish(*std::exchange(ending_, std::nullopt), static_cast<Event*>(&finished_));
  } else {
    write();
    read();  // it may have waited for room
    finish_if_idle();
  }
  if (is_over()) owner_.over(id_);
}

void PipeCall::finish_if_idle() {
  if (has_read_all_ && !is_finishing_ && !is_writing_ && open_.empty() && outbox_.empty()) finish(grpc::Status::OK);
}

void PipeCall::finish(const grpc::Status& status) {
  if (is_finishing_) return;
  is_finishing_ = true;
  if (is_writing_) {
    ending_ = status;
    return;
  }
  ++pending_;
  stream_.Finish(status, static_cast<Event*>(&finished_));
}

void PipeCall::finished(bool) {
  --pending_;
  if (is_over()) owner_.over(id_);
}

// The call is over, whoever ended it: the open requests have nobody to answer to.
void PipeCall::call_done(bool) {
  --pending_;
  is_finishing_ = true;
  if (is_attached_) owner_.front().detach(id_);
  is_attached_ = false;
  if (is_over()) owner_.over(id_);
}

void PipeCall::cancel() {
  if (is_attached_) context_.TryCancel();
}

}  // namespace

std::unique_ptr<Calls> make_pipe_calls(const Context& context, grpc::Service& kv) {
  return std::make_unique<PipeCalls>(context, static_cast<Kv&>(kv));
}

}  // namespace rift::api
