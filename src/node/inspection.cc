// Node: what its own disk holds, for people and for checks: pages of keys, one key with all that is known of it, and the ledger of lost writes.
// Nobody else is asked.
#include <algorithm>

#include "base/limits.h"
#include "node/node.h"
#include "node/replica_factory.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

constexpr std::size_t rows_looked_at_max = 4 * limits::scan_page_keys_max;  // of the ledger, in one answer

KeptVersion kept(causal::Envelope envelope, bool is_omitted) {
  return {.version = version_of(envelope.stamp),
          .deleted = envelope.kind == causal::Kind::tombstone,
          .omitted = is_omitted,
          .value = std::move(envelope.payload)};
}

Error no_keyspace(const std::string& name) { return {Code::unknown_keyspace, "no keyspace is called '" + name + "'"}; }

}  // namespace

void Node::inspect(std::string keyspace, std::string cursor, std::uint32_t keys_max, Done<InspectPage> done) {
  if (!catalog_) return done(fail(Code::not_ready, "this node is not part of a cluster yet"));
  const topology::Keyspace* found = catalog_->find(keyspace);
  if (found == nullptr) return done(fail(Code::unknown_keyspace, "no keyspace is called '" + keyspace + "'"));
  const std::size_t page = std::clamp<std::size_t>(keys_max, 1, limits::scan_page_keys_max);
  done(inspect_page(*found, cursor, page));
}

// The cursor is the store key to go on from; `next` is empty after the last partition.
Result<InspectPage> Node::inspect_page(const topology::Keyspace& keyspace, const std::string& cursor,
                                       std::size_t keys_max) {
  const env::Table table = keyspace.mode == Mode::cp ? env::Table::state_cp : env::Table::state_ap;
  InspectPage page;
  std::size_t bytes = 0;
  for (const topology::Partition& partition : keyspace.partitions) {
    env::Range range = TRY(data_range(keyspace.mode, partition.id, loop_.reader()));
    if (cursor >= range.last) continue;
    range.first = std::max(range.first, cursor);
    while (true) {
      const auto pairs =
          TRY(loop_.reader().scan(table, range, keys_max - page.keys.size(), limits::scan_page_bytes_max - bytes));
      if (pairs.empty()) break;
      for (const env::KeyValue& pair : pairs) {
        page.keys.push_back(TRY(inspect_record(keyspace.mode, partition.id, pair)));
        bytes += pair.key.size() + pair.value.size();
      }
      page.next = pairs.back().key + std::string(1, '\0');
      range.first = page.next;
      if (page.keys.size() >= keys_max || bytes >= limits::scan_page_bytes_max) return page;
    }
  }
  page.next.clear();
  return page;
}

void Node::inspect_key(std::string keyspace, Bytes key, Done<KeyView> done) {
  if (!catalog_) return done(fail(Code::not_ready, "this node is not part of a cluster yet"));
  const topology::Keyspace* found = catalog_->find(keyspace);
  if (found == nullptr) return done(tl::unexpected<Error>(no_keyspace(keyspace)));
  if (key.empty() || key.size() > limits::key_bytes_max) return done(fail(Code::invalid, "a key has 1 to 4096 bytes"));
  const topology::Partition& partition = topology::place(*found, key.view());
  auto view = read_key(found->mode, partition, key.view(), loop_.reader());
  if (view) {
    for (const ReplicaStatus& replica : loop_.statuses()) {
      if (replica.partition != partition.id) continue;
      view->role = replica.role;
      view->leader = replica.leader;
      view->applied = replica.applied;
      view->pending = replica.pending;
    }
    const auto stopped = not_started_.find(partition.id);
    if (stopped != not_started_.end()) view->role = "stopped";
  }
  done(std::move(view));
}

void Node::conflicts(std::string keyspace, std::string cursor, std::uint32_t losses_max, Done<LossPage> done) {
  if (!catalog_) return done(fail(Code::not_ready, "this node is not part of a cluster yet"));
  const topology::Keyspace* found = catalog_->find(keyspace);
  if (found == nullptr) return done(tl::unexpected<Error>(no_keyspace(keyspace)));
  if (found->mode == Mode::cp)
    return done(
        fail(Code::invalid, "'" + keyspace + "' is a cp keyspace: its writes have one order, none is thrown away"));
  done(loss_page(*found, cursor, std::clamp<std::size_t>(losses_max, 1, limits::scan_page_keys_max)));
}

Result<LossPage> Node::loss_page(const topology::Keyspace& keyspace, const std::string& cursor,
                                 std::size_t losses_max) {
  const WallTime oldest = loop_.now().wall - std::chrono::duration_cast<WallTime::duration>(limits::ledger_age_max);
  env::Range rest = wire::ledger_range(oldest, WallTime::max());
  rest.first = std::max(rest.first, cursor);
  LossPage page;
  std::size_t bytes = 0;
  for (std::size_t looked_at = 0; looked_at < rows_looked_at_max;) {
    const auto rows =
        TRY(loop_.reader().scan(env::Table::ledger, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (rows.empty()) return page;
    looked_at += rows.size();
    for (const env::KeyValue& row : rows) {
      page.next = rest.first = row.key + '\0';
      const auto place = TRY(wire::parse_ledger_key(row.key));
      const auto& all = keyspace.partitions;
      if (std::none_of(all.begin(), all.end(), [&](const auto& p) { return p.id == place.partition; })) continue;
      auto record = TRY(wire::decode_ledger(row.value));
      bytes += row.value.size();
      page.losses.push_back({.partition = place.partition,
                             .key = record.key.to_string(),
                             .seen_at = place.seen_at,
                             .seen_by = record.seen_by,
                             .loser = kept(std::move(record.loser), false),
                             .winner = kept(std::move(record.winner), record.winner_omitted)});
      if (page.losses.size() >= losses_max || bytes >= limits::scan_page_bytes_max) return page;
    }
  }
  return page;
}

}  // namespace rift::node
