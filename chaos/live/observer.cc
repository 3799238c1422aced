#include "chaos/live/observer.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/core.h>

#include "base/hash.h"
#include "base/limits.h"

namespace rift::chaos::live {
namespace {

constexpr auto call_limit = std::chrono::seconds(2);
constexpr auto poll_period = std::chrono::milliseconds(50);  // asked of other processes: none of them can wake us
constexpr std::size_t pages_max = 10'000;

template <class T>
Result<T> at(NodeId node, Result<T> result) {
  if (result) return result;
  return rift::fail(result.error().code, to_string(node) + ": " + result.error().detail);
}

std::string digest_of(const std::vector<InspectedKey>& keys) {
  std::string text;
  for (const InspectedKey& key : keys) {
    text += fmt::format("{} {} {} {} {} {}\n", key.partition.value(), key.key.size(), key.key,
                        version_text(key.version), key.deleted, key.value_hash);
  }
  return fmt::format("{:016x}", xxh3_64(text));
}

}  // namespace

Observer::Observer(const std::map<NodeId, std::string>& endpoints) {
  for (const auto& [node, endpoint] : endpoints) nodes_.emplace(node, AdminClient(endpoint, call_limit));
}

Result<std::optional<NodeId>> Observer::leader(const std::string& keyspace) {
  std::optional<PartitionId> partition;
  std::optional<NodeId> leader;
  Term highest;
  for (auto& [node, admin] : nodes_) {
    if (!partition) {
      const auto catalog = admin.catalog();
      const topology::Keyspace* found = catalog ? catalog->find(keyspace) : nullptr;
      if (found != nullptr && !found->partitions.empty()) partition = found->partitions.front().id;
    }
    const auto status = admin.status();  // a node that is down leads nothing
    if (!status || !partition) continue;
    for (const ReplicaStatus& replica : status->status.replicas) {
      if (replica.partition != *partition || replica.role != "leader" || replica.term < highest) continue;
      highest = replica.term;
      leader = node;
    }
  }
  if (!partition) return rift::fail(Code::unknown_keyspace, "no node knows the keyspace " + keyspace);
  return leader;
}

Result<NodeId> Observer::await_leader(const std::string& keyspace, Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto now_leading = leader(keyspace);
    if (now_leading && *now_leading) return **now_leading;
    if (std::chrono::steady_clock::now() >= deadline) {
      return rift::fail(Code::no_leader, now_leading ? "nobody leads " + keyspace : now_leading.error().detail);
    }
    std::this_thread::sleep_for(poll_period);
  }
}

Result<std::vector<InspectedKey>> Observer::copy_of(NodeId node, const std::string& keyspace) {
  std::vector<InspectedKey> keys;
  std::string cursor;
  for (std::size_t page = 0; page < pages_max; ++page) {
    InspectPage part = TRY(at(node, nodes_.at(node).inspect(keyspace, cursor, limits::scan_page_keys_max)));
    keys.insert(keys.end(), std::make_move_iterator(part.keys.begin()), std::make_move_iterator(part.keys.end()));
    cursor = std::move(part.next);
    if (cursor.empty()) break;
  }
  return keys;
}

Result<check::VersionSample> Observer::sample(const std::string& keyspace, Time at_time) {
  check::VersionSample sample{.at = at_time, .versions = {}};
  std::size_t index = 0;
  for (const auto& [node, admin] : nodes_) {
    for (const InspectedKey& key : TRY(copy_of(node, keyspace))) {
      auto& versions = sample.versions[key.key];
      versions.resize(nodes_.size());
      versions[index] = version_text(key.version);
    }
    ++index;
  }
  return sample;
}

Result<std::vector<std::string>> Observer::digests(const std::string& keyspace) {
  std::vector<std::string> digests;
  for (const auto& [node, admin] : nodes_) digests.push_back(digest_of(TRY(copy_of(node, keyspace))));
  return digests;
}

Result<std::vector<std::string>> Observer::settled_digests(const std::string& keyspace, Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    auto now_held = digests(keyspace);
    if (std::chrono::steady_clock::now() >= deadline || (now_held && check::digests_agree(*now_held))) return now_held;
    std::this_thread::sleep_for(poll_period);
  }
}

Result<check::FinalState> read_final_state(const std::map<NodeId, std::string>& endpoints, const std::string& keyspace,
                                           const std::vector<std::string>& keys) {
  check::FinalState state;
  for (const auto& [node, endpoint] : endpoints) {
    const auto client = TRY(at(node, Client::connect({.endpoints = {endpoint}, .pin = endpoint})));
    for (const std::string& key : keys) {
      const Answer reply = client->get(keyspace, key, {.level = Level::one});
      if (!reply.is_done())
        return rift::fail(reply.code, fmt::format("final read of {} on {}: {}", key, to_string(node), reply.why));
      if (!reply.found) continue;
      auto& values = state[key];
      const std::string value = reply.value.to_string();
      if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
    }
  }
  return state;
}

}  // namespace rift::chaos::live
