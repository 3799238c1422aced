#include "causal/clock.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::causal {
namespace {

// A wall clock before 1970 is a broken one; the logical part then does all the work.
Hlc at_wall(WallTime wall) { return Hlc::from_wall(std::max(wall, WallTime{})); }

Hlc later(Hlc hlc, std::chrono::milliseconds by) {
  return Hlc(hlc.bits() + (static_cast<std::uint64_t>(by.count()) << 16));
}

}  // namespace

Hlc drift_limit(WallTime wall) {
  const auto bound = std::chrono::duration_cast<std::chrono::milliseconds>(limits::clock_drift_max);
  return Hlc(later(at_wall(wall), bound).bits() | 0xffff);
}

Hlc HybridClock::tick(WallTime wall, Hlc above) {
  latest_ = std::max(at_wall(wall), successor(std::max(latest_, above)));
  return latest_;
}

bool HybridClock::observe(Hlc remote, WallTime wall) {
  if (remote > drift_limit(wall)) return false;
  latest_ = std::max(latest_, remote);
  return true;
}

Stamper::Stamper(const Options& options)
    : node_(options.node),
      incarnation_(options.incarnation),
      sequence_(options.last_sequence),
      clock_(options.ceiling),
      reserved_(options.ceiling),
      durable_(options.ceiling) {}

Stamper::Issued Stamper::issue(WallTime wall, Hlc stored) {
  Issued issued;
  issued.stamp.dot = Dot{.node = node_, .incarnation = incarnation_, .sequence = ++sequence_};
  if (stored > std::max(drift_limit(wall), clock_.latest())) {
    // The key stays writable (trap T03). No ceiling is needed: after a restart the incarnation decides against a stamp that got lost.
    issued.stamp.hlc = successor(stored);
    issued.covered = true;
    issued.beyond_drift = true;
    return issued;
  }
  issued.stamp.hlc = clock_.tick(wall, stored);
  issued.covered = issued.stamp.hlc <= durable_;
  if (later(issued.stamp.hlc, ceiling_margin) > reserved_) {
    reserved_ = later(issued.stamp.hlc, ceiling_ahead);
    issued.raise_ceiling = reserved_;
  }
  ASSERT(issued.stamp.hlc <= reserved_);
  return issued;
}

std::chrono::milliseconds Stamper::ahead(WallTime wall) const {
  return std::max(clock_.latest().wall() - drift_limit(wall).wall(), std::chrono::milliseconds::zero());
}

void Stamper::ceiling_durable(Hlc ceiling) {
  durable_ = std::max(durable_, ceiling);
  reserved_ = std::max(reserved_, durable_);
}

}  // namespace rift::causal
