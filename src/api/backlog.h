// What a client has not read yet of its answers. A watch whose answers pile up is ended, with the revision to resume from: neither the node's
// memory nor other clients pay for a slow reader. Used by the streams of this room, on the polling thread.
#pragma once

#include <optional>

#include "base/limits.h"
#include "replica/request.h"

namespace rift::api {

// Of a watch: what lies unsent in its stream beyond this ends it.
constexpr std::size_t watch_backlog_bytes_max = limits::connection_in_flight_bytes_max;

// What an answer costs until it is sent.
std::size_t footprint(const Response& response);

class WatchBacklog {
 public:
  // Of a watch from `wanted` on; 0: from now on, which its first answer names.
  explicit WatchBacklog(Revision wanted = {}) {
    if (wanted != Revision()) told_ = Revision(wanted.value() - 1);
  }

  // False: there is no room for this answer. It is dropped, and the watch must be cancelled and end with refusal().
  bool admit(const Response& response, std::size_t unsent_bytes);
  Response refusal(RequestId id) const;

 private:
  std::optional<Revision> told_;  // by what was admitted, or before it began
};

}  // namespace rift::api
