// The flags that `rift watch` prints when it ends: whoever follows them sees every event once.
#include "cli/watch_told.h"

#include <gtest/gtest.h>

namespace rift::cli {
namespace {

const std::vector<PartitionId> both = {PartitionId(17), PartitionId(18)};

caller::WatchBatch batch(std::uint32_t partition, std::vector<std::uint64_t> revisions, std::uint64_t up_to) {
  caller::WatchBatch batch{.partition = PartitionId(partition), .revision = Revision(up_to)};
  for (const std::uint64_t revision : revisions) {
    Event event;
    event.revision = Revision(revision);
    event.key = "k";
    batch.events.push_back(std::move(event));
  }
  return batch;
}

// What it prints on the way is of no interest here.
class WatchToldTest : public testing::Test {
 protected:
  void SetUp() override { testing::internal::CaptureStdout(); }
  void TearDown() override { testing::internal::GetCapturedStdout(); }
};

TEST_F(WatchToldTest, KeepsThePlaceOfAQuietPartitionThatTheWishNamed) {
  caller::WatchWish wish{.keyspace = "bank"};
  wish.resume = {{PartitionId(17), Revision(42)}, {PartitionId(18), Revision(9)}};
  WatchTold told(Format::text, 0, wish);
  told.take(batch(17, {43, 45}, 45));
  EXPECT_EQ(told.resume(both).flags, " --resume 17:45 --resume 18:9");
  EXPECT_TRUE(told.resume(both).unknown.empty());
}

TEST_F(WatchToldTest, AQuietPartitionOfAWatchFromARevisionBeginsThereAgain) {
  WatchTold told(Format::text, 0, {.keyspace = "bank", .from = Revision(5)});
  told.take(batch(17, {6}, 6));
  EXPECT_EQ(told.resume(both).flags, " --resume 17:6 --resume 18:4");
  WatchTold whole(Format::text, 0, {.keyspace = "bank", .from = Revision(1)});
  EXPECT_EQ(whole.resume(both).flags, " --resume 17:0 --resume 18:0");
}

TEST_F(WatchToldTest, AQuietPartitionOfAWatchFromNowOnIsNamedUntilItHasAnswered) {
  WatchTold told(Format::text, 0, {.keyspace = "bank"});
  told.take(batch(17, {}, 7));
  EXPECT_EQ(told.resume(both).flags, " --resume 17:7");
  EXPECT_EQ(told.resume(both).unknown, std::vector{PartitionId(18)});
  told.take(batch(18, {}, 3));
  EXPECT_EQ(told.resume(both).flags, " --resume 17:7 --resume 18:3");
  EXPECT_TRUE(told.resume(both).unknown.empty());
}

TEST_F(WatchToldTest, APartitionThatTheWishDidNotNameBesideOthersIsToldFromItsBeginning) {
  caller::WatchWish wish{.keyspace = "bank"};
  wish.resume = {{PartitionId(17), Revision(42)}};
  WatchTold told(Format::text, 0, wish);
  EXPECT_EQ(told.resume(both).flags, " --resume 17:42 --resume 18:0");
  EXPECT_TRUE(told.resume(both).unknown.empty());
  wish.from = Revision(5);
  EXPECT_EQ(WatchTold(Format::text, 0, wish).resume(both).flags, " --resume 17:42 --resume 18:4");
}

TEST_F(WatchToldTest, WhatComesAfterTheLastThatIsShownMovesNoPlace) {
  caller::WatchWish wish{.keyspace = "bank"};
  wish.resume = {{PartitionId(18), Revision(9)}};
  WatchTold told(Format::text, 1, wish);
  told.take(batch(17, {5, 6}, 6));
  EXPECT_TRUE(told.is_over());
  told.take(batch(18, {10}, 10));
  told.take(batch(17, {}, 8));
  told.take(batch(18, {}, 12));
  EXPECT_EQ(told.resume(both).flags, " --resume 17:5 --resume 18:9");
  WatchTold fresh(Format::text, 1, {.keyspace = "bank"});
  fresh.take(batch(17, {5}, 6));
  fresh.take(batch(18, {10}, 10));
  EXPECT_EQ(fresh.resume(both).flags, " --resume 17:6");
  EXPECT_EQ(fresh.resume(both).unknown, std::vector{PartitionId(18)}) << "and not 18:0, which would tell everything";
}

TEST_F(WatchToldTest, ARevisionThatIsShownInPartComesAgain) {
  WatchTold told(Format::text, 2, {.keyspace = "bank"});
  told.take(batch(17, {5, 6, 6}, 6));
  EXPECT_EQ(told.resume({PartitionId(17)}).flags, " --resume 17:5");
}

}  // namespace
}  // namespace rift::cli
