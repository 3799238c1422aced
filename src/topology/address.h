// How long an address in the map may be: one bound for a whole map and for one change of it. Used by catalog.cc and changes.cc; any thread.
#pragma once

#include <cstddef>

namespace rift::topology {

constexpr std::size_t address_bytes_max = 256;  // a domain name has at most 253

}  // namespace rift::topology
