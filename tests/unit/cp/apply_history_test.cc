// History: what watches are told, and how it is compacted (traps 43, 44).
#include <gtest/gtest.h>

#include "apply_bench.h"

namespace rift::cp {
namespace {

TEST(History, TellsEveryChangeOnceInOrder) {
  ApplyBench bench;
  bench.apply({put_of("a", "1"), del_of("absent"), put_of("b", "2", seconds(1))});
  bench.apply_one(put_of("a", "3"));
  bench.log_time = seconds(1);
  bench.apply({expire_of(), del_of("a")});
  const auto events = bench.history();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(bench.history_records(), 3U);  // one for each entry that changed something
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].revision, Revision(i + 1));
  EXPECT_EQ(events[2], (wire::HistoryEvent{.kind = Event::Kind::put,
                                           .revision = Revision(3),
                                           .key = "a",
                                           .value = "3",
                                           .create_revision = Revision(1),
                                           .version = 2}));
  EXPECT_EQ(events[3].kind, Event::Kind::expired);
  EXPECT_EQ(events[4].kind, Event::Kind::del);
  EXPECT_EQ(events[4].version, 3U);
}

TEST(History, OfALargeEntryStandsInRecordsThatFitAnEntry) {
  ApplyBench bench;
  const std::string prefix(limits::key_bytes_max - 10, 'p');
  for (int part = 0; part < 2; ++part) {
    std::vector<wire::Command> puts;
    for (int i = 0; i < 110; ++i)
      puts.push_back(put_of(std::string(1, static_cast<char>('a' + part)) + prefix + std::to_string(i), "v"));
    bench.apply(puts);
  }
  const std::size_t before = bench.history_records();
  bench.apply({del_range_of("a", "b"), del_range_of("b", "c"), put_of("last", "v")});
  EXPECT_EQ(bench.history_records(), before + 2);
  const auto events = bench.history();
  ASSERT_EQ(events.size(), 441U);
  for (std::size_t i = 1; i < events.size(); ++i) EXPECT_LE(events[i - 1].revision, events[i].revision);
  EXPECT_EQ(events[220].revision, events[329].revision);
}

TEST(Compact, MovesTheFloorAndErasesWhatLiesBehindIt) {
  ApplyBench bench;
  for (int i = 0; i < 10; ++i) bench.apply_one(put_of("k", std::to_string(i)));
  const std::uint64_t bytes = bench.applied().history_bytes;
  const Applied result = bench.apply_one(compact_of(6));
  EXPECT_EQ(result.code, Code::ok);
  EXPECT_EQ(result.results->compacted, Revision(6));
  EXPECT_EQ(bench.applied().compacted, Revision(6));
  EXPECT_EQ(bench.applied().revision, Revision(10));  // spends none
  EXPECT_TRUE(bench.applier().is_sweeping());
  bench.apply({});
  bench.apply({});
  EXPECT_FALSE(bench.applier().is_sweeping());
  ASSERT_EQ(bench.history().size(), 4U);
  EXPECT_EQ(bench.history().front().revision, Revision(7));
  EXPECT_LT(bench.applied().history_bytes, bytes);
  EXPECT_EQ(bench.value("k")->value, Bytes("9"));                             // values stay
  EXPECT_EQ(bench.apply_one(compact_of(3)).results->compacted, Revision(6));  // it never falls (trap 44)
}

TEST(Compact, RefusesARevisionThatHasNotCome) {
  ApplyBench bench;
  bench.apply_one(put_of("k", "v"));
  const Applied refused = bench.apply_one(compact_of(2));
  EXPECT_EQ(refused.code, Code::invalid);
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_EQ(bench.applied().compacted, Revision(0));
}

TEST(Compact, ARecordGoesWholeOrStays) {
  ApplyBench bench;
  bench.apply({put_of("a", "1"), put_of("b", "2"), put_of("c", "3")});
  bench.apply_one(put_of("d", "4"));
  bench.apply_one(compact_of(2));
  for (int i = 0; i < 3; ++i) bench.apply({});
  EXPECT_EQ(bench.history().size(), 4U);
  EXPECT_FALSE(bench.applier().is_sweeping());
  bench.apply_one(compact_of(4));
  for (int i = 0; i < 3; ++i) bench.apply({});
  EXPECT_EQ(bench.history_records(), 0U);
  EXPECT_EQ(bench.applied().history_bytes, 0U);
}

// After that nothing explains the absence but the floor.
TEST(Compact, DropsTheTombstonesThatItLeavesBehind) {
  ApplyBench bench;
  bench.apply({put_of("gone", "1"), put_of("back", "1"), put_of("late", "1")});
  bench.apply({del_of("gone"), del_of("back")});
  bench.apply_one(put_of("back", "2"));
  bench.apply_one(del_of("late"));
  bench.apply_one(compact_of(6));
  for (int i = 0; i < 3; ++i) bench.apply({});
  EXPECT_FALSE(bench.value("gone").has_value());
  EXPECT_EQ(bench.value("back")->value, Bytes("2"));
  ASSERT_TRUE(bench.value("late").has_value());  // above the floor
  EXPECT_TRUE(bench.value("late")->deleted);
  const Applied reborn = bench.apply_one(put_of("gone", "3"));
  EXPECT_EQ(reborn.version.create_revision, Revision(8));
}

TEST(Compact, IsABoundedPieceOfWorkPerEntryAndGoesOnAfterARestart) {
  ApplyBench bench;
  constexpr std::size_t count = 300;
  for (std::size_t i = 0; i < count; ++i) bench.apply_one(put_of("k", std::to_string(i)));
  bench.apply_one(compact_of(count));
  std::size_t left = bench.history_records();
  int entries = 0;
  while (left > 0) {
    if (entries == 2) bench.restart();
    bench.apply({});
    const std::size_t now = bench.history_records();
    ASSERT_LT(now, left);
    EXPECT_LE(left - now, 64U);
    left = now;
    ++entries;
  }
  EXPECT_GE(entries, 5);
  EXPECT_EQ(bench.applied().swept, Revision(count));
}

// Nothing is left that would tell how far the revisions had come but the record of it (trap 44).
TEST(Compact, ARestartOverAnEmptyHistoryTakesNothingBack) {
  ApplyBench bench;
  for (int i = 0; i < 10; ++i) bench.apply_one(put_of("k", std::to_string(i)));
  bench.apply_one(compact_of(10));
  bench.restart();
  for (int i = 0; i < 3; ++i) {
    bench.apply({});
    bench.restart();
  }
  ASSERT_FALSE(bench.applier().is_sweeping());
  ASSERT_EQ(bench.history_records(), 0U);
  EXPECT_EQ(bench.applied().swept, Revision(10));
  EXPECT_EQ(bench.apply_one(compact_of(3)).results->compacted, Revision(10));
  bench.restart();
  EXPECT_EQ(bench.applied().compacted, Revision(10));
  EXPECT_EQ(bench.apply_one(put_of("k", "next")).version.modify_revision, Revision(11));
}

TEST(Compact, LargeRecordsAreFewerPerEntry) {
  ApplyBench bench;
  for (int i = 0; i < 12; ++i) bench.apply_one(put_of("k", std::string(100 * limits::kibi, 'v')));
  bench.apply_one(compact_of(12));
  for (std::size_t left = 12; left > 0; left -= 3) {
    EXPECT_EQ(bench.history_records(), left);
    bench.apply({});
  }
}

TEST(Compact, TheFloorIsPartOfTheHash) {
  ApplyBench a;
  ApplyBench b;
  for (ApplyBench* bench : {&a, &b}) bench->apply({put_of("k", "1"), put_of("k", "2")});
  a.apply_one(compact_of(1));
  b.apply_one(compact_of(2));
  EXPECT_NE(a.applied().hash, b.applied().hash);
}

}  // namespace
}  // namespace rift::cp
