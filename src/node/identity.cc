#include "node/identity.h"

#include <fmt/format.h>

#include "node/amnesia.h"
#include "wire/keys.h"
#include "wire/messages.h"
#include "wire/records.h"

namespace rift::node {
namespace {

using env::Table;

// After a loss the number found may be an old one: its successors may have been used.
constexpr std::uint64_t numbers_skipped = 1024;

// Of incarnations, and of starts: counter | random.
std::uint64_t number_after(std::uint64_t number, bool has_forgotten, Rng& rng) {
  const std::uint64_t counter = (number >> 32) + (has_forgotten ? numbers_skipped : 1);
  return (counter << 32) | (rng.next() & 0xffffffffULL);
}

// With this one. What a loss has left of the list may lack starts that the peers have seen: it begins anew, above them all.
Result<std::vector<std::uint64_t>> count_start(env::Reader& reader, bool has_forgotten, Rng& rng,
                                               env::WriteBatch& batch) {
  const auto stored = TRY(reader.get(Table::meta, wire::node_meta_key("starts")));
  auto starts = stored ? TRY(wire::decode_starts(*stored)) : std::vector<std::uint64_t>();
  const std::uint64_t next = number_after(starts.empty() ? 0 : starts.front(), has_forgotten, rng);
  if (has_forgotten) starts.clear();
  starts.insert(starts.begin(), next);
  if (starts.size() > wire::hello_starts_max) starts.pop_back();
  batch.put(Table::meta, wire::node_meta_key("starts"), wire::encode_starts(starts));
  return starts;
}

Result<std::uint64_t> read_u64(env::Reader& reader, std::string_view name) {
  const auto bytes = TRY(reader.get(Table::meta, wire::node_meta_key(name)));
  if (!bytes) return 0;
  return wire::decode_u64(*bytes);
}

}  // namespace

Result<StartState> load_identity(env::Reader& reader, NodeId self, Rng& rng, env::WriteBatch& batch) {
  StartState state;
  const auto stored = TRY(reader.get(Table::meta, wire::node_meta_key("identity")));
  if (stored) {
    const auto record = TRY(wire::decode_identity(*stored));
    if (record.node != self) {
      return fail(Code::invalid, fmt::format("the data directory belongs to {}, this node is configured as {}; "
                                             "point node.data at its own directory",
                                             to_string(record.node), to_string(self)));
    }
    state.identity = NodeIdentity{.node = self, .cluster = record.cluster, .disk = record.disk, .incarnation = 0};
  } else {
    state.identity = NodeIdentity{.node = self, .cluster = {}, .disk = rng.uuid(), .incarnation = 0};
    put_identity(state.identity, batch);
  }
  state.hlc_ceiling = TRY(read_u64(reader, "hlc_ceiling"));
  state.identity.incarnation = TRY(read_u64(reader, "incarnation"));

  const bool has_forgotten = TRY(take_amnesia(reader, batch));
  const auto clean = TRY(reader.get(Table::meta, wire::node_meta_key("clean_stop")));
  if (clean && !has_forgotten && state.identity.incarnation != 0) {
    state.dot_sequence = TRY(wire::decode_u64(*clean));
  } else {
    state.unclean = state.identity.incarnation != 0;
    state.identity.incarnation = number_after(state.identity.incarnation, has_forgotten, rng);
    batch.put(Table::meta, wire::node_meta_key("incarnation"), wire::encode_u64(state.identity.incarnation));
  }
  state.starts = TRY(count_start(reader, has_forgotten, rng, batch));
  batch.erase(Table::meta, wire::node_meta_key("clean_stop"));
  return state;
}

void put_identity(const NodeIdentity& identity, env::WriteBatch& batch) {
  batch.put(
      Table::meta, wire::node_meta_key("identity"),
      wire::encode(wire::IdentityRecord{.node = identity.node, .disk = identity.disk, .cluster = identity.cluster}));
}

}  // namespace rift::node
