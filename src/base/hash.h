// Hashes whose values are part of formats: never change them. XXH3-64 (placement, AP key order, dedup of hints) and CRC-32C
// (records and frames; Castagnoli polynomial, RFC 3720 vectors in the test).
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace rift {

std::uint64_t xxh3_64(ByteView data);
std::uint32_t crc32c(ByteView data, std::uint32_t seed = 0);  // seed: the crc of what came before
std::uint32_t crc32c_portable(ByteView data,
                              std::uint32_t seed = 0);  // the same on a processor without the instruction

}  // namespace rift
