#include "chaos/fault/fault.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/overloaded.h"

namespace rift::chaos::fault {
namespace {

std::string show(const std::vector<NodeId>& nodes) {
  std::string text = "{";
  for (NodeId node : nodes) text += (text.size() > 1 ? " " : "") + to_string(node);
  return text + '}';
}

void add_links(std::vector<Link>& links, const std::vector<NodeId>& from, const std::vector<NodeId>& to) {
  for (NodeId a : from) {
    for (NodeId b : to) {
      if (a != b) links.push_back({a, b});
    }
  }
}

Result<Fault> resolve_split(const SplitLeaderToMinority& plan, const Facts& facts, Rng& rng) {
  const auto leader = std::find_if(facts.leaders.begin(), facts.leaders.end(),
                                   [&](const Facts::Leader& l) { return l.keyspace == plan.keyspace; });
  if (leader == facts.leaders.end())
    return fail(Code::not_ready, "no leader of keyspace \"" + plan.keyspace + "\" is known");
  if (plan.minority_size == 0 || plan.minority_size * 2 >= facts.nodes.size()) {
    return fail(Code::invalid, fmt::format("{} of {} nodes are no minority", plan.minority_size, facts.nodes.size()));
  }
  std::vector<NodeId> majority = facts.nodes;
  std::sort(majority.begin(), majority.end());
  const auto at = std::find(majority.begin(), majority.end(), leader->node);
  if (at == majority.end())
    return fail(Code::invalid, "the leader " + to_string(leader->node) + " is not a node of the cluster");
  majority.erase(at);
  std::vector<NodeId> minority = {leader->node};
  while (minority.size() < plan.minority_size) {
    const auto drawn = majority.begin() + static_cast<std::ptrdiff_t>(rng.below(majority.size()));
    minority.push_back(*drawn);
    majority.erase(drawn);
  }
  std::sort(minority.begin(), minority.end());
  return Fault(Split{{std::move(majority), std::move(minority)}});
}

}  // namespace

Result<Fault> resolve(const Plan& plan, const Facts& facts, Rng& rng) {
  return std::visit(overloaded{[](const Fault& fault) -> Result<Fault> { return fault; },
                               [&](const SplitLeaderToMinority& split) { return resolve_split(split, facts, rng); }},
                    plan);
}

std::vector<Link> cut_links(const Fault& fault) {
  std::vector<Link> links;
  std::visit(overloaded{[&](const Split& split) {
                          for (const auto& a : split.groups) {
                            for (const auto& b : split.groups) {
                              if (&a != &b) add_links(links, a, b);
                            }
                          }
                        },
                        [&](const OneWay& cut) { add_links(links, cut.from, cut.to); }, [](const Delay&) {},
                        [](const Heal&) {}, [](const Kill&) {}, [](const Restart&) {}, [](const Pause&) {},
                        [](const Resume&) {}},
             fault);
  std::sort(links.begin(), links.end());
  return links;
}

std::string_view name_of(const Fault& fault) {
  return std::visit(overloaded{[](const Split&) { return "split"; }, [](const OneWay&) { return "one_way"; },
                               [](const Delay&) { return "delay"; }, [](const Heal&) { return "heal"; },
                               [](const Kill&) { return "kill"; }, [](const Restart&) { return "restart"; },
                               [](const Pause&) { return "pause"; }, [](const Resume&) { return "resume"; }},
                    fault);
}

std::string describe(const Fault& fault) {
  const std::string name(name_of(fault));
  return std::visit(
      overloaded{[&](const Split& split) {
                   std::string text = name;
                   for (const auto& group : split.groups)
                     text += (&group == &split.groups.front() ? " " : " | ") + show(group);
                   return text;
                 },
                 [&](const OneWay& cut) { return fmt::format("{} {} -x- {}", name, show(cut.from), show(cut.to)); },
                 [&](const Delay& d) {
                   return fmt::format("{} {} links by {:.0f} ms", name, d.links.size(), to_milliseconds(d.delay));
                 },
                 [&](const Heal&) { return name; }, [&](const Kill& f) { return name + ' ' + to_string(f.node); },
                 [&](const Restart& f) { return name + ' ' + to_string(f.node); },
                 [&](const Pause& f) { return name + ' ' + to_string(f.node); },
                 [&](const Resume& f) { return name + ' ' + to_string(f.node); }},
      fault);
}

}  // namespace rift::chaos::fault
