#include "node/amnesia.h"

#include "base/coding.h"
#include "base/limits.h"
#include "cp/repair.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

// The first partition that is not in doubt.
std::string forgot_key() { return wire::node_meta_key("forgot"); }
constexpr std::uint64_t all_in_doubt = ~std::uint64_t{0};

}  // namespace

std::string amnesia_key() { return wire::node_meta_key("amnesia"); }

Result<bool> take_amnesia(env::Reader& reader, env::WriteBatch& batch) {
  if (!TRY(reader.get(env::Table::meta, amnesia_key()))) return false;
  env::Range rest{.first = wire::partition_range(PartitionId(1)).first, .last = {}};
  while (true) {
    const auto page = TRY(reader.scan(env::Table::meta, rest, limits::scan_page_keys_max, limits::scan_page_bytes_max));
    if (page.empty()) break;
    for (const env::KeyValue& record : page) {
      const PartitionId partition(TRY(KeyReader(record.key).u32()));
      for (const std::string_view birth : {"create", "learner"}) {  // a learner may have become a voter
        if (record.key == wire::partition_meta_key(partition, birth)) cp::put_forgetful(partition, batch);
      }
    }
    rest.first = page.back().key + std::string(1, '\0');
  }
  batch.put(env::Table::meta, forgot_key(), wire::encode_u64(all_in_doubt));
  batch.erase(env::Table::meta, amnesia_key());
  return true;
}

Result<bool> may_be_forgotten(PartitionId partition, Turn& turn) {
  const auto stored = TRY(turn.get(env::Table::meta, forgot_key()));
  return stored && partition.value() < TRY(wire::decode_u64(*stored));
}

Result<bool> forgets(Turn& turn) {
  const auto stored = TRY(turn.get(env::Table::meta, forgot_key()));
  return stored && TRY(wire::decode_u64(*stored)) == all_in_doubt;
}

void end_forgetting(PartitionId next_partition, Turn& turn) {
  turn.put(env::Table::meta, forgot_key(), wire::encode_u64(next_partition.value()));
}

}  // namespace rift::node
