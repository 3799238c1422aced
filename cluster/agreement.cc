#include "cluster/agreement.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/node_list.h"
#include "client/admin.h"

namespace rift::cluster {
namespace {

constexpr auto page_limit = std::chrono::seconds(5);

void add(const InspectedKey& key, CopyDigest& digest) {
  const Version& version = key.version;
  ++digest.keys;
  digest.hash = xxh3_64(fmt::format("{} {} {} {} {} {} {} {} {} {} {}", digest.hash, key.key.size(), key.key,
                                    version.hlc, version.dot_node.value(), version.dot_incarnation,
                                    version.dot_sequence, version.create_revision.value(),
                                    version.modify_revision.value(), key.deleted, key.value_hash));
}

Result<std::map<PartitionId, CopyDigest>> digests_of(const std::string& address, const std::string& keyspace) {
  AdminClient admin(address, page_limit);
  std::map<PartitionId, CopyDigest> digests;
  std::string cursor;
  do {
    InspectPage page = TRY(admin.inspect(keyspace, cursor, limits::scan_page_keys_max));
    for (const InspectedKey& key : page.keys) add(key, digests[key.partition]);
    if (!page.next.empty() && page.next <= cursor) return rift::fail(Code::corruption, "its pages do not go forward");
    cursor = std::move(page.next);
  } while (!cursor.empty());
  return digests;
}

bool are_equal(const std::map<NodeId, CopyDigest>& copies) {
  return std::all_of(copies.begin(), copies.end(),
                     [&](const auto& copy) { return copy.second == copies.begin()->second; });
}

}  // namespace

std::vector<PartitionId> Copies::differing() const {
  std::vector<PartitionId> result;
  for (const auto& [partition, copies] : held) {
    if (!are_equal(copies)) result.push_back(partition);
  }
  return result;
}

std::uint64_t Copies::keys() const {
  std::uint64_t sum = 0;
  for (const auto& [partition, copies] : held) {
    std::uint64_t most = 0;
    for (const auto& [node, digest] : copies) most = std::max(most, digest.keys);
    sum += most;
  }
  return sum;
}

Copies read_copies(const topology::Catalog& catalog, const topology::Keyspace& keyspace) {
  std::set<NodeId> asked;
  for (const topology::Partition& partition : keyspace.partitions)
    asked.insert(partition.owners.begin(), partition.owners.end());
  for (const auto& [node, member] : catalog.members) {
    if (topology::may_stand_in(catalog, keyspace, node)) asked.insert(node);
  }
  Copies copies;
  for (const NodeId node : asked) {
    const topology::Member* member = catalog.member(node);
    if (member == nullptr) {
      copies.silent[node] = "the map does not say where it is";
      continue;
    }
    const auto digests = digests_of(member->client_address, keyspace.name);
    if (!digests) {
      copies.silent[node] = digests.error().detail;
      continue;
    }
    for (const topology::Partition& partition : keyspace.partitions) {
      const auto digest = digests->find(partition.id);
      const bool keeps_nothing = digest == digests->end();
      if (keeps_nothing && !holds(partition.owners, node)) continue;
      copies.held[partition.id][node] = keeps_nothing ? CopyDigest() : digest->second;
    }
  }
  return copies;
}

}  // namespace rift::cluster
