// A frame: what one connection carries at a time. It batches messages of many partitions, bounded by limits::frame_bytes_max, and carries
// the sender's map epoch and a crc over everything. Built and split by node.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace rift::wire {

struct FramePart {
  PartitionId partition;
  Bytes message;  // from encode_message
  std::uint64_t generation =
      0;  // of the partition's group: one that was founded again has nothing to say to what it was before
  friend bool operator==(const FramePart&, const FramePart&) = default;
};

struct Frame {
  MapEpoch epoch;
  std::vector<FramePart> parts;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// What `part` adds to a frame; an empty frame has frame_overhead_bytes.
std::size_t encoded_size(const FramePart& part);
constexpr std::size_t frame_overhead_bytes = 32;

Bytes encode_frame(const Frame& frame);
// The parts are slices of `bytes`. Any flipped bit is Code::corruption.
Result<Frame> decode_frame(const Bytes& bytes);

}  // namespace rift::wire
