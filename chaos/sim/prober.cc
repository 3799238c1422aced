#include "chaos/sim/prober.h"

#include <fmt/format.h>

namespace rift::chaos::sim {
namespace {

constexpr std::uint64_t first_client = 800'000;  // far above those of the load
constexpr Duration patience = std::chrono::milliseconds(1500);

}  // namespace

void Prober::put(const std::string& keyspace, NodeId through, const std::string& key, Done done) {
  load::Ask ask{.client = first_client + through.value(),
                .sequence = ++sequences_[through],
                .keyspace = keyspace,
                .node = through,
                .kind = load::Kind::write,
                .key = key,
                .level = Level::one,
                .timeout = patience};
  ask.value = fmt::format("c{},{}", ask.client, ask.sequence);
  const Time now(world_.now() - start_);
  const auto ticket = recorder_.begin(ask, now, now);
  store_.submit(ask, [this, ticket, done = std::move(done)](const load::Answer& answer, Time at) {
    recorder_.end(ticket, answer, at);
    done(answer.outcome == Outcome::done);
  });
}

}  // namespace rift::chaos::sim
