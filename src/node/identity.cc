#include "node/identity.h"

#include <fmt/format.h>

#include "node/amnesia.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

using env::Table;

// After a loss the number found may be an old one: its successors may have been used.
constexpr std::uint64_t incarnations_skipped = 1024;

std::uint64_t next_incarnation(std::uint64_t incarnation, bool has_forgotten, Rng& rng) {
  const std::uint64_t counter = (incarnation >> 32) + (has_forgotten ? incarnations_skipped : 1);
  return (counter << 32) | (rng.next() & 0xffffffffULL);
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
    state.identity.incarnation = next_incarnation(state.identity.incarnation, has_forgotten, rng);
    batch.put(Table::meta, wire::node_meta_key("incarnation"), wire::encode_u64(state.identity.incarnation));
  }
  batch.erase(Table::meta, wire::node_meta_key("clean_stop"));
  return state;
}

void put_identity(const NodeIdentity& identity, env::WriteBatch& batch) {
  batch.put(
      Table::meta, wire::node_meta_key("identity"),
      wire::encode(wire::IdentityRecord{.node = identity.node, .disk = identity.disk, .cluster = identity.cluster}));
}

}  // namespace rift::node
