#include "node/amnesia.h"

#include "base/coding.h"
#include "base/limits.h"
#include "cp/repair.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

std::string forgot_key() { return wire::node_meta_key("forgot"); }

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
      if (record.key == wire::partition_meta_key(partition, "create")) cp::put_forgetful(partition, batch);
    }
    rest.first = page.back().key + std::string(1, '\0');
  }
  batch.put(env::Table::meta, forgot_key(), wire::encode_u64(1));
  batch.erase(env::Table::meta, amnesia_key());
  return true;
}

Result<bool> has_forgotten(Turn& turn) { return TRY(turn.get(env::Table::meta, forgot_key())).has_value(); }

}  // namespace rift::node
