// ids, bytes, coding, outcomes: the small values that everything else is made of.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/bytes.h"
#include "base/coding.h"
#include "base/ids.h"
#include "base/outcome.h"
#include "base/overloaded.h"
#include "base/task.h"

namespace rift {
namespace {

static_assert(!std::is_convertible_v<std::uint32_t, NodeId>);
static_assert(!std::is_convertible_v<NodeId, std::uint32_t>);
static_assert(!std::is_convertible_v<NodeId, PartitionId>);
static_assert(!std::is_constructible_v<Term, LogIndex>);
static_assert(next(LogIndex(4)) == LogIndex(5) && previous(LogIndex(4)) == LogIndex(3));
static_assert(LogIndex(9) - LogIndex(4) == 5);
static_assert(NodeId(1) < NodeId(2) && NodeId() == NodeId(0));

TEST(Ids, AreShownForPeople) {
  EXPECT_EQ(to_string(NodeId(3)), "n3");
  EXPECT_EQ(to_string(Uuid{.high = 0x0123456789abcdefULL, .low = 1}), "0123456789abcdef0000000000000001");
  EXPECT_TRUE(Uuid{}.is_zero());
  EXPECT_FALSE((Uuid{.high = 0, .low = 1}).is_zero());
}

TEST(Bytes, ASliceKeepsTheWholeAlive) {
  Bytes part;
  {
    const Bytes whole(std::string(100, 'a') + "tail");
    part = whole.slice(100);
    EXPECT_EQ(part.data(), whole.data() + 100);
  }
  EXPECT_EQ(part, Bytes("tail"));
}

TEST(Bytes, ASliceIsClampedToTheEnd) {
  const Bytes whole("abc");
  EXPECT_EQ(whole.slice(1, 1), Bytes("b"));
  EXPECT_EQ(whole.slice(1, 99), Bytes("bc"));
  EXPECT_TRUE(whole.slice(99, 1).empty());
  EXPECT_TRUE(Bytes().slice(0).empty());
}

TEST(Bytes, CompareByContent) {
  EXPECT_EQ(Bytes("abc").slice(0, 2), Bytes("ab"));
  EXPECT_LT(Bytes("ab"), Bytes("abc"));
  EXPECT_LT(Bytes("a"), Bytes("\xff"));  // as unsigned bytes
}

TEST(Coding, IsBigEndianSoThatOrderIsKept) {
  std::string out;
  put_u8(out, 0xab);
  put_u32(out, 0x01020304);
  put_u64(out, 0x1112131415161718);
  EXPECT_EQ(out, std::string("\xab\x01\x02\x03\x04\x11\x12\x13\x14\x15\x16\x17\x18", 13));
  KeyReader reader(out);
  EXPECT_EQ(MUST(reader.u8()), 0xab);
  EXPECT_EQ(MUST(reader.u32()), 0x01020304U);
  EXPECT_EQ(MUST(reader.u64()), 0x1112131415161718ULL);
  EXPECT_TRUE(reader.rest().empty());
}

TEST(Coding, ReadingPastTheEndIsCorruption) {
  for (std::size_t size = 0; size < 8; ++size) {
    const std::string text(size, 'x');
    EXPECT_EQ(KeyReader(text).u64().error().code, Code::corruption);
    EXPECT_EQ(KeyReader(text).u32().has_value(), size >= 4);
  }
  EXPECT_EQ(KeyReader("").u8().error().code, Code::corruption);
}

constexpr std::array all_codes = {Code::ok,
                                  Code::invalid,
                                  Code::too_large,
                                  Code::unknown_keyspace,
                                  Code::unsupported,
                                  Code::condition_failed,
                                  Code::not_leader,
                                  Code::no_leader,
                                  Code::level_unreachable,
                                  Code::overloaded,
                                  Code::disk_full,
                                  Code::wrong_node,
                                  Code::not_ready,
                                  Code::already_exists,
                                  Code::refused,
                                  Code::superseded_entry,
                                  Code::compacted,
                                  Code::clock_skewed,
                                  Code::token_not_met,
                                  Code::dedup_expired,
                                  Code::timeout,
                                  Code::leadership_lost,
                                  Code::level_missed,
                                  Code::disconnected,
                                  Code::corruption,
                                  Code::io,
                                  Code::unreachable};

TEST(Outcome, EveryCodeHasAName) {
  std::set<std::string_view> names;
  for (const Code code : all_codes) names.insert(to_string(code));
  EXPECT_EQ(names.size(), all_codes.size());
  EXPECT_FALSE(names.contains("invalid_code"));
}

// A timeout is never a failure: what may have happened is unknown.
TEST(Outcome, OnlyWhatIsProvedIsNotDone) {
  EXPECT_EQ(outcome_of(Code::ok), Outcome::done);
  for (const Code code : {Code::timeout, Code::leadership_lost, Code::level_missed, Code::disconnected,
                          Code::corruption, Code::io, Code::dedup_expired}) {
    EXPECT_EQ(outcome_of(code), Outcome::unknown) << to_string(code);
    EXPECT_FALSE(took_no_effect(code)) << to_string(code);
  }
  for (const Code code : {Code::invalid, Code::condition_failed, Code::not_leader, Code::overloaded,
                          Code::superseded_entry, Code::clock_skewed, Code::token_not_met, Code::unreachable}) {
    EXPECT_EQ(outcome_of(code), Outcome::not_done) << to_string(code);
    EXPECT_TRUE(took_no_effect(code)) << to_string(code);
  }
}

TEST(Outcome, LevelsAndModesAreReadBack) {
  for (const Level level : {Level::one, Level::majority, Level::all, Level::any})
    EXPECT_EQ(parse_level(to_string(level)), level);
  for (const Mode mode : {Mode::cp, Mode::ap}) EXPECT_EQ(parse_mode(to_string(mode)), mode);
  EXPECT_EQ(parse_level("ONE"), std::nullopt);
  EXPECT_EQ(parse_mode(""), std::nullopt);
}

TEST(Level, AnyPromisesLessThanOne) {
  const Level rising[] = {Level::unspecified, Level::any, Level::one, Level::majority, Level::all};
  for (std::size_t i = 0; i < std::size(rising); ++i) {
    for (std::size_t j = 0; j < std::size(rising); ++j)
      EXPECT_EQ(is_weaker(rising[i], rising[j]), i < j) << i << " " << j;
  }
}

TEST(Task, RunsOnceAndOwnsWhatItHolds) {
  int runs = 0;
  auto owned = std::make_unique<int>(3);
  Task task([&runs, owned = std::move(owned)] { runs += *owned; });
  Task moved = std::move(task);
  EXPECT_FALSE(static_cast<bool>(task));
  moved();
  EXPECT_EQ(runs, 3);
  EXPECT_FALSE(static_cast<bool>(moved));
  EXPECT_DEATH(moved(), "body_");
}

}  // namespace
}  // namespace rift
