// The pipe shape: the SDK, whose operations travel in batches; each client has its share of the operations in flight.
#include <future>

#include "cli/bench_load.h"
#include "client/client.h"

namespace rift::cli {
namespace {

// One client's closed loop. Everything after start() happens on that client's own thread.
class PipeLoad {
 public:
  PipeLoad(const LoadPlan& plan, std::unique_ptr<Client> client, std::uint32_t number, std::uint32_t in_flight)
      : plan_(plan),
        client_(std::move(client)),
        pacer_(plan, number, plan.options->clients, bench_now()),
        value_(plan.value),
        open_(in_flight) {}

  void start() {
    const std::uint32_t count = open_;
    for (std::uint32_t i = 0; i < count; ++i) {
      client_->submit(operation("bench/start", Verb::get), [this](const Answer&) { launch(); });
    }
  }
  LoadResult wait() {
    over_.get_future().wait();
    client_.reset();
    return pacer_.take_result();
  }

 private:
  caller::Operation operation(std::string key, Verb verb) {
    caller::Operation operation;
    operation.keyspace = plan_.options->keyspace;
    operation.verb = verb;
    operation.level = plan_.options->level;
    operation.key = Bytes(std::move(key));
    if (verb == Verb::put) operation.value = value_;
    return operation;
  }

  void launch() {
    const Time started = bench_now();
    auto key = pacer_.next(started);
    if (!key) {
      if (--open_ == 0) over_.set_value();
      return;
    }
    client_->submit(operation(std::move(*key), plan_.fill ? Verb::put : plan_.options->verb),
                    [this, started](const Answer& answer) {
                      pacer_.ended(started, bench_now(), answer.outcome, answer.why);
                      launch();
                    });
  }

  const LoadPlan& plan_;
  std::unique_ptr<Client> client_;
  Pacer pacer_;
  Bytes value_;
  std::uint32_t open_;
  std::promise<void> over_;
};

}  // namespace

Result<LoadResult> run_pipe_load(const LoadPlan& plan) {
  const BenchOptions& options = *plan.options;
  std::vector<std::unique_ptr<PipeLoad>> loads;
  for (std::uint32_t c = 0; c < options.clients; ++c) {
    const std::uint32_t share = options.in_flight / options.clients + (c < options.in_flight % options.clients ? 1 : 0);
    auto client = TRY(Client::connect({.endpoints = options.endpoints}));
    loads.push_back(std::make_unique<PipeLoad>(plan, std::move(client), c, share));
  }
  for (const auto& load : loads) load->start();
  LoadResult all;
  for (const auto& load : loads) all.merge(load->wait());
  return all;
}

}  // namespace rift::cli
