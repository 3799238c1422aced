// The unary shape: as many calls in flight as asked, over `clients` connections, one polling thread; the same code against RiftKV and etcd.
#include <deque>
#include <memory>

#include <grpcpp/grpcpp.h>

#include "base/limits.h"
#include "cli/bench_load.h"
#include "etcd/rpc.grpc.pb.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift::cli {
namespace {

namespace v1 = riftkv::v1;

struct Judged {
  Outcome outcome = Outcome::unknown;
  std::string why;
};

// One place in flight: makes a call, is told when it has ended, makes the next.
class Slot {
 public:
  virtual ~Slot() = default;
  virtual void start(const std::string& key, grpc::CompletionQueue& queue) = 0;
  virtual Judged judge() = 0;
  Time started;
};

template <class Stub, class Question, class Answer>
class TypedSlot final : public Slot {
 public:
  using Reader = std::unique_ptr<grpc::ClientAsyncResponseReader<Answer>>;
  using Ask = Reader (Stub::*)(grpc::ClientContext*, const Question&, grpc::CompletionQueue*);
  using Fill = void (*)(Question&, const LoadPlan&, const std::string& key);
  using Judge = Judged (*)(const Answer&);

  TypedSlot(Stub& stub, Ask ask, Fill fill, Judge judge_answer, const LoadPlan& plan)
      : stub_(stub), ask_(ask), fill_(fill), judge_(judge_answer), plan_(plan) {}

  void start(const std::string& key, grpc::CompletionQueue& queue) override {
    question_.Clear();
    fill_(question_, plan_, key);
    context_.emplace();
    context_->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    reader_ = (stub_.*ask_)(&*context_, question_, &queue);
    reader_->Finish(&answer_, &status_, static_cast<Slot*>(this));
  }
  Judged judge() override {
    if (!status_.ok()) return {Outcome::unknown, status_.error_message()};
    return judge_(answer_);
  }

 private:
  Stub& stub_;
  Ask ask_;
  Fill fill_;
  Judge judge_;
  const LoadPlan& plan_;
  Question question_;
  Answer answer_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  Reader reader_;
};

void fill_rift(v1::ExecuteRequest& request, const LoadPlan& plan, const std::string& key) {
  v1::Operation& operation = *request.mutable_operation();
  operation.set_keyspace(plan.options->keyspace);
  operation.set_key(key);
  operation.set_level(static_cast<v1::Level>(plan.options->level));
  if (plan.options->verb == Verb::get && !plan.fill) {
    operation.mutable_get();
  } else {
    operation.mutable_put()->set_value(plan.value);
  }
}

Judged judge_rift(const v1::ExecuteResponse& response) {
  const v1::Reply& reply = response.reply();
  if (reply.outcome() == v1::OUTCOME_DONE) return {Outcome::done, {}};
  return {reply.outcome() == v1::OUTCOME_NOT_DONE ? Outcome::not_done : Outcome::unknown,
          reply.code() + ": " + reply.why()};
}

void fill_etcd_put(etcdserverpb::PutRequest& request, const LoadPlan& plan, const std::string& key) {
  request.set_key(key);
  request.set_value(plan.value);
}

void fill_etcd_range(etcdserverpb::RangeRequest& request, const LoadPlan& plan, const std::string& key) {
  request.set_key(key);
  request.set_serializable(plan.options->level == Level::one);
}

template <class Answer>
Judged judge_etcd(const Answer&) {
  return {Outcome::done, {}};
}

class UnaryLoad {
 public:
  UnaryLoad(const LoadPlan& plan, const std::string& address) : plan_(plan), pacer_(plan, 0, 1, bench_now()) {
    for (std::uint32_t c = 0; c < plan.options->clients; ++c) connect(address);
    for (std::uint32_t i = 0; i < plan.options->in_flight; ++i) slots_.push_back(make_slot(i % plan.options->clients));
  }

  Result<LoadResult> run() {
    std::size_t open = 0;
    for (const auto& slot : slots_) open += launch(*slot) ? 1 : 0;
    void* tag = nullptr;
    bool ok = false;
    while (open > 0 && queue_.Next(&tag, &ok)) {
      Slot& slot = *static_cast<Slot*>(tag);
      const Judged judged = slot.judge();
      pacer_.ended(slot.started, bench_now(), judged.outcome, judged.why);
      if (!launch(slot)) --open;
    }
    queue_.Shutdown();
    while (queue_.Next(&tag, &ok)) {
    }
    return pacer_.take_result();
  }

 private:
  void connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // each client its own connection
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::grpc_message_bytes_max));
    const auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    rift_.push_back(v1::KvService::NewStub(channel));
    etcd_.push_back(etcdserverpb::KV::NewStub(channel));
  }

  std::unique_ptr<Slot> make_slot(std::uint32_t client) {
    if (plan_.options->target == BenchTarget::rift) {
      using T = TypedSlot<v1::KvService::Stub, v1::ExecuteRequest, v1::ExecuteResponse>;
      return std::make_unique<T>(*rift_[client], &v1::KvService::Stub::AsyncExecute, fill_rift, judge_rift, plan_);
    }
    using etcdserverpb::KV;
    if (plan_.options->verb == Verb::get && !plan_.fill) {
      using T = TypedSlot<KV::Stub, etcdserverpb::RangeRequest, etcdserverpb::RangeResponse>;
      return std::make_unique<T>(*etcd_[client], &KV::Stub::AsyncRange, fill_etcd_range,
                                 judge_etcd<etcdserverpb::RangeResponse>, plan_);
    }
    using T = TypedSlot<KV::Stub, etcdserverpb::PutRequest, etcdserverpb::PutResponse>;
    return std::make_unique<T>(*etcd_[client], &KV::Stub::AsyncPut, fill_etcd_put,
                               judge_etcd<etcdserverpb::PutResponse>, plan_);
  }

  bool launch(Slot& slot) {
    slot.started = bench_now();
    const auto key = pacer_.next(slot.started);
    if (key) slot.start(*key, queue_);
    return key.has_value();
  }

  const LoadPlan& plan_;
  Pacer pacer_;
  std::vector<std::unique_ptr<v1::KvService::Stub>> rift_;
  std::vector<std::unique_ptr<etcdserverpb::KV::Stub>> etcd_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace

Result<LoadResult> run_unary_load(const LoadPlan& plan, const std::string& address) {
  return UnaryLoad(plan, address).run();
}

}  // namespace rift::cli
