// A gRPC channel to a node with the settings that notice a silent peer in 1.5 s and a heal within half a second (gRPC's defaults would
// hide it for ten seconds to two minutes).
#pragma once

#include <memory>
#include <string>

namespace grpc {
class Channel;
}

namespace rift::client {

std::shared_ptr<grpc::Channel> make_channel(const std::string& address);

}  // namespace rift::client
