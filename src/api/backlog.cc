#include "api/backlog.h"

#include <fmt/format.h>

#include "replica/weight.h"

namespace rift::api {
std::size_t footprint(const Response& response) { return weight(response); }

bool WatchBacklog::admit(const Response& response, std::size_t unsent_bytes) {
  if (unsent_bytes > watch_backlog_bytes_max) return false;
  if (response.results) told_ = response.results->revision;
  return true;
}

Response WatchBacklog::refusal(RequestId id) const {
  Response response = refuse(
      id, Code::overloaded,
      fmt::format("this watch is not read fast enough: more than {} bytes wait to be sent", watch_backlog_bytes_max),
      told_ ? fmt::format("watch again from revision {}", told_->value() + 1) : "watch again");
  if (told_) response.results.emplace().revision = *told_;
  return response;
}

}  // namespace rift::api
