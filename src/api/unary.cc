// KvService.Execute: one call, one request. All calls of the server share one sink, so that the requests of one drain of the queue are
// one submit and the replies of one shard round one delivery.
#include <algorithm>
#include <optional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include "api/calls.h"
#include "api/convert.h"
#include "base/limits.h"
#include "replica/weight.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;
using Kv = v1::KvService::AsyncService;

constexpr SinkId unary_sink{1};
constexpr std::size_t accepts_posted = 128;           // calls that may arrive in one drain
constexpr std::size_t calls_max = 16 * limits::kibi;  // past it new ones wait in gRPC
constexpr std::size_t in_flight_bytes_max = 64 * limits::mebi;
constexpr std::uint64_t slot_bits = 16;
static_assert(calls_max < (1ULL << slot_bits));

class UnaryCalls;

// A slot that serves one call after the other.
class UnaryCall {
 public:
  UnaryCall(UnaryCalls& owner, std::size_t slot) : owner_(owner), slot_(slot) {}

  void accept();
  void answer(Response&& response);
  void abandon();
  bool is_running(std::uint64_t id) const { return is_running_ && id == id_; }
  bool is_running() const { return is_running_; }
  std::size_t footprint = 0;

 private:
  void accepted(bool ok);
  void finished(bool ok);
  Duration budget_left() const;

  UnaryCalls& owner_;
  std::size_t slot_;
  std::uint64_t id_ = 0;
  std::uint64_t generation_ = 0;
  bool is_running_ = false;
  v1::ExecuteRequest request_;
  v1::ExecuteResponse response_;
  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<v1::ExecuteResponse>> writer_;
  Tag<UnaryCall> accepted_{this, &UnaryCall::accepted};
  Tag<UnaryCall> finished_{this, &UnaryCall::finished};
};

class UnaryCalls final : public Calls {
 public:
  UnaryCalls(const Context& context, Kv& service) : context_(context), service_(service) {}

  void start() override {
    context_.front->attach(
        unary_sink, std::make_unique<PostingSink>(context_.loop->mailbox(), [this](std::vector<Response> responses) {
          deliver(std::move(responses));
        }));
    for (std::size_t i = 0; i < accepts_posted; ++i) add_slot();
  }

  void flush() override {
    if (!batch_.empty()) context_.front->submit(unary_sink, std::exchange(batch_, {}));
  }

  void drain() override { is_draining_ = true; }
  bool is_drained() const override {
    return std::none_of(calls_.begin(), calls_.end(), [](const auto& call) { return call->is_running(); });
  }

  void stop() override {
    is_stopping_ = true;
    batch_.clear();
    context_.front->detach(unary_sink);
    for (const auto& call : calls_) {
      if (call->is_running()) call->abandon();
    }
  }

  void submit(Request&& request) { batch_.push_back(std::move(request)); }
  bool admit(std::size_t bytes) {
    if (in_flight_bytes_ > 0 && in_flight_bytes_ + bytes > in_flight_bytes_max) return false;
    in_flight_bytes_ += bytes;
    return true;
  }
  void release(std::size_t bytes) { in_flight_bytes_ -= bytes; }
  void slot_taken() {
    --posted_;
    if (posted_ < accepts_posted && calls_.size() < calls_max) add_slot();
  }
  void repost(UnaryCall& call) {
    if (is_stopping_) return;
    ++posted_;
    call.accept();
  }
  bool is_draining() const { return is_draining_; }
  bool is_stopping() const { return is_stopping_; }
  Kv& service() { return service_; }
  grpc::ServerCompletionQueue* queue() { return context_.queue; }

 private:
  void add_slot() {
    calls_.push_back(std::make_unique<UnaryCall>(*this, calls_.size()));
    repost(*calls_.back());
  }

  void deliver(std::vector<Response> responses) {
    if (is_stopping_) return;
    for (Response& response : responses) {
      const std::uint64_t id = response.id.value();
      const std::size_t slot = id & ((1ULL << slot_bits) - 1);
      if (slot < calls_.size() && calls_[slot]->is_running(id)) calls_[slot]->answer(std::move(response));
    }
  }

  Context context_;
  Kv& service_;
  std::vector<std::unique_ptr<UnaryCall>> calls_;
  std::vector<Request> batch_;
  std::size_t posted_ = 0;
  std::size_t in_flight_bytes_ = 0;
  bool is_draining_ = false;
  bool is_stopping_ = false;
};

void UnaryCall::accept() {
  request_.Clear();
  writer_.reset();
  context_.emplace();
  writer_.emplace(&*context_);
  owner_.service().RequestExecute(&*context_, &request_, &*writer_, owner_.queue(), owner_.queue(),
                                  static_cast<Event*>(&accepted_));
}

void UnaryCall::accepted(bool ok) {
  if (!ok) return;  // the server is shutting down
  owner_.slot_taken();
  id_ = (++generation_ << slot_bits) | slot_;
  is_running_ = true;
  footprint = 0;
  if (owner_.is_draining()) return answer(refuse(RequestId(id_), Code::not_ready, why_stopping));
  auto request = to_request(RequestId(id_), *request_.mutable_operation());
  if (!request) return answer(refuse(RequestId(id_), request.error().code, std::move(request.error().detail)));
  if (request->verb == Verb::watch)
    return answer(refuse(RequestId(id_), Code::unsupported, "Execute gives one answer", "use the call Watch, or Pipe"));
  if (request->budget == Duration::zero()) request->budget = budget_left();
  const std::size_t bytes = weight_in_flight(*request);
  if (!owner_.admit(bytes))
    return answer(refuse(RequestId(id_), Code::overloaded, "too many bytes in flight in unary calls"));
  footprint = bytes;
  owner_.submit(std::move(*request));
}

// A caller that states its time only as gRPC's deadline is heard too.
Duration UnaryCall::budget_left() const {
  const auto deadline = context_->deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return Duration::zero();
  const Duration left = deadline - std::chrono::system_clock::now();
  return std::clamp<Duration>(left, std::chrono::milliseconds(1), limits::request_budget_max);
}

void UnaryCall::answer(Response&& response) {
  is_running_ = false;
  response_.Clear();
  to_reply(std::move(response), *response_.mutable_reply());
  writer_->Finish(response_, grpc::Status::OK, static_cast<Event*>(&finished_));
}

// The node stops without an answer: what became of the request is not known here. (UNAVAILABLE would invite a client to send it once more.)
void UnaryCall::abandon() {
  is_running_ = false;
  writer_->FinishWithError({grpc::StatusCode::UNKNOWN, "disconnected: the node is stopping"},
                           static_cast<Event*>(&finished_));
}

void UnaryCall::finished(bool) {
  owner_.release(std::exchange(footprint, 0));
  if (owner_.is_stopping()) {
    writer_.reset();
    context_.reset();
    return;
  }
  owner_.repost(*this);
}

}  // namespace

std::unique_ptr<Calls> make_unary_calls(const Context& context, grpc::Service& kv) {
  return std::make_unique<UnaryCalls>(context, static_cast<Kv&>(kv));
}

}  // namespace rift::api
