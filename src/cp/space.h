// Space: which records of the store belong to one cp replica, and how one user key is read from them. A value, no cache. Used by every part of
// this room, on the shard's thread.
#pragma once

#include <optional>

#include "base/ids.h"
#include "replica/turn.h"
#include "wire/records.h"

namespace rift::cp {

struct Space {
  PartitionId partition{};
  Generation generation{1};
};

// Absent: never written. A deleted key is a record with `deleted` set. Code::corruption for a record that cannot be read.
Result<std::optional<wire::CpValue>> read_value(Space space, ByteView key, Turn& turn);

Version version_of(const wire::CpValue& value);

}  // namespace rift::cp
