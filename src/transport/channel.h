// gRPC's settings between nodes, for both ends. Measured: with gRPC's own defaults a heal stays hidden for 5-10 s, three channels to one
// address share a connection, and a server ends connections that ping. Used by link.cc and listener.cc.
#pragma once

#include <memory>
#include <string>

#include "env/network.h"

namespace grpc {
class Channel;
class ServerBuilder;
}  // namespace grpc

namespace rift::transport {

inline constexpr const char* connect_method = "/riftkv.internal.v1.PeerService/Connect";
inline constexpr const char* lane_key = "rift-lane";  // call metadata

// A channel with a connection of its own.
std::shared_ptr<grpc::Channel> make_channel(const std::string& address);
void configure(grpc::ServerBuilder& builder);
// gRPC's lines on stderr say less than our errors do. GRPC_VERBOSITY brings them back.
void quiet_grpc_log();

}  // namespace rift::transport
