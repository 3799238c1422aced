// Values found at the end that no write can have produced: nobody wrote them, or the client was told that their write was not done.
// No mode allows those. Reads that returned such values during the run are phantoms (staleness.h). Pure, called after a run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

struct ForeignValue {
  std::string key;
  std::string value;
  std::optional<std::uint64_t> refused{};  // the write of this value that was reported as not done
  friend bool operator==(const ForeignValue&, const ForeignValue&) = default;
};

// In order of the key.
std::vector<ForeignValue> find_foreign_values(std::span<const Operation> operations, std::string_view keyspace,
                                              const FinalState& final_state);

}  // namespace rift::chaos::check
