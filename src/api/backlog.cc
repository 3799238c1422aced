#include "api/backlog.h"

#include <fmt/format.h>

namespace rift::api {
namespace {

constexpr std::size_t reply_overhead_bytes = 256;
constexpr std::size_t part_overhead_bytes = 64;

}  // namespace

std::size_t footprint(const Response& response) {
  std::size_t bytes = response.value.size() + reply_overhead_bytes;
  if (!response.results) return bytes;
  for (const Item& item : response.results->items) bytes += item.key.size() + item.value.size() + part_overhead_bytes;
  for (const Event& event : response.results->events)
    bytes += event.key.size() + event.value.size() + part_overhead_bytes;
  return bytes;
}

bool WatchBacklog::admit(const Response& response, std::size_t unsent_bytes) {
  if (unsent_bytes > watch_backlog_bytes_max) return false;
  if (response.results) told_ = response.results->revision;
  return true;
}

Response WatchBacklog::refusal(RequestId id) const {
  Response response = refuse(
      id, Code::overloaded,
      fmt::format("this watch is not read fast enough: more than {} bytes wait to be sent", watch_backlog_bytes_max),
      fmt::format("watch again from revision {}", told_.value() + 1));
  response.results.emplace().revision = told_;
  return response;
}

}  // namespace rift::api
