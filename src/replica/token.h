// The text form of a read token of an ap keyspace: the version (hlc and dot) that an answer told of, as a client keeps it and sends it back
// (Request::seen). For people, the command line and refusals; the wire carries the Version itself. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "replica/request.h"

namespace rift {

// "HLC-NODE-INCARNATION-SEQUENCE", the node's number in decimal digits and the rest in hexadecimal ones. Empty: not of an ap keyspace.
std::string token_text(const Version& version);

// The order of the versions of one key of an ap keyspace. Zero is older than all.
bool is_newer(const Version& a, const Version& b);

// Hostile input: exactly what token_text() makes, of any numbers.
Result<Version> parse_token(std::string_view text);

}  // namespace rift
