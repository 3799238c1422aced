#include "chaos/live/inject.h"

#include "base/overloaded.h"

namespace rift::chaos::live {
namespace {

Result<Injected> heal(Network& network) {
  for (const LinkState& link : network.show()) {
    if (link.delay != Duration::zero()) TRY(network.delay(link.id, Duration::zero()));
  }
  Injected injected;
  for (const HealedCut& cut : TRY(network.heal(""))) {
    injected.links.insert(injected.links.end(), cut.links.begin(), cut.links.end());
  }
  return injected;
}

Result<Injected> nothing_to_prove(const Result<void>& result) {
  TRY(result);
  return Injected{};
}

Result<Injected> delay(Network& network, const fault::Delay& fault) {
  for (const fault::Link& link : fault.links) TRY(network.delay({link.from, link.to}, fault.delay));
  return Injected{};
}

Result<Injected> cut(Network& network, const Groups& groups, CutKind kind) {
  TRY(network.cut(groups, kind));
  return Injected{};
}

}  // namespace

Result<Injected> inject(LocalCluster& cluster, const fault::Fault& fault) {
  Network& network = cluster.network();
  cluster::Supervisor& nodes = cluster.supervisor();
  return std::visit(overloaded{[&](const fault::Split& f) { return cut(network, f.groups, CutKind::both_ways); },
                               [&](const fault::OneWay& f) {
                                 return cut(network, {f.from, f.to}, CutKind::one_way);
                               },
                               [&](const fault::Delay& f) { return delay(network, f); },
                               [&](const fault::Heal&) { return heal(network); },
                               [&](const fault::Kill& f) { return nothing_to_prove(nodes.kill(f.node)); },
                               [&](const fault::Restart& f) { return nothing_to_prove(nodes.restart(f.node)); },
                               [&](const fault::Pause& f) { return nothing_to_prove(nodes.pause(f.node)); },
                               [&](const fault::Resume& f) { return nothing_to_prove(nodes.resume(f.node)); }},
                    fault);
}

}  // namespace rift::chaos::live
