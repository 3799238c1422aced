#include "chaos/sim/judge.h"

#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/hash.h"
#include "chaos/check/lost.h"
#include "chaos/check/staleness.h"
#include "chaos/check/zone.h"

namespace rift::chaos::sim {
namespace {

using Copy = std::map<std::string, InspectedKey>;  // one node's copy of one keyspace

std::map<NodeId, Copy> copies_of(Cluster& cluster, const std::string& keyspace) {
  std::map<NodeId, Copy> result;
  for (const NodeId id : cluster.ids()) {
    auto keys = cluster.inspect(id, keyspace);
    if (!keys) continue;
    Copy& copy = result[id];
    for (InspectedKey& key : *keys) copy.emplace(key.key, std::move(key));
  }
  return result;
}

// Which nodes must hold `key`.
std::vector<NodeId> owners_of(Cluster& cluster, const std::string& keyspace, const std::string& key) {
  std::vector<NodeId> owners;
  cluster.nodes().begin()->second->node().catalog([&](Result<topology::Catalog> catalog) {
    if (catalog && catalog->find(keyspace) != nullptr) owners = topology::place(*catalog->find(keyspace), key).owners;
  });
  return owners;
}

std::set<std::string> keys_of(const std::map<NodeId, Copy>& copies) {
  std::set<std::string> keys;
  for (const auto& [id, copy] : copies) {
    for (const auto& [key, value] : copy) keys.insert(key);
  }
  return keys;
}

auto order(const Version& version) {
  return std::tuple(version.hlc, version.dot_node, version.dot_incarnation, version.dot_sequence);
}

// The values that owners hold, by way of the hashes of everything that was ever written.
check::FinalState final_state(const std::map<NodeId, Copy>& copies, const std::string& keyspace, const check::History& history,
                              std::vector<std::string>& failures) {
  std::map<std::uint64_t, std::string> values;
  for (const check::Operation& op : history.operations) {
    if (op.keyspace == keyspace && check::is_write(op) && op.value) values[xxh3_64(*op.value)] = *op.value;
  }
  check::FinalState state;
  for (const auto& [id, copy] : copies) {
    for (const auto& [key, held] : copy) {
      if (held.deleted) continue;
      const auto value = values.find(held.value_hash);
      if (value == values.end()) {
        failures.push_back(fmt::format("{}: {} holds a value of {} that nobody wrote", keyspace, to_string(id), key));
        continue;
      }
      auto& held_values = state[key];
      if (std::find(held_values.begin(), held_values.end(), value->second) == held_values.end()) held_values.push_back(value->second);
    }
  }
  return state;
}

}  // namespace

bool has_converged(Cluster& cluster, const std::string& keyspace) {
  const auto copies = copies_of(cluster, keyspace);
  if (copies.size() != cluster.nodes().size()) return false;
  for (const std::string& key : keys_of(copies)) {
    std::set<std::string> versions;
    for (const NodeId owner : owners_of(cluster, keyspace, key)) {
      const Copy& copy = copies.at(owner);
      const auto it = copy.find(key);
      versions.insert(it == copy.end() ? "" : version_text(it->second.version));
    }
    if (versions.size() != 1) return false;
  }
  return true;
}

void judge_cp(Cluster& cluster, const std::string& keyspace, const check::History& history, std::vector<std::string>& failures) {
  const auto report = check::check_linearizable(history.operations, keyspace);
  if (report.answer == check::Linearizable::no) {
    failures.push_back(fmt::format("{} is not linearizable: key {}: {}", keyspace, report.findings.front().key,
                                   report.findings.front().reason));
  }
  const auto state = final_state(copies_of(cluster, keyspace), keyspace, history, failures);
  for (const auto& [key, values] : state) {
    if (values.size() > 1) failures.push_back(fmt::format("{}: replicas hold different values of {}", keyspace, key));
  }
  const auto lost = check::find_lost_writes(history.operations, keyspace, Mode::cp, state);
  if (!lost.lost.empty()) {
    failures.push_back(fmt::format("{}: {} acknowledged writes are gone, the first is operation {}", keyspace, lost.lost.size(),
                                   lost.lost.front()));
  }
  const auto stale = check::find_stale_reads(history.operations, keyspace);
  if (stale.stale > 0) failures.push_back(fmt::format("{}: {} stale reads", keyspace, stale.stale));
}

void judge_ap(Cluster& cluster, const std::string& keyspace, const check::History& history, const std::vector<AckedWrite>& acked,
              std::vector<std::string>& failures) {
  const auto copies = copies_of(cluster, keyspace);
  final_state(copies, keyspace, history, failures);
  for (const AckedWrite& write : acked) {
    if (write.keyspace != keyspace) continue;
    for (const NodeId owner : owners_of(cluster, keyspace, write.key)) {
      const auto copy = copies.find(owner);
      if (copy == copies.end()) continue;
      const auto held = copy->second.find(write.key);
      if (held != copy->second.end() && order(held->second.version) >= order(write.version)) continue;
      failures.push_back(fmt::format("{}: {} does not hold {} at version {} or newer, which was acknowledged", keyspace, to_string(owner),
                                     write.key, version_text(write.version)));
      return;
    }
  }
  const auto stale = check::find_stale_reads(history.operations, keyspace);
  if (!stale.phantoms.empty()) {
    failures.push_back(fmt::format("{}: operation {} returned a value that nobody can have written", keyspace, stale.phantoms.front()));
  }
}

}  // namespace rift::chaos::sim
