// KvService.Pipe: a stream of operation batches. Each stream has a sink of its own; each message is one submit; the replies of one
// delivery, and whatever piled up while a write was under way, are one message. Bounded: past the connection's bytes in flight requests
// are refused, past its unsent replies nothing more is read.
#include <deque>
#include <unordered_map>

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "api/backlog.h"
#include "api/calls.h"
#include "api/convert.h"
#include "api/stream_calls.h"
#include "base/limits.h"
#include "replica/weight.h"
#include "riftkv/v1/kv.grpc.pb.h"
#include "rpc/pipe.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;
using Kv = v1::KvService::AsyncService;

constexpr SinkId first_pipe_sink{2};  // 1 is the unary calls'
constexpr std::size_t streams_max = 4096;
constexpr std::size_t refused_ids_max = 4 * limits::batch_ops_max;  // in one answer to a batch that is too large
constexpr std::size_t cancels_max = refused_ids_max;

struct PipeGrpc {
  using Context = grpc::ServerContext;
  using Stream = grpc::ServerAsyncReaderWriter<v1::PipeResponse, v1::PipeRequest>;
  using Status = grpc::Status;
  static constexpr auto overloaded = grpc::StatusCode::RESOURCE_EXHAUSTED;
};

class PipeCall final : public StreamCall<PipeCall, PipeGrpc> {
 public:
  PipeCall(Calls& owner, SinkId id) : StreamCall(owner, id) {
    static_cast<Kv&>(owner.service()).RequestPipe(&context_, &stream_, owner.queue(), owner.queue(), accepted_event());
  }

  void begin();
  void refuse();
  void wrote();
  void deliver(std::vector<Response> responses);
  void drain();
  void cancel() {
    if (!is_closing_) StreamCall::cancel();
  }

 private:
  // Submitted, and its last answer has not come.
  struct Open {
    std::size_t bytes = 0;
    bool is_watch = false;
    WatchBacklog backlog{};
  };

  void accept();
  void read_done(bool ok);

  void read();
  void take(v1::PipeRequest& batch);
  bool take_one(std::uint64_t id, v1::Operation& operation, std::vector<Request>& requests);
  void cancel_some(const v1::PipeRequest& batch);
  void close(std::unordered_map<std::uint64_t, Open>::iterator open);
  void refuse_all(const v1::PipeRequest& batch, Code code, const std::string& why);
  void reply(Response&& response);
  void write();
  bool is_idle() const { return can_write() && open_.empty() && outbox_.empty(); }
  void finish_if_idle();
  void say_closing();

  google::protobuf::Arena read_arena_;
  google::protobuf::Arena write_arena_;
  v1::PipeRequest* incoming_ = nullptr;
  std::unordered_map<std::uint64_t, Open> open_;  // by id
  std::size_t open_bytes_ = 0;
  std::size_t open_watches_ = 0;
  std::deque<Response> outbox_;
  std::size_t outbox_bytes_ = 0;
  std::uint64_t taken_ = 0;  // requests read; each operation in them is submitted or refused
  bool is_reading_ = false;
  bool has_read_all_ = false;
  bool is_closing_ = false;  // nothing more is taken
  bool has_said_closing_ = false;
  Tag<PipeCall> read_done_{this, &PipeCall::read_done};
};

// The SDK sends nothing before it knows that somebody listens.
void PipeCall::begin() {
  accept();
  attach();
  read();
}

// The closing follows: nothing is open.
void PipeCall::refuse() {
  is_closing_ = true;
  accept();
  read();
}

void PipeCall::accept() {
  context_.AddInitialMetadata(rpc::pipe_accepted_key, "1");
  write_metadata();
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
  if (ok && is_closing_) {
    read();
  } else if (ok && !is_finishing_) {
    ++taken_;
    take(*incoming_);
    read();
  } else {
    has_read_all_ = true;
    finish_if_idle();
  }
  leave_if_over();
}

void PipeCall::take(v1::PipeRequest& batch) {
  // An id costs its sender a byte and a refusal hundreds: a batch far beyond the bound is not answered id by id.
  if (static_cast<std::size_t>(batch.ids_size()) > refused_ids_max) {
    return finish(
        {grpc::StatusCode::INVALID_ARGUMENT,
         fmt::format("too_large: {} ids; a batch has at most {} operations", batch.ids_size(), limits::batch_ops_max)});
  }
  cancel_some(batch);
  if (owner_.is_draining()) return refuse_all(batch, Code::not_ready, why_stopping);
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
  const std::size_t bytes = request ? weight_in_flight(*request) : 0;
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
    reply(rift::refuse(RequestId(id), request.error().code, std::move(request.error().detail)));
    return true;
  }
  open_bytes_ += bytes;
  if (is_watch) ++open_watches_;
  if (is_watch && request->operands) open_.at(id).backlog = WatchBacklog(request->operands->revision);
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
    if (!open_.contains(id)) reply(rift::refuse(RequestId(id), code, why));
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
  finish_if_idle();
}

void PipeCall::write() {
  if (!can_write() || outbox_.empty()) return;
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
  write_message(*message);
}

void PipeCall::wrote() {
  write();
  read();  // it may have waited for room
  finish_if_idle();
}

void PipeCall::finish_if_idle() {
  if (!is_idle()) return;
  if (has_read_all_) return finish(grpc::Status::OK);
  if (owner_.is_draining()) say_closing();
}

// A watch never ends by itself: it goes on at another node.
void PipeCall::drain() {
  if (!is_attached()) return;
  std::vector<RequestId> watches;
  for (const auto& [id, open] : open_) {
    if (open.is_watch) watches.push_back(RequestId(id));
  }
  for (const RequestId id : watches) {
    close(open_.find(id.value()));
    reply(rift::refuse(id, Code::not_ready, why_stopping));
  }
  if (!watches.empty()) owner_.front().cancel(id_, std::move(watches));
  write();
  finish_if_idle();
}

// Everything that was taken has been answered; what is read from here on is not looked at. It is the client who ends the stream: a server that
// closes its connection while something comes in takes away what it has said last.
void PipeCall::say_closing() {
  if (std::exchange(has_said_closing_, true)) return;
  is_closing_ = true;
  write_arena_.Reset();
  auto* message = google::protobuf::Arena::CreateMessage<v1::PipeResponse>(&write_arena_);
  message->mutable_closing()->set_requests_taken(taken_);
  write_message(*message);
}

}  // namespace

std::unique_ptr<Calls> make_pipe_calls(const Context& context, grpc::Service& kv) {
  return std::make_unique<StreamCalls<PipeCall>>(
      context, kv, StreamCalls<PipeCall>::Bounds{.first_sink = first_pipe_sink, .calls_max = streams_max});
}

}  // namespace rift::api
