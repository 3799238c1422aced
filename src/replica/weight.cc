#include "replica/weight.h"

#include "base/limits.h"

namespace rift {
namespace {

constexpr std::size_t response_overhead_bytes = 256;
constexpr std::size_t part_overhead_bytes = 64;  // of an item or event

}  // namespace

std::size_t weight(const Response& response) {
  std::size_t bytes = response.value.size() + response_overhead_bytes;
  if (!response.results) return bytes;
  for (const Item& item : response.results->items) bytes += item.key.size() + item.value.size() + part_overhead_bytes;
  for (const Event& event : response.results->events)
    bytes += event.key.size() + event.value.size() + part_overhead_bytes;
  return bytes;
}

std::size_t weight_in_flight(const Request& request) {
  if (request.verb == Verb::watch) return 0;
  const bool has_large_answer = request.verb == Verb::scan || request.verb == Verb::multi_get;
  return footprint(request) + (has_large_answer ? limits::scan_page_bytes_max : 0);
}

}  // namespace rift
