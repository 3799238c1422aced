// What the streamed methods of the public server have in common. StreamCalls accepts the calls of one method, gives each a sink of its own
// and destroys it when its last tag has come back; StreamCall is the life of one: accepted, attached to the front, writing, finished, done.
// What is read and written is up to the call that derives from it. Used by pipe.cc and watch_rpc.cc, on the polling thread; gRPC's own
// types come in by `Grpc` {Context, Stream, Status}, for no header of this room includes gRPC's.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "api/calls.h"

namespace rift::api {

// A Call has deliver(responses) and drain(), besides what StreamCall gives it.
template <class Call>
class StreamCalls final : public Calls {
 public:
  struct Bounds {
    SinkId first_sink;
    std::size_t calls_max = 0;  // past it a new call is ended as `overloaded`
  };
  StreamCalls(const Context& context, grpc::Service& service, Bounds bounds)
      : context_(context), service_(service), bounds_(bounds), next_sink_(bounds.first_sink.value()) {}

  void start() override { accept(); }
  void flush() override {
    for (const SinkId id : std::exchange(over_, {})) calls_.erase(id);
  }
  void drain() override {
    is_draining_ = true;
    for (const auto& [id, call] : calls_) call->drain();
  }
  bool is_drained() const override {
    return std::none_of(calls_.begin(), calls_.end(), [](const auto& call) { return call.second->is_open(); });
  }
  void stop() override {
    is_stopping_ = true;
    for (const auto& [id, call] : calls_) call->cancel();
  }

  void accept() {
    if (is_stopping_) return;
    const SinkId id(next_sink_++);
    calls_.emplace(id, std::make_unique<Call>(*this, id));
  }
  void attach(SinkId id) {
    context_.front->attach(
        id, std::make_unique<PostingSink>(context_.loop->mailbox(), [this, id](std::vector<Response> responses) {
          const auto it = calls_.find(id);
          if (it != calls_.end()) it->second->deliver(std::move(responses));
        }));
  }
  void over(SinkId id) { over_.push_back(id); }
  bool is_full() const { return calls_.size() > bounds_.calls_max; }
  bool is_draining() const { return is_draining_; }
  Front& front() { return *context_.front; }
  grpc::Service& service() { return service_; }
  grpc::ServerCompletionQueue* queue() { return context_.queue; }

 private:
  const Context context_;
  grpc::Service& service_;
  const Bounds bounds_;
  std::map<SinkId, std::unique_ptr<Call>> calls_;
  std::vector<SinkId> over_;  // to be destroyed once the drain of the queue is over
  std::uint64_t next_sink_;
  bool is_draining_ = false;
  bool is_stopping_ = false;
};

// `Self` derives from it and has begin() (the call has come), refuse() (it has come while the server drains) and wrote() (there is room for the
// next message). It asks gRPC for its call in its constructor, with accepted_event().
template <class Self, class Grpc>
class StreamCall {
 public:
  using Calls = StreamCalls<Self>;
  using Status = typename Grpc::Status;

  // One that is about to end may do so within the server's grace.
  void cancel() {
    if (is_open_ && !is_finishing_) context_.TryCancel();
  }
  bool is_open() const { return is_open_; }  // accepted, and not over

 protected:
  StreamCall(Calls& owner, SinkId id) : owner_(owner), id_(id) {
    ++pending_;  // accepted
    context_.AsyncNotifyWhenDone(static_cast<Event*>(&call_done_));
  }
  ~StreamCall() = default;

  Event* accepted_event() { return &accepted_; }
  void attach() {
    is_attached_ = true;
    owner_.attach(id_);
  }
  bool is_attached() const { return is_attached_; }
  bool can_write() const { return !is_writing_ && !is_finishing_; }
  // Ahead of the first message.
  void write_metadata() {
    is_writing_ = true;
    ++pending_;
    stream_.SendInitialMetadata(static_cast<Event*>(&write_done_));
  }
  template <class Message>
  void write_message(const Message& message) {
    is_writing_ = true;
    ++pending_;
    stream_.Write(message, static_cast<Event*>(&write_done_));
  }
  // After the write that is under way.
  void finish(const Status& status) {
    if (is_finishing_) return;
    is_finishing_ = true;
    if (is_writing_) {
      ending_ = status;
    } else {
      send_status(status);
    }
  }
  void leave_if_over() {
    if (pending_ == 0) owner_.over(id_);
  }

  Calls& owner_;
  const SinkId id_;
  typename Grpc::Context context_;
  typename Grpc::Stream stream_{&context_};
  int pending_ = 0;  // tags under way
  bool is_finishing_ = false;

 private:
  Self& self() { return static_cast<Self&>(*this); }
  void send_status(const Status& status) {
    ++pending_;
    stream_.Finish(status, static_cast<Event*>(&finished_));
  }

  void accepted(bool ok) {
    --pending_;
    if (!ok) return owner_.over(id_);  // the server shuts down; call_done never comes
    ++pending_;                        // call_done
    is_open_ = true;
    owner_.accept();
    if (owner_.is_draining()) return self().refuse();
    if (owner_.is_full()) return finish({Grpc::overloaded, "overloaded: too many streams"});
    self().begin();
  }
  void write_done(bool ok) {
    --pending_;
    is_writing_ = false;
    if (!ok) {
      context_.TryCancel();
    } else if (ending_) {
      send_status(*std::exchange(ending_, std::nullopt));
    } else {
      self().wrote();
    }
    leave_if_over();
  }
  void finished(bool) {
    --pending_;
    leave_if_over();
  }
  // The call is over, whoever ended it: the open requests have nobody to answer to.
  void call_done(bool) {
    --pending_;
    is_finishing_ = true;
    if (is_attached_) owner_.front().detach(id_);
    is_attached_ = false;
    is_open_ = false;
    leave_if_over();
  }

  bool is_open_ = false;
  bool is_attached_ = false;
  bool is_writing_ = false;
  std::optional<Status> ending_;  // to be sent once the write under way is over
  Tag<StreamCall> accepted_{this, &StreamCall::accepted};
  Tag<StreamCall> write_done_{this, &StreamCall::write_done};
  Tag<StreamCall> finished_{this, &StreamCall::finished};
  Tag<StreamCall> call_done_{this, &StreamCall::call_done};
};

}  // namespace rift::api
