// Space: which records of the store belong to one cp replica, and how one user key is read from them. A value, no cache. Used by every part of
// this room, on the shard's thread.
#pragma once

#include <optional>

#include "base/ids.h"
#include "env/storage.h"
#include "replica/turn.h"
#include "wire/records.h"

namespace rift::cp {

struct Space {
  PartitionId partition{};
  Generation generation{1};  // of the state: a snapshot is pulled into the next one
  Generation group{1};       // of the log: the next one each time that the group is founded again

  friend bool operator==(const Space&, const Space&) = default;
};

// Where the replica stands now, by its records in meta; where there are none, at the first of both generations.
Result<Space> find_space(PartitionId partition, Turn& turn);
Result<Space> find_space(PartitionId partition, env::Reader& reader);
void put_generation(Space space, Turn& turn);
void put_group(Space space, Turn& turn);
constexpr Generation next_generation(Generation generation) { return Generation(generation.value() + 1); }
constexpr std::uint32_t generation_max = ~std::uint32_t{0} - 1;

// Absent: never written. A deleted key is a record with `deleted` set. Code::corruption for a record that cannot be read.
Result<std::optional<wire::CpValue>> read_value(Space space, ByteView key, Turn& turn);

Version version_of(const wire::CpValue& value);

}  // namespace rift::cp
