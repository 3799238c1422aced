#include "client/stream.h"

#include <algorithm>
#include <optional>

#include <google/protobuf/arena.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>

#include "base/assert.h"
#include "base/limits.h"
#include "client/convert.h"
#include "replica/weight.h"
#include "riftkv/v1/kv.grpc.pb.h"
#include "rpc/pipe.h"

namespace rift::client {

namespace v1 = riftkv::v1;

struct Stream::Call {
  explicit Call(const std::shared_ptr<grpc::Channel>& channel) : stub(v1::KvService::NewStub(channel)) {}

  grpc::ClientContext context;
  std::unique_ptr<v1::KvService::Stub> stub;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::PipeRequest, v1::PipeResponse>> stream;
  google::protobuf::Arena read_arena;
  google::protobuf::Arena write_arena;
  v1::PipeResponse* incoming = nullptr;
  std::uint64_t batches = 0;           // written
  std::optional<std::uint64_t> taken;  // of them, as the node says when it stops: nothing follows
  int pending = 0;                     // tags under way
  bool is_open = false;
  bool is_writing = false;
  bool has_ended = false;  // nothing leaves any more; what the node has said last is still to be read
  bool is_broken = false;
};

Stream::Stream(Loop& loop, std::shared_ptr<grpc::Channel> channel, Deliver deliver)
    : loop_(loop), channel_(std::move(channel)), deliver_(std::move(deliver)) {}

Stream::~Stream() { ASSERT(call_ == nullptr || call_->pending == 0); }

void Stream::send(Request request, Time now) {
  const Time expires = now + request.budget;
  waiting_.push_back({.request = std::move(request), .expires = expires});
}

void Stream::cancel(RequestId id) {
  if (std::erase_if(waiting_, [id](const Waiting& waiting) { return waiting.request.id == id; }) > 0) return;
  const auto sent = sent_.find(id.value());
  if (sent == sent_.end()) return;
  sent_bytes_ -= sent->second.bytes;
  sent_.erase(sent);
  cancels_.push_back(id.value());
}

void Stream::flush() {
  if ((waiting_.empty() && cancels_.empty()) || is_closed_) return;
  if (call_ == nullptr && waiting_.empty()) return;  // what was open has ended with its stream
  if (call_ == nullptr) return start();
  write();
}

void Stream::expire(Time now) {
  std::vector<Response> expired;
  for (const Waiting& waiting : waiting_) {
    if (waiting.expires > now) continue;
    expired.push_back(
        refuse(waiting.request.id, Code::unreachable, "not sent in time: no connection, or too much in flight"));
  }
  if (expired.empty()) return;
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.expires <= now; });
  deliver_(std::move(expired));
}

void Stream::close() {
  is_closed_ = true;
  waiting_.clear();
  sent_.clear();
  if (call_ != nullptr) break_off();
}

void Stream::start() {
  call_ = std::make_unique<Call>(channel_);
  call_->stream = call_->stub->PrepareAsyncPipe(&call_->context, loop_.queue());
  ++call_->pending;
  call_->stream->StartCall(static_cast<Event*>(&started_));
}

void Stream::started(bool ok) {
  --call_->pending;
  if (!ok || call_->is_broken) {
    break_off();
    return settle();
  }
  ++call_->pending;
  call_->stream->ReadInitialMetadata(static_cast<Event*>(&accepted_));
}

// What is written to a node that never takes the stream up would be in doubt for nothing.
void Stream::accepted(bool ok) {
  --call_->pending;
  if (!ok || call_->is_broken || call_->context.GetServerInitialMetadata().count(rpc::pipe_accepted_key) == 0) {
    break_off();
    return settle();
  }
  call_->is_open = true;
  read();
  write();
}

void Stream::read() {
  call_->read_arena.Reset();
  call_->incoming = google::protobuf::Arena::CreateMessage<v1::PipeResponse>(&call_->read_arena);
  ++call_->pending;
  call_->stream->Read(call_->incoming, static_cast<Event*>(&received_));
}

void Stream::received(bool ok) {
  --call_->pending;
  if (ok && call_->incoming->has_closing()) call_->taken = call_->incoming->closing().requests_taken();
  if (!ok || call_->taken || call_->is_broken) {
    break_off();
    return settle();
  }
  std::vector<Response> responses;
  const int count = std::min(call_->incoming->ids_size(), call_->incoming->replies_size());
  responses.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const auto sent = sent_.find(call_->incoming->ids(i));
    if (sent == sent_.end()) continue;
    responses.push_back(to_response(RequestId(call_->incoming->ids(i)), *call_->incoming->mutable_replies(i)));
    if (responses.back().more) continue;
    sent_bytes_ -= sent->second.bytes;
    sent_.erase(sent);
  }
  read();
  if (!responses.empty()) deliver_(std::move(responses));
  write();  // room has come free
}

void Stream::write() {
  if (!call_->is_open || call_->has_ended || call_->is_broken || call_->is_writing) return;
  call_->write_arena.Reset();
  auto* batch = google::protobuf::Arena::CreateMessage<v1::PipeRequest>(&call_->write_arena);
  std::size_t bytes = 0;
  const std::uint64_t number = call_->batches + 1;
  for (const std::uint64_t id : std::exchange(cancels_, {})) batch->add_cancels(id);
  while (!waiting_.empty() && static_cast<std::size_t>(batch->ids_size()) < limits::batch_ops_max) {
    const Request& request = waiting_.front().request;
    const std::size_t more = weight_in_flight(request);
    if (bytes > 0 && bytes + more > limits::batch_bytes_max) break;
    // The server would refuse what is past its bound; here it only waits.
    if (sent_bytes_ > 0 && sent_bytes_ + more > limits::connection_in_flight_bytes_max) break;
    batch->add_ids(request.id.value());
    fill(request, *batch->add_operations());
    sent_.emplace(request.id.value(), Sent{.bytes = more, .batch = number});
    sent_bytes_ += more;
    bytes += more;
    waiting_.pop_front();
  }
  if (batch->ids_size() == 0 && batch->cancels_size() == 0) return;
  call_->batches = number;
  call_->is_writing = true;
  ++call_->pending;
  call_->stream->Write(*batch, static_cast<Event*>(&wrote_));
}

void Stream::wrote(bool ok) {
  --call_->pending;
  call_->is_writing = false;
  if (call_->is_broken) return settle();
  if (!ok) call_->has_ended = true;
  write();
}

// The stream is lost: says so of every request, once.
void Stream::break_off() {
  if (call_->is_broken) return;
  const bool was_open = call_->is_open;
  call_->is_broken = true;
  call_->context.TryCancel();
  if (is_closed_) return;
  std::vector<Response> answers;
  for (const auto& [id, sent] : sent_) {
    const bool was_taken = !call_->taken || sent.batch <= *call_->taken;
    answers.push_back(
        was_taken ? refuse(RequestId(id), Code::disconnected, "the connection broke before the answer came")
                  : refuse(RequestId(id), Code::not_ready, "the node is stopping, and has not taken this request"));
  }
  sent_.clear();
  sent_bytes_ = 0;
  cancels_.clear();
  for (const Waiting& waiting : waiting_) {
    answers.push_back(
        refuse(waiting.request.id, Code::unreachable, was_open ? "the connection broke; not sent" : "no connection"));
  }
  waiting_.clear();
  if (!answers.empty()) deliver_(std::move(answers));
}

// A broken call goes once its last tag has come back; what has been queued since opens the next.
void Stream::settle() {
  if (call_->pending > 0) return;
  call_.reset();
  flush();
}

}  // namespace rift::client
