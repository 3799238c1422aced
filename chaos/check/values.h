// How the checkers of this room tell values of one key apart. A written value is unique by its tag. A delete writes a unique
// tombstone, named by its version; an absent answer that carries no version can be matched only on a key that was never
// deleted. Internal to chaos/check.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "chaos/check/history.h"

namespace rift::chaos::check {

// Operations of `keyspace` by key, in order of the key.
std::map<std::string_view, std::vector<const Operation*>> by_key(std::span<const Operation> operations,
                                                                 std::string_view keyspace);

class ValueNames {
 public:
  explicit ValueNames(std::span<const Operation* const> operations);  // all of one key

  static std::string initial() { return {}; }
  static std::string of_value(std::string_view value) { return "v" + std::string(value); }
  std::string made_by(const Operation& write) const;
  std::string show_made(const Operation& write) const;  // for people

  // The name of what an answer showed, or nullopt if it could be more than one thing.
  std::optional<std::string> seen_as(const Value& value, const std::string& version) const;

 private:
  static std::string of_tombstone(std::string_view version) { return "d" + std::string(version); }
  bool has_deletes_ = false;
  bool has_nameless_delete_ = false;
  std::unordered_set<std::string> tombstones_;
};

}  // namespace rift::chaos::check
