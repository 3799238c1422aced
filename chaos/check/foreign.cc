#include "chaos/check/foreign.h"

#include <map>
#include <utility>

namespace rift::chaos::check {
namespace {
using Place = std::pair<std::string_view, std::string_view>;  // a key and a value of it
}  // namespace

std::vector<ForeignValue> find_foreign_values(std::span<const Operation> operations, std::string_view keyspace,
                                              const FinalState& final_state) {
  std::map<Place, const Operation*> creators;
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || !is_write(op) || !op.value) continue;
    const auto [at, is_new] = creators.emplace(Place(op.key, *op.value), &op);
    if (!is_new && at->second->outcome == Outcome::not_done) at->second = &op;
  }
  std::vector<ForeignValue> foreign;
  for (const auto& [key, values] : final_state) {
    for (const std::string& value : values) {
      const auto found = creators.find(Place(key, value));
      const Operation* creator = found == creators.end() ? nullptr : found->second;
      if (creator != nullptr && creator->outcome != Outcome::not_done) continue;
      ForeignValue& one = foreign.emplace_back(ForeignValue{.key = key, .value = value});
      if (creator != nullptr) one.refused = creator->index;
    }
  }
  return foreign;
}

}  // namespace rift::chaos::check
