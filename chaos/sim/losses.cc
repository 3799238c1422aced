#include "chaos/sim/losses.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/node_list.h"
#include "causal/merge.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::chaos::sim {
namespace {

// What is left of a key: the versions that owners hold, and both of every loss that was told.
using Left = std::map<std::pair<PartitionId, std::string>, std::vector<causal::Envelope>>;

std::vector<env::KeyValue> all_rows(SimDisk& disk, env::Table table) {
  return MUST(
      disk.scan(table, env::Range{}, std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max()));
}

void add_held(NodeId node, SimDisk& disk, const topology::Keyspace& keyspace, Left& left) {
  for (const topology::Partition& partition : keyspace.partitions) {
    if (!holds(partition.owners, node)) continue;
    const auto range = wire::ap_data_range(partition.id, Generation(1));
    for (const auto& [disk_key, value] :
         MUST(disk.scan(env::Table::state_ap, range, std::numeric_limits<std::size_t>::max(),
                        std::numeric_limits<std::size_t>::max()))) {
      const std::string key(MUST(wire::parse_ap_data_key(disk_key)));
      left[{partition.id, key}].push_back(MUST(wire::decode_envelope(value)));
    }
  }
}

void add_told(SimDisk& disk, Left& left) {
  for (const auto& [disk_key, value] : all_rows(disk, env::Table::ledger)) {
    wire::LedgerRecord record = MUST(wire::decode_ledger(value));
    auto& versions = left[{MUST(wire::parse_ledger_key(disk_key)).partition, record.key.to_string()}];
    versions.push_back(std::move(record.winner));
    versions.push_back(std::move(record.loser));
  }
}

// Who writes with a token stands on the version that it names, not on what that one stood on: its node need not have held it.
class Past {
 public:
  void add(const SimDisk::Contexts& contexts) { contexts_.insert(contexts.begin(), contexts.end()); }
  // The writer of `version` had seen `write`, or one whose writer had, and so on.
  bool reaches(const causal::Envelope& version, const causal::Dot& write) const {
    std::set<causal::Dot> visited;
    std::vector<causal::Envelope> open = {version};
    while (!open.empty()) {
      const causal::Envelope next = std::move(open.back());
      open.pop_back();
      if (causal::covers(next, write)) return true;
      for (const causal::Actor& actor : next.context) {
        const causal::Dot dot{.node = actor.node, .incarnation = actor.incarnation, .sequence = actor.sequence};
        const auto known = contexts_.find(dot);
        if (known == contexts_.end() || !visited.insert(dot).second) continue;
        open.push_back(causal::Envelope{.stamp = {.hlc = {}, .dot = dot}, .payload = {}, .context = known->second});
      }
    }
    return false;
  }

 private:
  SimDisk::Contexts contexts_;
};

// A context that is full may have forgotten whom it stands on.
bool accounts_for(const causal::Envelope& version, const causal::Dot& write, const Past& past) {
  return version.stamp.dot == write || version.context.size() == limits::context_actors_max ||
         past.reaches(version, write);
}

}  // namespace

std::vector<Answered> find_silent_losses(Cluster& cluster, const std::string& keyspace,
                                         const std::vector<Answered>& answers) {
  const auto map = cluster.keyspace(keyspace);
  if (map->atomic) return {};  // its writes have one order, as a linearizable history proves
  Left left;
  Past past;
  for (auto& [id, node] : cluster.nodes()) {
    add_held(id, node->disk(), *map, left);
    add_told(node->disk(), left);
    past.add(node->disk().contexts());
  }
  std::vector<Answered> lost;
  for (const Answered& answer : answers) {
    if (answer.keyspace != keyspace || !answer.is_write()) continue;
    const causal::Dot dot{.node = answer.version.dot_node,
                          .incarnation = answer.version.dot_incarnation,
                          .sequence = answer.version.dot_sequence};
    const auto& versions = left[{topology::place(*map, answer.key).id, answer.key}];
    const bool is_accounted_for = std::any_of(versions.begin(), versions.end(), [&](const causal::Envelope& version) {
      return accounts_for(version, dot, past);
    });
    if (!is_accounted_for) lost.push_back(answer);
  }
  return lost;
}

std::string describe_silent_loss(const Answered& write) {
  return fmt::format(
      "{}: {} at version {} was acknowledged, and is gone: no owner holds it, nobody who had seen it wrote over it, "
      "and "
      "no ledger tells of it",
      write.keyspace, write.key, version_text(write.version));
}

}  // namespace rift::chaos::sim
