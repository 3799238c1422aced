#include <algorithm>

#include <fmt/core.h>

#include "chaos/fault/rows.h"

namespace rift::chaos::fault {
namespace {

using Nodes = std::vector<NodeId>;

enum class Ways : std::uint8_t { both, one };

// What `from` sends to `to` is stopped, or both ways.
void stop(std::vector<Link>& links, const Nodes& from, const Nodes& to, Ways ways) {
  for (const NodeId a : from) {
    for (const NodeId b : to) {
      links.push_back({a, b});
      if (ways == Ways::both) links.push_back({b, a});
    }
  }
}

Nodes draw(Nodes& from, std::size_t count, Rng& rng) {
  Nodes drawn;
  while (drawn.size() < count) {
    const auto at = from.begin() + static_cast<std::ptrdiff_t>(rng.below(from.size()));
    drawn.push_back(*at);
    from.erase(at);
  }
  return drawn;
}

Nodes join(Nodes a, const Nodes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Two groups, all links between them.
Cut split(Nodes majority, Nodes minority) {
  Cut cut{.links = {}, .majority = std::move(majority), .minority = std::move(minority)};
  stop(cut.links, cut.majority, cut.minority, Ways::both);
  return cut;
}

Cut bridge(NodeId leader, Nodes others, bool leader_is_bridge, Rng& rng) {
  Nodes centre = leader_is_bridge ? Nodes{leader} : draw(others, 1, rng);
  Nodes left = leader_is_bridge ? draw(others, others.size() / 2, rng)
                                : join({leader}, draw(others, (others.size() - 1) / 2, rng));
  Cut cut;
  stop(cut.links, left, others, Ways::both);
  cut.majority = join(std::move(left), centre);
  if (leader_is_bridge) {
    cut.majority = join(std::move(cut.majority), others);
  } else {
    cut.minority = std::move(others);
  }
  return cut;
}

// A ring in drawn order, the leader first: links remain between neighbours that are at most a quarter of the ring apart.
Cut ring(NodeId leader, Nodes others, Rng& rng) {
  const Nodes order = join({leader}, draw(others, others.size(), rng));
  const std::size_t reach = order.size() / 4;
  const auto apart = [&](std::size_t a, std::size_t b) {
    const std::size_t ahead = (b + order.size() - a) % order.size();
    return std::min(ahead, order.size() - ahead);
  };
  Cut cut;
  for (std::size_t a = 0; a < order.size(); ++a) {
    (apart(0, a) <= reach ? cut.majority : cut.minority).push_back(order[a]);
    for (std::size_t b = 0; b < order.size(); ++b) {
      if (a != b && apart(a, b) > reach) cut.links.push_back({order[a], order[b]});
    }
  }
  return cut;
}

Cut shatter(const Nodes& nodes) {
  Cut cut{.links = {}, .majority = {}, .minority = nodes};
  for (const NodeId a : nodes) {
    for (const NodeId b : nodes) {
      if (a != b) cut.links.push_back({a, b});
    }
  }
  return cut;
}

Cut one_way(const Nodes& from, const Nodes& to, Nodes majority, Nodes minority) {
  Cut cut{.links = {}, .majority = std::move(majority), .minority = std::move(minority)};
  stop(cut.links, from, to, Ways::one);
  return cut;
}

Cut without(NodeId deaf, Nodes others) {
  std::erase(others, deaf);
  return one_way(others, {deaf}, others, {deaf});
}

Cut draw_cut(Shape shape, Nodes nodes, NodeId leader, Rng& rng) {
  Nodes others = nodes;
  std::erase(others, leader);
  const std::size_t minority = (nodes.size() - 1) / 2;
  switch (shape) {
    case Shape::leader_with_majority: {
      Nodes small = draw(others, minority, rng);
      return split(join({leader}, others), std::move(small));
    }
    case Shape::leader_with_minority: {
      Nodes small = join({leader}, draw(others, minority - 1, rng));
      return split(std::move(others), std::move(small));
    }
    case Shape::leader_alone:
      return split(std::move(others), {leader});
    case Shape::shatter:
      return shatter(nodes);
    case Shape::halves: {
      Nodes half = draw(nodes, nodes.size() / 2, rng);
      Cut cut = split(std::move(half), std::move(nodes));
      cut.minority = join(std::move(cut.majority), cut.minority);
      cut.majority.clear();
      return cut;
    }
    case Shape::bridge_at_leader:
      return bridge(leader, std::move(others), true, rng);
    case Shape::bridge_at_follower:
      return bridge(leader, std::move(others), false, rng);
    case Shape::ring:
      return ring(leader, std::move(others), rng);
    case Shape::deaf_leader:
      return without(leader, std::move(others));
    case Shape::mute_leader:
      return one_way({leader}, others, others, {leader});
    case Shape::deaf_follower:
      return without(draw(others, 1, rng).front(), nodes);
    case Shape::any_minority: {
      Nodes small = draw(nodes, minority, rng);
      return split(std::move(nodes), std::move(small));
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(Shape shape) {
  switch (shape) {
    case Shape::leader_with_majority:
      return "the leader with the majority";
    case Shape::leader_with_minority:
      return "the leader with the minority";
    case Shape::leader_alone:
      return "the leader alone";
    case Shape::shatter:
      return "everybody alone";
    case Shape::halves:
      return "two halves";
    case Shape::bridge_at_leader:
      return "a bridge, the leader its middle";
    case Shape::bridge_at_follower:
      return "a bridge, the leader at one end";
    case Shape::ring:
      return "a ring of majorities";
    case Shape::deaf_leader:
      return "a deaf leader";
    case Shape::mute_leader:
      return "a mute leader";
    case Shape::deaf_follower:
      return "a deaf follower";
    case Shape::any_minority:
      return "a majority and a minority";
  }
  return "";
}

Result<Cut> cut_of(Shape shape, std::vector<NodeId> nodes, NodeId leader, Rng& rng) {
  std::sort(nodes.begin(), nodes.end());
  const std::size_t least = shape == Shape::halves ? 2 : shape == Shape::ring ? 5 : 3;
  if (nodes.size() < least)
    return fail(Code::invalid, fmt::format("{} nodes are too few for {}", nodes.size(), to_string(shape)));
  if (shape == Shape::halves && nodes.size() % 2 != 0)
    return fail(Code::invalid, fmt::format("{} nodes have no halves", nodes.size()));
  if (shape == Shape::leader_with_minority && nodes.size() < 5)
    return fail(Code::invalid, "with fewer than five nodes a leader in the minority is alone");
  if (!std::binary_search(nodes.begin(), nodes.end(), leader)) return fail(Code::not_ready, "no leader is known");
  Cut cut = draw_cut(shape, std::move(nodes), leader, rng);
  std::sort(cut.links.begin(), cut.links.end());
  std::sort(cut.majority.begin(), cut.majority.end());
  std::sort(cut.minority.begin(), cut.minority.end());
  return cut;
}

}  // namespace rift::chaos::fault
