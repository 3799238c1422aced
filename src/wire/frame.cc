#include "wire/frame.h"

#include "base/limits.h"
#include "wire/checksum.h"
#include "wire/proto_parser.h"

namespace rift::wire {
namespace proto {

constexpr unsigned parts_number = 2;
// A part takes at least 6 bytes.
constexpr std::size_t frame_parts_max = limits::frame_bytes_max / 6;

template <class Io, Is<FramePart> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.partition);
  io.required(2, m.message);
  io.scalar(3, m.generation);
}

template <class Io, Is<Frame> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.epoch);
  io.messages(parts_number, m.parts, frame_parts_max);
}

}  // namespace proto

std::size_t encoded_size(const FramePart& part) {
  const std::size_t size = proto::Sizer::size_of(part);
  return proto::tag_size(proto::parts_number) + proto::varint_size(size) + size;
}

Bytes encode_frame(const Frame& frame) { return Bytes(proto::serialize_checked(frame, {})); }

Result<Frame> decode_frame(const Bytes& bytes) {
  const ByteView content = TRY(proto::checked_content(bytes, "frame"));
  return proto::parse<Frame>(content, &bytes, "frame");
}

}  // namespace rift::wire
