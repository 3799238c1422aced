// A node's status as Prometheus text and as JSON. Names start with rift_, base units, no key names in labels. Pure.
#pragma once

#include <string>

#include "replica/front.h"

namespace rift::server {

std::string metrics_text(const NodeStatus& status);
std::string status_json(const NodeStatus& status);  // schema rift.node_status/1; 64-bit numbers are strings

}  // namespace rift::server
