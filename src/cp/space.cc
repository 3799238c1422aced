#include "cp/space.h"

#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr Generation first_generation{1};

template <class Reader>
Result<Generation> read_generation(PartitionId partition, std::string_view name, Reader& reader) {
  const auto stored = TRY(reader.get(env::Table::meta, wire::partition_meta_key(partition, name)));
  if (!stored) return first_generation;
  const std::uint64_t value = TRY(wire::decode_u64(*stored));
  if (value == 0 || value > generation_max) return fail(Code::corruption, "an impossible generation");
  return Generation(static_cast<std::uint32_t>(value));
}

template <class Reader>
Result<Space> find(PartitionId partition, Reader& reader) {
  Space space{.partition = partition};
  space.generation = TRY(read_generation(partition, "generation", reader));
  space.group = TRY(read_generation(partition, "group", reader));
  return space;
}

}  // namespace

Result<Space> find_space(PartitionId partition, Turn& turn) { return find(partition, turn); }
Result<Space> find_space(PartitionId partition, env::Reader& reader) { return find(partition, reader); }

void put_generation(Space space, Turn& turn) {
  turn.put(env::Table::meta, wire::partition_meta_key(space.partition, "generation"),
           wire::encode_u64(space.generation.value()));
}

void put_group(Space space, Turn& turn) {
  turn.put(env::Table::meta, wire::partition_meta_key(space.partition, "group"), wire::encode_u64(space.group.value()));
}

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
