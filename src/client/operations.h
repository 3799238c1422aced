// An operation as CallOptions ask for it. Used by client.cc and batch.cc.
#pragma once

#include <string>

#include "client/client.h"

namespace rift::client {

caller::Operation make(const std::string& keyspace, Verb verb, ByteView key, const CallOptions& options);

}  // namespace rift::client
