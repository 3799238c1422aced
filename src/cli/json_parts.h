// What the JSON of several verbs is made of: 64-bit numbers as strings, bytes that may be no text, nodes, versions. Main thread only.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "replica/request.h"

namespace rift::cli {

nlohmann::ordered_json json_number(std::uint64_t value);
nlohmann::ordered_json json_moment(WallTime at);  // milliseconds since 1970; null for none
nlohmann::ordered_json json_nodes(const std::vector<NodeId>& nodes);
nlohmann::ordered_json json_version(const Version& version);
// Keys and values are bytes; JSON strings are not. What is no UTF-8 is given as NAME_base64.
void put_bytes(nlohmann::ordered_json& object, const std::string& name, ByteView bytes);

}  // namespace rift::cli
