#include "chaos/sim/judge.h"

#include <set>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/node_list.h"
#include "chaos/check/foreign.h"
#include "chaos/check/lost.h"
#include "chaos/check/sessions.h"
#include "chaos/check/staleness.h"
#include "chaos/check/zone.h"
#include "chaos/sim/losses.h"
#include "chaos/sim/versions.h"

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

// Those of the nodes that the newest map gives the keyspace's first partition to.
std::map<NodeId, Copy> owned_copies(Cluster& cluster, const std::string& keyspace) {
  auto copies = copies_of(cluster, keyspace);
  const auto owners = cluster.owners(keyspace);
  std::erase_if(copies, [&](const auto& entry) { return !holds(owners, entry.first); });
  return copies;
}

// Of each key only what its own owners hold.
std::map<NodeId, Copy> copies_of_owners(Cluster& cluster, const std::string& keyspace) {
  auto copies = copies_of(cluster, keyspace);
  const auto map = cluster.keyspace(keyspace);
  for (auto& [id, copy] : copies) {
    std::erase_if(copy,
                  [&map, id = id](const auto& entry) { return !holds(topology::place(*map, entry.first).owners, id); });
  }
  return copies;
}

std::set<std::string> keys_of(const std::map<NodeId, Copy>& copies) {
  std::set<std::string> keys;
  for (const auto& [id, copy] : copies) {
    for (const auto& [key, value] : copy) keys.insert(key);
  }
  return keys;
}

struct Final {
  check::FinalState values;    // what the checkers want
  std::vector<Answered> held;  // every copy, as if it had been read
};

// What the replicas hold, by way of the hashes of everything that was ever written.
Final final_of(const std::map<NodeId, Copy>& copies, const std::string& keyspace, const check::History& history,
               std::vector<std::string>& failures) {
  std::map<std::uint64_t, std::string> written;
  for (const check::Operation& op : history.operations) {
    if (op.keyspace == keyspace && check::is_write(op) && op.value) written[xxh3_64(*op.value)] = *op.value;
  }
  Final result;
  for (const auto& [id, copy] : copies) {
    for (const auto& [key, held] : copy) {
      if (held.deleted) continue;
      const auto value = written.find(held.value_hash);
      if (value == written.end()) {
        failures.push_back(fmt::format("{}: {} holds a value of {} that nobody wrote", keyspace, to_string(id), key));
        continue;
      }
      auto& values = result.values[key];
      if (std::find(values.begin(), values.end(), value->second) == values.end()) values.push_back(value->second);
      result.held.push_back(
          Answered{.keyspace = keyspace, .key = key, .value = value->second, .version = held.version});
    }
  }
  for (const check::ForeignValue& foreign : check::find_foreign_values(history.operations, keyspace, result.values)) {
    failures.push_back(fmt::format("{}: the end holds \"{}\" of {}, which was reported as not done", keyspace,
                                   foreign.value, foreign.key));
  }
  return result;
}

// Two copies of one version are one write.
std::string text_of(const Copy& copy, const std::string& key) {
  const auto it = copy.find(key);
  if (it == copy.end()) return {};
  return fmt::format("{} {:x} {}", version_text(it->second.version), it->second.value_hash, it->second.deleted);
}

std::vector<Answered> only(const std::vector<Answered>& answers, const std::string& keyspace) {
  std::vector<Answered> result;
  std::copy_if(answers.begin(), answers.end(), std::back_inserter(result),
               [&](const Answered& a) { return a.keyspace == keyspace; });
  return result;
}

}  // namespace

bool has_stand_in(Cluster& cluster, const std::string& keyspace) {
  const std::vector<NodeId> ids = cluster.ids();
  return std::any_of(ids.begin(), ids.end(), [&](NodeId id) {
    const auto replicas = cluster.status(id).replicas;
    return std::any_of(replicas.begin(), replicas.end(), [&](const ReplicaStatus& replica) {
      return replica.role == stand_in_role && replica.name.starts_with(keyspace + "/");
    });
  });
}

bool has_converged(Cluster& cluster, const std::string& keyspace) {
  if (has_stand_in(cluster, keyspace)) return false;
  const auto copies = copies_of(cluster, keyspace);
  const auto map = cluster.keyspace(keyspace);
  if (!map) return false;
  for (const topology::Partition& partition : map->partitions) {
    for (const NodeId owner : partition.owners) {
      if (!copies.contains(owner)) return false;
    }
  }
  for (const std::string& key : keys_of(copies)) {
    std::set<std::string> texts;
    for (const NodeId owner : topology::place(*map, key).owners) texts.insert(text_of(copies.at(owner), key));
    if (texts.size() != 1) return false;
  }
  return true;
}

EndState look_at_the_end(Cluster& cluster, const std::string& keyspace, const check::History& history) {
  EndState end;
  auto copies = owned_copies(cluster, keyspace);
  std::map<std::string, std::size_t> times;
  std::map<NodeId, std::string> digests;
  for (const auto& [id, copy] : copies) {
    std::string& digest = digests[id];
    for (const auto& [key, held] : copy) digest += key + ' ' + text_of(copy, key) + '\n';
    ++times[digest];
    end.digests.push_back(digest);
  }
  const auto most =
      std::max_element(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != times.end())
    std::erase_if(copies, [&](const auto& entry) { return digests[entry.first] != most->first; });
  end.values = final_of(copies, keyspace, history, end.failures).values;
  return end;
}

EndState look_at_the_owners(Cluster& cluster, const std::string& keyspace, const check::History& history) {
  EndState end;
  const auto map = cluster.keyspace(keyspace);
  const auto copies = copies_of_owners(cluster, keyspace);
  const auto keys = keys_of(copies);
  for (std::size_t number = 0; number < map->partitions.front().owners.size(); ++number) {
    std::string digest;
    bool is_whole = true;
    for (const std::string& key : keys) {
      const auto copy = copies.find(topology::place(*map, key).owners[number]);
      is_whole = is_whole && copy != copies.end();
      if (is_whole) digest += key + ' ' + text_of(copy->second, key) + '\n';
    }
    if (is_whole) end.digests.push_back(std::move(digest));
  }
  end.values = final_of(copies, keyspace, history, end.failures).values;
  return end;
}

check::VersionSample sample_owners(Cluster& cluster, const std::string& keyspace, Time at) {
  check::VersionSample sample{.at = at, .versions = {}};
  const auto map = cluster.keyspace(keyspace);
  const auto copies = copies_of_owners(cluster, keyspace);
  for (const std::string& key : keys_of(copies)) {
    if (!key.starts_with("still") && !key.starts_with(check::document_prefix)) continue;
    for (const NodeId owner : topology::place(*map, key).owners) {
      const auto copy = copies.find(owner);
      sample.versions[key].push_back(copy == copies.end() ? "down" : text_of(copy->second, key));
    }
  }
  return sample;
}

void judge_cp(Cluster& cluster, const std::string& keyspace, const check::History& history,
              const std::vector<Answered>& answers, std::vector<std::string>& failures) {
  // A node that was let go while nobody could tell it so keeps what it had: it is not asked.
  const Final end = final_of(owned_copies(cluster, keyspace), keyspace, history, failures);
  const auto report = check::check_linearizable(history.operations, keyspace, end.values);
  if (report.answer != check::Linearizable::yes) {
    failures.push_back(fmt::format("{} is not linearizable{}: key {}: {}", keyspace,
                                   report.answer == check::Linearizable::no ? "" : " as far as can be told",
                                   report.findings.front().key, report.findings.front().reason));
  }
  for (const auto& [key, values] : end.values) {
    if (values.size() > 1) failures.push_back(fmt::format("{}: replicas hold different values of {}", keyspace, key));
  }
  const auto lost = check::find_lost_writes(history.operations, keyspace, Mode::cp, end.values);
  if (!lost.lost.empty()) {
    failures.push_back(fmt::format("{}: {} acknowledged writes are gone, the first is operation {}", keyspace,
                                   lost.lost.size(), lost.lost.front()));
  }
  const auto stale = check::find_stale_reads(history.operations, keyspace);
  if (stale.stale > 0) failures.push_back(fmt::format("{}: {} stale reads", keyspace, stale.stale));
  judge_one_version_per_value(only(answers, keyspace), end.held, failures);
}

void judge_ap(Cluster& cluster, const std::string& keyspace, const check::History& history,
              const std::vector<Answered>& answers, std::vector<std::string>& failures) {
  const auto copies = copies_of(cluster, keyspace);
  const Final end = final_of(copies, keyspace, history, failures);
  const auto mine = only(answers, keyspace);
  for (const Answered& write : mine) {
    if (!write.is_write()) continue;
    for (const NodeId owner : cluster.owners(keyspace, write.key)) {
      const auto copy = copies.find(owner);
      if (copy == copies.end()) continue;
      const auto held = copy->second.find(write.key);
      if (held != copy->second.end() && !is_older(held->second.version, write.version)) continue;
      failures.push_back(fmt::format("{}: {} does not hold {} at version {} or newer, which was acknowledged", keyspace,
                                     to_string(owner), write.key, version_text(write.version)));
      return;
    }
  }
  const auto stale = check::find_stale_reads(history.operations, keyspace);
  if (!stale.phantoms.empty()) {
    failures.push_back(fmt::format("{}: operation {} returned a value that nobody can have written", keyspace,
                                   stale.phantoms.front()));
  }
  for (const Answered& write : find_silent_losses(cluster, keyspace, answers))
    failures.push_back(describe_silent_loss(write));
  judge_one_version_per_value(mine, end.held, failures);
  judge_stamps(mine, failures);
  judge_quorums(mine, failures);
}

void judge_sessions(const std::string& keyspace, const check::History& history, std::vector<std::string>& failures) {
  const auto report = check::find_broken_sessions(history.operations, keyspace, check::NewerBy::time_and_version, true);
  if (report.broken() == 0) return;
  failures.push_back(
      fmt::format("{}: a client with tokens went back: operation {} read less than operation {} had told", keyspace,
                  report.offenders.front().read, report.offenders.front().before));
}

}  // namespace rift::chaos::sim
