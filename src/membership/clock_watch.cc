#include "membership/clock_watch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "topology/catalog.h"

namespace rift::membership {
namespace {

using std::chrono::milliseconds;

// No clock is asked for more than this: a peer may tell anything.
constexpr milliseconds wall_max{std::int64_t{1} << 50};

milliseconds whole(Duration d) { return std::chrono::floor<milliseconds>(d); }

milliseconds lead_of(WallTime wall, Time steady) {
  return std::clamp(wall.time_since_epoch(), -wall_max, wall_max) - whole(steady.time_since_epoch());
}

}  // namespace

void ClockWatch::set_members(std::span<const NodeId> members) {
  std::map<NodeId, std::optional<Known>> stay;
  for (const NodeId member : members) {
    if (member == self_) continue;
    const auto found = peers_.find(member);
    stay.emplace(member, found == peers_.end() ? std::nullopt : found->second);
  }
  peers_ = std::move(stay);
}

void ClockWatch::note(const Sample& sample, const Now& now) {
  const auto found = peers_.find(sample.from);
  if (found == peers_.end()) return;
  const Duration half = sample.round_trip / 2;
  found->second = Known{.lead = lead_of(sample.wall, now.steady - half),
                        .error = half + limits::clock_reading_error,
                        .measured = now.steady};
}

std::optional<ClockWatch::Offset> ClockWatch::offset(NodeId member, const Now& now) const {
  const auto found = peers_.find(member);
  if (found == peers_.end() || !found->second) return std::nullopt;
  const Known& known = *found->second;
  const Duration drifted = (now.steady - known.measured) / limits::clock_drift_one_in;
  return Offset{.clock = known.lead - lead_of(now.wall, now.steady),
                .uncertainty = whole(known.error + drifted) + milliseconds(1)};
}

// The median of the least and of the most that each offset can be: what lies beyond the bound by those does so whatever the true ones are. Of
// an even number the one nearer to this node's clock counts.
std::optional<topology::ClockSkew> ClockWatch::look(const Now& now) const {
  const auto bound = whole(limits::clock_drift_max);
  std::vector<milliseconds> least{milliseconds(0)}, most{milliseconds(0)}, clocks{milliseconds(0)};
  std::vector<NodeId> slower, faster;
  for (const auto& [node, known] : peers_) {
    const auto peer = offset(node, now);
    if (!peer) continue;
    clocks.push_back(peer->clock);
    least.push_back(peer->clock - peer->uncertainty);
    most.push_back(peer->clock + peer->uncertainty);
    if (least.back() > bound) faster.push_back(node);
    if (most.back() < -bound) slower.push_back(node);
  }
  if (clocks.size() < topology::majority(static_cast<std::uint32_t>(peers_.size() + 1))) return std::nullopt;
  const std::size_t low = (clocks.size() - 1) / 2, high = clocks.size() / 2;
  for (auto* values : {&least, &most, &clocks}) std::sort(values->begin(), values->end());
  if (least[low] > bound) return topology::ClockSkew{.ahead = -clocks[low], .of = std::move(faster)};
  if (most[high] < -bound) return topology::ClockSkew{.ahead = -clocks[high], .of = std::move(slower)};
  return std::nullopt;
}

bool ClockWatch::judge(const Now& now) {
  judged_at_ = lead_of(now.wall, now.steady);
  auto seen = look(now);
  const bool same = seen.has_value() == verdict_.has_value() &&
                    (!seen || (seen->of == verdict_->of && std::chrono::abs(seen->ahead - verdict_->ahead) < news));
  if (!same) verdict_ = std::move(seen);
  return !same;
}

bool ClockWatch::has_stepped(const Now& now) const {
  return judged_at_ && std::chrono::abs(lead_of(now.wall, now.steady) - *judged_at_) >= step_min;
}

}  // namespace rift::membership
