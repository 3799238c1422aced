// What requests and answers weigh where memory is bounded, beyond footprint(Request). Used by api and client for what is in flight in a connection,
// by cp for what a round answers; any thread.
#pragma once

#include "replica/request.h"

namespace rift {

// What this answer costs until it is sent.
std::size_t weight(const Response& response);
// What this request costs a connection while it is open: its own bytes, and those of the page or the values that may answer it. A watch stays
// open for as long as its client likes: it is counted, not weighed.
std::size_t weight_in_flight(const Request& request);

}  // namespace rift
