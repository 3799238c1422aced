#include "base/hash.h"

#include <array>
#include <cstring>

#include <xxhash.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace rift {
namespace {

constexpr std::uint32_t castagnoli_reversed = 0x82f63b78U;

constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? castagnoli_reversed : 0U);
    tables[0][i] = crc;
  }
  for (std::size_t t = 1; t < 8; ++t) {
    for (std::size_t i = 0; i < 256; ++i) {
      tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xffU];
    }
  }
  return tables;
}

constexpr auto tables = make_tables();

#if defined(__x86_64__)
// One instruction per eight bytes (SSE 4.2): log records and frames pass through here on both sides.
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse(ByteView data, std::uint32_t seed) {
  std::uint64_t crc = ~seed;
  for (; data.size() >= 8; data.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data(), 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto narrow = static_cast<std::uint32_t>(crc);
  for (const char byte : data) narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(byte));
  return ~narrow;
}

const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;
#endif

std::uint8_t byte_at(ByteView data, std::size_t i) { return static_cast<std::uint8_t>(data[i]); }

}  // namespace

std::uint64_t xxh3_64(ByteView data) { return XXH3_64bits(data.data(), data.size()); }

std::uint32_t crc32c(ByteView data, std::uint32_t seed) {
#if defined(__x86_64__)
  if (has_sse42) return crc32c_sse(data, seed);
#endif
  return crc32c_portable(data, seed);
}

// Slicing by eight: eight table look-ups per eight bytes.
std::uint32_t crc32c_portable(ByteView data, std::uint32_t seed) {
  std::uint32_t crc = ~seed;
  while (data.size() >= 8) {
    std::uint32_t low = 0;
    std::memcpy(&low, data.data(), 4);
    low ^= crc;
    crc = tables[7][low & 0xffU] ^ tables[6][(low >> 8) & 0xffU] ^ tables[5][(low >> 16) & 0xffU] ^
          tables[4][low >> 24] ^ tables[3][byte_at(data, 4)] ^ tables[2][byte_at(data, 5)] ^
          tables[1][byte_at(data, 6)] ^ tables[0][byte_at(data, 7)];
    data.remove_prefix(8);
  }
  for (std::size_t i = 0; i < data.size(); ++i) crc = (crc >> 8) ^ tables[0][(crc ^ byte_at(data, i)) & 0xffU];
  return ~crc;
}

}  // namespace rift
