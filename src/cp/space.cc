#include "cp/space.h"

#include "wire/keys.h"

namespace rift::cp {

Result<std::optional<wire::CpValue>> read_value(Space space, ByteView key, Turn& turn) {
  const auto stored = TRY(turn.get(env::Table::state_cp, wire::cp_data_key(space.partition, space.generation, key)));
  if (!stored) return std::optional<wire::CpValue>();
  return std::optional(TRY(wire::decode_cp_value(*stored)));
}

Version version_of(const wire::CpValue& value) {
  Version version;
  version.create_revision = value.create_revision;
  version.modify_revision = value.modify_revision;
  version.version = value.version;
  return version;
}

}  // namespace rift::cp
