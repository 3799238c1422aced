#include "replica/token.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/result.h"

namespace rift {
namespace {

TEST(Token, ReadsBackWhatItShows) {
  for (const Version& version :
       {Version{.hlc = 1, .dot_node = NodeId(1), .dot_incarnation = 0, .dot_sequence = 1},
        Version{
            .hlc = 0x19d2f3c4a5b60007, .dot_node = NodeId(12), .dot_incarnation = 0x100000000, .dot_sequence = 4711},
        Version{.hlc = UINT64_MAX,
        .dot_node = NodeId(UINT32_MAX),
        .dot_incarnation = UINT64_MAX,
        .dot_sequence = UINT64_MAX}}) {
    EXPECT_EQ(MUST(parse_token(token_text(version))), version);
  }
  EXPECT_EQ(token_text(Version{.hlc = 0xab, .dot_node = NodeId(3), .dot_incarnation = 0x10, .dot_sequence = 0xf}),
            "ab-3-10-f");
}

TEST(Token, AVersionOfACpKeyspaceHasNone) {
  EXPECT_EQ(token_text(Version{.create_revision = Revision(1), .modify_revision = Revision(2), .version = 1}), "");
}

TEST(Token, OrdersVersionsAsTheirOwnersDo) {
  const auto version = [](std::uint64_t hlc, std::uint32_t node, std::uint64_t incarnation, std::uint64_t sequence) {
    return Version{.hlc = hlc, .dot_node = NodeId(node), .dot_incarnation = incarnation, .dot_sequence = sequence};
  };
  const std::vector<Version> rising = {Version{},           version(1, 9, 9, 9), version(2, 1, 9, 9),
                                       version(2, 2, 1, 9), version(2, 2, 2, 1), version(2, 2, 2, 2)};
  for (std::size_t a = 0; a < rising.size(); ++a) {
    for (std::size_t b = 0; b < rising.size(); ++b) EXPECT_EQ(is_newer(rising[a], rising[b]), a > b);
  }
}

TEST(Token, RefusesEverythingElseByName) {
  for (const std::string text : {"",
                                 "-",
                                 "---",
                                 "ab",
                                 "ab-3-10",
                                 "ab-3-10-f-1",
                                 "ab-3-10-f-",
                                 "-ab-3-10-f",
                                 "AB-3-10-f",
                                 "0ab-3-10-f",
                                 "0-3-10-f",
                                 "ab-0-10-f",
                                 "ab-3-10-0",
                                 "ab-3x-10-f",
                                 " ab-3-10-f",
                                 "ab-3-10-f ",
                                 "+ab-3-10-f",
                                 "0xab-3-10-f",
                                 "10000000000000000-3-10-f",
                                 "ab-4294967296-10-f",
                                 "ab-3-10-10000000000000000"}) {
    const auto version = parse_token(text);
    ASSERT_FALSE(version) << text;
    EXPECT_EQ(version.error().code, Code::invalid);
  }
  const auto version = parse_token(std::string(1'000'000, 'a'));
  ASSERT_FALSE(version);
  EXPECT_LT(version.error().detail.size(), 300U) << "hostile text is not repeated whole";
}

}  // namespace
}  // namespace rift
