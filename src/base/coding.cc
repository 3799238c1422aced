#include "base/coding.h"

#include <bit>
#include <cstring>

namespace rift {
namespace {

static_assert(std::endian::native == std::endian::little, "the byte swaps below assume it");

template <class Integer>
void put_memory_of(std::string& out, Integer value) {
  char bytes[sizeof(Integer)];
  std::memcpy(bytes, &value, sizeof bytes);
  out.append(bytes, sizeof bytes);
}

template <class Integer>
Integer get_big_endian(ByteView data) {
  Integer value = 0;
  for (char c : data) value = static_cast<Integer>((value << 8) | static_cast<std::uint8_t>(c));
  return value;
}

}  // namespace

void put_u8(std::string& out, std::uint8_t value) { out.push_back(static_cast<char>(value)); }
void put_u32(std::string& out, std::uint32_t value) { put_memory_of(out, __builtin_bswap32(value)); }
void put_u64(std::string& out, std::uint64_t value) { put_memory_of(out, __builtin_bswap64(value)); }

Result<ByteView> KeyReader::take(std::size_t size) {
  if (rest_.size() < size) return fail(Code::corruption, "key is shorter than its layout");
  const ByteView taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

Result<std::uint8_t> KeyReader::u8() { return static_cast<std::uint8_t>(TRY(take(1))[0]); }
Result<std::uint32_t> KeyReader::u32() { return get_big_endian<std::uint32_t>(TRY(take(4))); }
Result<std::uint64_t> KeyReader::u64() { return get_big_endian<std::uint64_t>(TRY(take(8))); }

}  // namespace rift
