// What one answer means for the operation behind it: the whole of "may this be sent again" in one pure function. Used by Caller only.
#pragma once

#include "replica/request.h"

namespace rift::caller {

// What a second copy of the operation could do.
enum class Nature : std::uint8_t {
  read,          // nothing
  resolve,       // nothing: it asks, or writes one and the same refusal
  deduplicated,  // nothing: a cp write whose op id the dedup window knows
  plain,         // take effect twice: an ap write (a re-stamped copy, DESIGN 4), or a cp write without op id
};

enum class Next : std::uint8_t {
  finish,     // this answer ends the operation
  redirect,   // send to whoever leads, at once if the answer says who
  back_off,   // send again a little later
  elsewhere,  // send to another owner, each at most once; then this answer ends the operation
  reload,     // the map is old or the node's is: fetch it, then look again
  renew,      // the dedup window is gone and nothing was executed: take a new client id
};

// True if the answer tells for good what became of the operation, whatever happened to its earlier copies.
bool is_conclusive(Nature nature, const Response& response);

Next judge(Nature nature, const Response& response);

}  // namespace rift::caller
