// Messages whose first field is `fixed32 crc = 15`: CRC-32C over all bytes that follow it. Every flipped bit is found. Internal to wire.
#pragma once

#include "base/hash.h"
#include "base/result.h"
#include "wire/proto_codec.h"

namespace rift::wire::proto {

constexpr char crc_tag = static_cast<char>((15U << 3) | static_cast<unsigned>(WireType::fixed32));
constexpr std::size_t crc_field_bytes = 5;

template <class M>
std::string serialize_checked(const M& message, ByteView prefix) {
  const std::size_t begin = prefix.size() + crc_field_bytes;
  std::string out(begin + Sizer::size_of(message), '\0');
  Writer writer(out.data());
  writer.raw(prefix);
  writer.raw(ByteView("\0\0\0\0\0", crc_field_bytes));
  describe(writer, message);
  ASSERT(writer.position() == out.data() + out.size());
  const std::uint32_t crc = crc32c(ByteView(out).substr(begin));
  out[prefix.size()] = crc_tag;
  for (unsigned i = 0; i < 4; ++i) out[prefix.size() + 1 + i] = static_cast<char>((crc >> (8 * i)) & 0xffU);
  return out;
}

// What follows the crc, if it is right.
inline Result<ByteView> checked_content(ByteView data, const char* what) {
  if (data.size() < crc_field_bytes || data[0] != crc_tag)
    return fail(Code::corruption, std::string(what) + ": no checksum");
  std::uint32_t crc = 0;
  for (unsigned i = 0; i < 4; ++i) crc |= std::uint32_t{static_cast<std::uint8_t>(data[1 + i])} << (8 * i);
  const ByteView content = data.substr(crc_field_bytes);
  if (crc32c(content) != crc) return fail(Code::corruption, std::string(what) + ": checksum mismatch");
  return content;
}

}  // namespace rift::wire::proto
