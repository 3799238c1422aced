#include "chaos/live/playground.h"

#include <algorithm>

#include <fmt/core.h>

#include "chaos/live/inject.h"

namespace rift::chaos::live {
namespace {

constexpr auto endless = std::chrono::hours(24 * 365);
constexpr auto nap_max = std::chrono::milliseconds(50);

}  // namespace

Playground::Playground(LocalCluster& cluster, const StoryOptions& options, load::Generator generator)
    : cluster_(cluster), options_(options), generator_(std::move(generator)), rng_(options.seed) {}

// The SDK's threads and the watch stop first; what they had posted goes with the mailbox.
Playground::~Playground() {
  watch_.reset();
  store_.reset();
}

Result<std::unique_ptr<Playground>> Playground::create(LocalCluster& cluster, const StoryOptions& options) {
  TRY(prepare_keyspaces(cluster, options));
  load::LoadOptions load = story_load(cluster, options);
  load.length = endless;
  auto playground = std::unique_ptr<Playground>(new Playground(cluster, options, TRY(load::Generator::create(load))));
  const cluster::Plan plan = cluster.plan();
  playground->store_ = TRY(LiveStore::connect(client_endpoints(plan), playground->mailbox_, playground->clock_));
  playground->clock_ = RunClock();  // nothing is under way yet; the load begins at 0
  playground->watch_ = std::make_unique<Watch>(
      Watch::Options{.endpoints = direct_endpoints(plan),
                     .led_keyspace = options.cp_keyspace,
                     .sampled_keyspaces = {},
                     .on_leader = [self = playground.get()](NodeId node) { self->leader_ = node; }},
      playground->mailbox_, playground->clock_);
  return playground;
}

void Playground::submit(const load::Attempt& attempt) {
  store_->submit(attempt.ask, [this, ask = attempt.ask](const load::Answer& answer, Time) {
    Numbers& numbers = numbers_[ask.keyspace][ask.node];
    switch (answer.outcome) {
      case Outcome::done:
        ++numbers.answered;
        break;
      case Outcome::not_done:
        ++numbers.refused;
        break;
      case Outcome::unknown:
        ++numbers.unknown;
        break;
    }
  });
}

void Playground::run_for(Duration duration) {
  const Time end = clock_.now() + duration;
  while (clock_.now() < end) {
    while (generator_.next_due() && *generator_.next_due() <= clock_.now()) submit(generator_.take());
    const Duration nap = std::min<Duration>(end - clock_.now(), nap_max);
    for (Task& task : mailbox_.take(std::max(nap, Duration::zero()))) task();
  }
}

Result<std::string> Playground::cut() {
  if (!cluster_.network().cuts().empty()) return rift::fail(Code::invalid, "the network is cut already; h heals it");
  if (!leader_) return rift::fail(Code::no_leader, "nobody leads " + options_.cp_keyspace + " right now");
  fault::Facts facts;
  const cluster::Plan plan = cluster_.plan();
  for (const auto& node : plan.nodes) facts.nodes.push_back(node.node);
  facts.leaders.push_back({options_.cp_keyspace, *leader_});
  const fault::Plan wish =
      fault::SplitLeaderToMinority{.keyspace = options_.cp_keyspace, .minority_size = options_.schedule.minority_size};
  const fault::Fault fault = TRY(fault::resolve(wish, facts, rng_));
  TRY(inject(cluster_, fault));
  return fmt::format("{}; {} led {}", fault::describe(fault), rift::to_string(*leader_), options_.cp_keyspace);
}

Result<std::string> Playground::heal() {
  const Injected injected = TRY(inject(cluster_, fault::Heal{}));
  if (injected.links.empty()) return std::string("nothing was cut");
  std::uint64_t held = 0;
  for (const auto& link : injected.links) held += link.bytes_held;
  return fmt::format("healed; {} links had held {} bytes", injected.links.size(), held);
}

Result<std::string> Playground::kill() {
  std::optional<NodeId> victim;
  for (const auto& node : cluster_.supervisor().report()) {
    if (node.state != cluster::NodeState::running) continue;
    if (!victim || node.node == leader_) victim = node.node;
  }
  if (!victim) return rift::fail(Code::invalid, "no node runs; r starts them again");
  TRY(cluster_.supervisor().kill(*victim));
  return fmt::format("killed {}{}; r starts it again", rift::to_string(*victim),
                     victim == leader_ ? ", which led" : "");
}

Result<std::string> Playground::restart() {
  std::string text;
  for (const auto& node : cluster_.supervisor().report()) {
    if (node.state != cluster::NodeState::stopped) continue;
    TRY(cluster_.supervisor().start(node.node));
    text += " " + rift::to_string(node.node);
  }
  return text.empty() ? std::string("every node runs") : "started" + text;
}

std::map<std::string, std::map<NodeId, Numbers>> Playground::take_numbers() { return std::exchange(numbers_, {}); }

}  // namespace rift::chaos::live
