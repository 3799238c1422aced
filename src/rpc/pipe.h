// The word by which a node that takes up a Pipe lets the client know it. gRPC alone does not tell: a stream that no node ever saw ends like one
// that was taken up and broke. Used by api, which says it, and client, which sends nothing before.
#pragma once

namespace rift::rpc {

constexpr const char* pipe_accepted_key = "rift-pipe-accepted";  // of the initial metadata

}  // namespace rift::rpc
