// The order of an ap keyspace's versions, as a history writes them: "hlc.node.incarnation.sequence", the first and the third in hex.
// Larger is newer, whatever the clocks of people say. Internal to chaos/check.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rift::chaos::check {

struct ApVersion {
  std::uint64_t hlc = 0;
  std::uint64_t node = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const ApVersion&, const ApVersion&) = default;
};

// Of "", an absent key without a tombstone: the least of all. Nothing for any other text, such as a revision.
std::optional<ApVersion> parse_ap_version(std::string_view text);

}  // namespace rift::chaos::check
