// ApCluster: a ReplicaCluster of ap replicas, each with the stamper that its node would own, made again after each crash as node does it: a new
// incarnation, the ceiling found on disk, an unclean start. Helpers to cut with the views that a failure detector would come to.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ap/replica.h"
#include "tests/kit/replica_cluster.h"
#include "wire/keys.h"
#include "wire/messages.h"
#include "wire/records.h"

namespace rift::ap {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ApCluster : public kit::ReplicaCluster {
 public:
  using Tune = std::function<void(NodeId, ap::Options&)>;

  explicit ApCluster(std::uint32_t nodes = 3, std::uint64_t seed = 1, Tune tune = {}, std::uint32_t copies = 0)
      : ApCluster(kit::ReplicaCluster::Options{.nodes = nodes, .copies = copies, .mode = Mode::ap, .seed = seed},
                  std::make_shared<Stampers>(), std::move(tune)) {}

  // Both sides stop hearing of each other; the views follow at once unless told otherwise.
  void split(const std::vector<NodeId>& a, const std::vector<NodeId>& b, bool seen = true) {
    for (const NodeId x : a) {
      for (const NodeId y : b) cut_both(x, y);
    }
    if (!seen) return;
    for (const NodeId x : a) observe(x, a);
    for (const NodeId y : b) observe(y, b);
  }
  // As node does it: liveness changes, the catalog stays the same object.
  void observe_same_catalog(NodeId node, std::vector<NodeId> reachable) {
    if (!shared_catalog_) shared_catalog_ = std::make_shared<const topology::Catalog>(catalog());
    at(node).observe(std::make_shared<const topology::View>(
        topology::View{.catalog = shared_catalog_, .self = node, .reachable = std::move(reachable)}));
  }
  // What its node finds out by pings: the median of the others, as set_wall_offset() has put them.
  void observe_skew(NodeId node, std::optional<topology::ClockSkew> skew) {
    if (!shared_catalog_) shared_catalog_ = std::make_shared<const topology::Catalog>(catalog());
    at(node).observe(std::make_shared<const topology::View>(
        topology::View{.catalog = shared_catalog_, .self = node, .reachable = nodes(), .clock_skew = std::move(skew)}));
  }
  void heal_and_see() {
    heal();
    observe_all(nodes());
  }
  // The next map: `node` is no owner any more, as after a loss that was accepted.
  void take_ownership(NodeId node) {
    topology::Catalog next = catalog();
    next.epoch = MapEpoch(next.epoch.value() + 1);
    std::erase(next.keyspaces.at("k").partitions.front().owners, node);
    change_catalog(std::move(next));
  }
  std::size_t hint_rows(std::uint32_t node) { return at(node).store().size(env::Table::hint); }
  ApReplica& ap(std::uint32_t node) { return static_cast<ApReplica&>(at(node).replica()); }
  causal::Stamper& stamper(NodeId node) { return *stampers_->at(node); }
  std::uint64_t hints(std::uint32_t node) { return ap(node).status().hints; }
  std::uint64_t counter(std::uint32_t node, const std::string& name) { return ap(node).status().counters.at(name); }

  std::map<std::string, causal::Envelope> contents(NodeId node) {
    std::map<std::string, causal::Envelope> all;
    const auto range = wire::ap_data_range(partition(), Generation(1));
    for (const auto& [key, value] :
         MUST(at(node).store().scan(env::Table::state_ap, range, 1'000'000, 1'000'000'000))) {
      all.emplace(std::string(MUST(wire::parse_ap_data_key(key))), MUST(wire::decode_envelope(value)));
    }
    return all;
  }
  std::map<std::string, causal::Envelope> contents(std::uint32_t node) { return contents(NodeId(node)); }
  bool converged() {
    for (const NodeId node : nodes()) {
      if (contents(node) != contents(NodeId(1))) return false;
    }
    return true;
  }
  bool rested() {
    for (const NodeId node : nodes()) {
      if (hints(node.value()) != 0 || ap(node.value()).status().pending != 0) return false;
    }
    return converged();
  }
  // Runs until nothing is owed to anybody and all hold the same.
  bool rest_within(Duration most) {
    const Time end = now() + most;
    while (now() < end && !rested()) run_for(milliseconds(10));
    return rested();
  }

 private:
  struct Stampers : std::map<NodeId, std::unique_ptr<causal::Stamper>> {};

  ApCluster(kit::ReplicaCluster::Options options, std::shared_ptr<Stampers> stampers, Tune tune)
      : kit::ReplicaCluster(options, factory(stampers, std::move(tune))), stampers_(std::move(stampers)) {}

  static Factory factory(std::shared_ptr<Stampers> stampers, Tune tune) {
    auto budgets = std::make_shared<std::map<NodeId, HandoffBudget>>();
    auto ledgers = std::make_shared<std::map<NodeId, std::unique_ptr<Ledger>>>();
    auto hedgings = std::make_shared<std::map<NodeId, Hedging>>();
    return [stampers, budgets, ledgers, hedgings,
            tune = std::move(tune)](const Making& making) -> Result<std::unique_ptr<Replica>> {
      auto& stamper = (*stampers)[making.self];
      const std::uint64_t incarnation =
          stamper ? stamper->incarnation() + (std::uint64_t{1} << 32) : std::uint64_t{1} << 32;
      const auto ceiling = TRY(making.store.get(env::Table::meta, wire::node_meta_key("hlc_ceiling")));
      const bool first_start = stamper == nullptr;
      stamper = std::make_unique<causal::Stamper>(
          causal::Stamper::Options{.node = making.self,
                                   .incarnation = incarnation,
                                   .ceiling = causal::Hlc(ceiling ? MUST(wire::decode_u64(*ceiling)) : 0)});
      auto& ledger = (*ledgers)[making.self];
      ledger = std::make_unique<Ledger>(making.self);
      ap::Options options{.partition = making.partition,
                          .name = "k/0",
                          .stamper = stamper.get(),
                          .handoff = &(*budgets)[making.self],
                          .ledger = ledger.get(),
                          .hedging = &(*hedgings)[making.self],
                          .unclean_start = !first_start,
                          .bounds = {},
                          .timers = {}};
      if (tune) tune(making.self, options);
      std::vector<NodeId> all;
      for (const auto& [node, member] : making.catalog.members) all.push_back(node);
      auto replica = TRY(ApReplica::create(options, kit::view_of(making.catalog, making.self, all), making.turn));
      return std::unique_ptr<Replica>(std::move(replica));
    };
  }

  std::shared_ptr<Stampers> stampers_;
  std::shared_ptr<const topology::Catalog> shared_catalog_;
};

inline Request at_level(Request request, Level level) { return kit::with_level(std::move(request), level); }

inline std::vector<NodeId> sorted(std::vector<NodeId> nodes) {
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

template <class Kind>
bool is(const Outgoing& message) {
  const auto decoded = wire::decode_message(message.message);
  return decoded && std::holds_alternative<Kind>(*decoded);
}

// Writes at ONE on `node` while nobody else hears of it.
inline Response write_alone(ApCluster& c, std::uint32_t node, Request request) {
  c.set_filter(
      [node](NodeId from, const Outgoing& message) { return from == NodeId(node) && is<wire::Store>(message); });
  const auto reply = c.call(NodeId(node), std::move(request));
  c.run_for(milliseconds(5));
  c.set_filter({});
  EXPECT_EQ(reply->outcome, Outcome::done) << reply->why;
  return *reply;
}

}  // namespace rift::ap
