// Several frames <-> one gRPC message (PeerFrame of transport.proto, `repeated bytes frame = 1`), written by hand so that a large
// frame is not copied on its way out and copied once on its way in. Called on the polling thread.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace grpc {
class ByteBuffer;
}

namespace rift::transport {

grpc::ByteBuffer encode_frames(std::span<const Bytes> frames);

// Code::invalid for anything but frames of at most limits::frame_bytes_max.
Result<std::vector<Bytes>> decode_frames(const grpc::ByteBuffer& message);

}  // namespace rift::transport
