#include "ap/core.h"

#include <fmt/format.h>

#include "ap/quorum.h"

namespace rift::ap {

std::optional<Response> Core::refuse_out_of_reach(const Request& request, Level level) const {
  const std::size_t reachable = placement.reachable(*placement.counted_nodes());
  const std::size_t needed = owners_needed(level, placement.copies());
  if (reachable >= needed) return std::nullopt;
  const bool may_ask_less = !placement.keyspace().atomic || level == Level::all;
  return refuse(request.id, Code::level_unreachable,
                fmt::format("{} reaches {} of {} owners of {}, level {} needs {}", to_string(self()), reachable,
                            placement.copies(), options.name, to_string(level), needed),
                may_ask_less ? "a lower level, or another node" : "another node");
}

}  // namespace rift::ap
