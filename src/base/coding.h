// Big-endian, order-preserving integers for keys on disk, and a bounds-checked reader for parsing them.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace rift {

void put_u8(std::string& out, std::uint8_t value);
void put_u32(std::string& out, std::uint32_t value);
void put_u64(std::string& out, std::uint64_t value);

// Consumes a view from the front; every read past the end is Code::corruption.
class KeyReader {
 public:
  explicit KeyReader(ByteView data) : rest_(data) {}
  Result<std::uint8_t> u8();
  Result<std::uint32_t> u32();
  Result<std::uint64_t> u64();
  ByteView rest() const { return rest_; }

 private:
  Result<ByteView> take(std::size_t size);
  ByteView rest_;
};

}  // namespace rift
