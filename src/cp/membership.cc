#include "cp/membership.h"

#include <algorithm>

#include "base/node_list.h"

namespace rift::cp {
namespace {

using Nodes = std::vector<NodeId>;

Nodes sorted(Nodes nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

template <class Keep>
Nodes those(const Nodes& nodes, Keep keep) {
  Nodes kept;
  std::copy_if(nodes.begin(), nodes.end(), std::back_inserter(kept), keep);
  return sorted(std::move(kept));
}

const GroupPeer* find(const GroupState& state, NodeId node) {
  const auto it =
      std::find_if(state.peers.begin(), state.peers.end(), [&](const GroupPeer& p) { return p.node == node; });
  return it == state.peers.end() ? nullptr : &*it;
}

bool lives(const GroupState& state, NodeId node) {
  if (node == state.self) return true;
  const GroupPeer* peer = find(state, node);
  return peer != nullptr && peer->lives;
}

// A majority of them answers: what they are asked to decide, they can.
bool can_decide(const GroupState& state, const Nodes& voters) {
  const auto living = std::count_if(voters.begin(), voters.end(), [&](NodeId n) { return lives(state, n); });
  return static_cast<std::size_t>(living) >= voters.size() / 2 + 1;
}

// Learners count for nothing: all that are missing come at once, all that nobody wants go.
Nodes learners_to_be(const raft::Config& config, const topology::GroupWish& wish) {
  Nodes learners;
  for (const Nodes* wanted : {&wish.voters, &wish.learners}) {
    for (const NodeId node : *wanted) {
      if (!config.is_voter(node)) learners.push_back(node);
    }
  }
  return sorted(std::move(learners));
}

}  // namespace

bool is_caught_up(const GroupState& state, NodeId node) {
  if (node == state.self) return true;
  const GroupPeer* peer = find(state, node);
  return peer != nullptr && peer->lives && peer->match.value() + caught_up_entries_max >= state.last.value() &&
         peer->match > LogIndex(0);
}

std::optional<raft::Config> next_change(const GroupState& state, const topology::GroupWish& wish) {
  const raft::Config& config = state.config;
  if (wish.voters.empty() || config.is_joint()) return std::nullopt;
  raft::Config next{.voters = config.voters, .outgoing = {}, .learners = learners_to_be(config, wish)};
  if (next != config) return next;

  const auto is_ready = [&](NodeId n) { return config.is_voter(n) || is_caught_up(state, n); };
  const bool all_ready = std::all_of(wish.voters.begin(), wish.voters.end(), is_ready);
  // Who is not wanted any more stays until all who come in its place are there; a disk that is gone has nothing to stay for.
  const auto leaves = [&](NodeId n) { return !holds(wish.voters, n) && (all_ready || holds(wish.gone, n)); };
  next.voters = those(wish.voters, is_ready);
  for (const NodeId voter : config.voters) {
    if (!holds(next.voters, voter) && !leaves(voter)) next.voters.push_back(voter);
  }
  next.voters = sorted(std::move(next.voters));
  next.learners = those(config.learners, [&](NodeId n) { return !holds(next.voters, n); });
  for (const NodeId learner : wish.learners) {
    if (config.is_voter(learner) && !holds(next.voters, learner)) next.learners.push_back(learner);
  }
  next.learners = sorted(std::move(next.learners));
  if (next.voters == config.voters || !can_decide(state, config.voters) || !can_decide(state, next.voters))
    return std::nullopt;
  return next;
}

bool Stewardship::names(NodeId node) const { return holds(owners_, node); }

void Stewardship::observe(const topology::View& view, Time now) {
  if (view.catalog && view.catalog->epoch != epoch_) {
    epoch_ = view.catalog->epoch;
    wish_.reset();
    owners_.clear();
    for (const auto& [name, keyspace] : view.catalog->keyspaces) {
      for (const topology::Partition& partition : keyspace.partitions) {
        if (partition.id != options_.partition) continue;
        wish_ = topology::group_wish(keyspace, partition);
        owners_ = partition.owners;
      }
    }
    next_check_ = now;
    next_ask_ = now;
  }
  const NodeId preferred = wish_ && !wish_->voters.empty() ? wish_->voters.front() : NodeId();
  const bool is_there = preferred != NodeId() && view.reaches(preferred);
  if (preferred != preferred_ || !is_there) preferred_since_ = is_there ? now : Time::max();
  if (is_there && preferred_since_ == Time::max()) preferred_since_ = now;
  preferred_ = preferred;
}

bool Stewardship::check_due(Time now) {
  if (!wish_ || now < next_check_) return false;
  next_check_ = now + options_.check_interval;
  return true;
}

// Not soon after an election, nor to one who has only just come back: the group has other cares then. And whoever is sent the leadership in vain
// is sent it more and more rarely.
std::optional<NodeId> Stewardship::successor(const GroupState& state, Time now) {
  if (preferred_ == NodeId() || preferred_ == options_.self || preferred_since_ == Time::max()) return std::nullopt;
  if (now < elected_ + options_.calm || now < preferred_since_ + options_.calm || now < next_spread_)
    return std::nullopt;
  if (!state.config.is_voter(preferred_) || !is_caught_up(state, preferred_)) return std::nullopt;
  spread_pause_ = std::min(spread_pause_ * 2, options_.spread_pause_max);
  next_spread_ = now + spread_pause_;
  return preferred_;
}

std::vector<NodeId> Stewardship::ask_due(Time now) {
  if (!is_unwanted() || now < next_ask_) return {};
  next_ask_ = now + options_.ask_interval;
  return those(owners_, [this](NodeId n) { return n != options_.self; });
}

}  // namespace rift::cp
