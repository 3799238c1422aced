// Strong identifiers. No implicit conversion, no arithmetic but what has a meaning: next(index), index - index is a count.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace rift {

// An integer with a name. Tag is an incomplete struct that exists only to tell two ids apart.
template <class Tag, class Integer>
class Id {
 public:
  using integer = Integer;
  constexpr Id() = default;
  explicit constexpr Id(Integer value) : value_(value) {}
  constexpr Integer value() const { return value_; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Integer value_ = 0;
};

using NodeId = Id<struct NodeIdTag, std::uint32_t>;            // 0 is nobody
using KeyspaceId = Id<struct KeyspaceIdTag, std::uint32_t>;    // 0 is `_system`
using PartitionId = Id<struct PartitionIdTag, std::uint32_t>;  // unique in the cluster, never reused; 0 is none
using Generation = Id<struct GenerationTag, std::uint32_t>;
using Term = Id<struct TermTag, std::uint64_t>;
using LogIndex = Id<struct LogIndexTag, std::uint64_t>;  // the first entry has index 1
using RequestId = Id<struct RequestIdTag, std::uint64_t>;
using MapEpoch = Id<struct MapEpochTag, std::uint64_t>;  // version of the catalog
using Revision = Id<struct RevisionTag, std::uint64_t>;

constexpr LogIndex next(LogIndex index) { return LogIndex(index.value() + 1); }
constexpr LogIndex previous(LogIndex index) { return LogIndex(index.value() - 1); }
constexpr Term next(Term term) { return Term(term.value() + 1); }
constexpr Revision next(Revision revision) { return Revision(revision.value() + 1); }
constexpr std::uint64_t operator-(LogIndex a, LogIndex b) { return a.value() - b.value(); }

// 128 random bits: cluster id, disk id, dedup client.
struct Uuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  constexpr bool is_zero() const { return high == 0 && low == 0; }
};
using ClusterId = Uuid;
using DiskId = Uuid;
using ClientId = Uuid;

std::string to_string(NodeId node);       // "n3"
std::string to_string(const Uuid& uuid);  // 32 hexadecimal digits

}  // namespace rift

template <class Tag, class Integer>
struct std::hash<rift::Id<Tag, Integer>> {
  std::size_t operator()(rift::Id<Tag, Integer> id) const noexcept { return std::hash<Integer>{}(id.value()); }
};
template <>
struct std::hash<rift::Uuid> {
  std::size_t operator()(const rift::Uuid& id) const noexcept {
    return static_cast<std::size_t>(id.high ^ (id.low * 0x9e3779b97f4a7c15ULL));
  }
};
