#include "chaos/check/values.h"

namespace rift::chaos::check {

std::map<std::string_view, std::vector<const Operation*>> by_key(std::span<const Operation> operations,
                                                                 std::string_view keyspace) {
  std::map<std::string_view, std::vector<const Operation*>> keys;
  for (const Operation& op : operations) {
    if (op.keyspace == keyspace) keys[op.key].push_back(&op);
  }
  return keys;
}

ValueNames::ValueNames(std::span<const Operation* const> operations) {
  for (const Operation* op : operations) {
    if (op->kind != Kind::erase || op->outcome == Outcome::not_done) continue;
    has_deletes_ = true;
    if (op->version.empty()) has_nameless_delete_ = true;
    if (!op->version.empty()) tombstones_.insert(op->version);
  }
}

std::string ValueNames::made_by(const Operation& write) const {
  if (write.kind != Kind::erase) return of_value(write.value.value_or(std::string()));
  // A delete that told no version is a write of something that nobody can recognise.
  return write.version.empty() ? "n" + std::to_string(write.index) : of_tombstone(write.version);
}

std::string ValueNames::show_made(const Operation& write) const {
  return write.kind == Kind::erase ? "tombstone " + write.version : '"' + write.value.value_or(std::string()) + '"';
}

std::optional<std::string> ValueNames::seen_as(const Value& value, const std::string& version) const {
  if (value) return of_value(*value);
  if (!has_deletes_) return initial();
  if (version.empty()) return std::nullopt;
  if (!tombstones_.contains(version) && has_nameless_delete_) return std::nullopt;
  return of_tombstone(version);
}

}  // namespace rift::chaos::check
