#include "base/hash.h"

#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"

namespace rift {
namespace {

std::string ascending(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text.push_back(static_cast<char>(i));
  return text;
}

// RFC 3720, B.4.
TEST(Crc32c, HasTheVectorsOfTheStandard) {
  for (const auto crc : {&crc32c, &crc32c_portable}) {
    EXPECT_EQ(crc(std::string(32, '\0'), 0), 0x8a9136aaU);
    EXPECT_EQ(crc(std::string(32, '\xff'), 0), 0x62a8ab43U);
    EXPECT_EQ(crc(ascending(32), 0), 0x46dd794eU);
    const std::string up = ascending(32);
    EXPECT_EQ(crc(std::string(up.rbegin(), up.rend()), 0), 0x113fdb5cU);
    EXPECT_EQ(crc("123456789", 0), 0xe3069283U);
    EXPECT_EQ(crc("", 0), 0U);
  }
}

TEST(Crc32c, IsTheSameWithAndWithoutTheInstruction) {
  Rng rng(1);
  for (int run = 0; run < 300; ++run) {
    std::string text;
    for (std::uint64_t n = rng.below(100); n > 0; --n) text.push_back(static_cast<char>(rng.below(256)));
    const auto seed = static_cast<std::uint32_t>(rng.next());
    ASSERT_EQ(crc32c(text, seed), crc32c_portable(text, seed)) << text.size();
  }
}

TEST(Crc32c, ContinuesFromWhatCameBefore) {
  const std::string text = ascending(100);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(ByteView(text).substr(cut), crc32c(ByteView(text).substr(0, cut))), crc32c(text));
  }
}

// Values of the reference implementation: placement and key order depend on them.
TEST(Xxh3, HasItsKnownValues) {
  EXPECT_EQ(xxh3_64(""), 0x2d06800538d394c2ULL);
  EXPECT_EQ(xxh3_64("a"), 0xe6c632b61e964e1fULL);
  EXPECT_EQ(xxh3_64("abc"), 0x78af5f94892f3950ULL);
}

}  // namespace
}  // namespace rift
