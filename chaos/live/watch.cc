#include "chaos/live/watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace rift::chaos::live {

Watch::Watch(Options options, Mailbox& mailbox, const RunClock& clock)
    : options_(std::move(options)),
      observer_(options_.endpoints),
      mailbox_(mailbox),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Watch::run(const std::stop_token& stop) {
  std::optional<NodeId> last;
  auto next = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    const auto leading = observer_.leader(options_.led_keyspace);
    if (leading && *leading && *leading != last) {
      last = *leading;
      mailbox_.post([tell = options_.on_leader, node = **leading] { tell(node); });
    }
    if (is_sampling_) take_samples();
    next = std::max(next + check::sample_period, std::chrono::steady_clock::now());
    std::this_thread::sleep_until(next);
  }
}

void Watch::take_samples() {
  for (const std::string& keyspace : options_.sampled_keyspaces) {
    auto sample = observer_.sample(keyspace, clock_.now());
    if (!sample) continue;  // a node did not answer: no sample this time
    mailbox_.post([tell = options_.on_sample, keyspace, taken = std::move(*sample)]() mutable {
      tell(keyspace, std::move(taken));
    });
  }
}

}  // namespace rift::chaos::live
