#include "cp/compaction.h"

#include <gtest/gtest.h>

namespace rift::cp {
namespace {

LogMeter filled(CompactionLimits limits, std::uint64_t entries, std::size_t bytes) {
  LogMeter meter(limits, LogIndex(0), LogIndex(0));
  for (std::uint64_t i = 1; i <= entries; ++i) meter.applied(LogIndex(i), bytes);
  return meter;
}

TEST(LogMeter, HalfOfTheEntriesGoWhenThereAreTooMany) {
  const CompactionLimits limits{.entries_max = 100};
  EXPECT_FALSE(filled(limits, 100, 1).is_due());
  const LogMeter meter = filled(limits, 101, 1);
  EXPECT_TRUE(meter.is_due());
  EXPECT_EQ(meter.excess(), LogIndex(51));
}

TEST(LogMeter, HalfOfTheBytesGoWhenThereAreTooMany) {
  const CompactionLimits limits{.bytes_max = 1600};
  EXPECT_FALSE(filled(limits, 16, 100).is_due());
  const LogMeter meter = filled(limits, 17, 100);
  EXPECT_TRUE(meter.is_due());
  EXPECT_EQ(meter.excess(), LogIndex(9));  // eight of a hundred bytes stay
}

TEST(LogMeter, WhatWasDroppedNoLongerCounts) {
  LogMeter meter = filled({.bytes_max = 1600, .entries_max = 100}, 17, 100);
  meter.dropped(meter.excess());
  EXPECT_FALSE(meter.is_due());
  EXPECT_EQ(meter.entries(), 8U);
  EXPECT_EQ(meter.bytes(), 800U);
  for (std::uint64_t i = 18; i <= 25; ++i) meter.applied(LogIndex(i), 100);
  EXPECT_FALSE(meter.is_due());
  meter.applied(LogIndex(26), 100);
  EXPECT_TRUE(meter.is_due());
}

// The newest entry alone can be above the limit: it stays, for its sizes say nothing about who needs it.
TEST(LogMeter, OneHugeEntryIsKept) {
  const LogMeter meter = filled({.bytes_max = 1000}, 3, 5000);
  EXPECT_EQ(meter.excess(), LogIndex(2));
}

TEST(LogMeter, AfterARestartEntriesCountAndTheirBytesAreUnknown) {
  LogMeter meter({.bytes_max = 1600, .entries_max = 100}, LogIndex(50), LogIndex(149));
  EXPECT_FALSE(meter.is_due());
  meter.applied(LogIndex(150), 100);
  EXPECT_FALSE(meter.is_due());
  meter.applied(LogIndex(151), 100);
  EXPECT_TRUE(meter.is_due());
  EXPECT_EQ(meter.excess(), LogIndex(101));
  EXPECT_EQ(meter.bytes(), 200U);
}

TEST(LogMeter, PatienceEnds) {
  const CompactionLimits limits{.bytes_max = 1000, .entries_max = 10, .patience = 4, .hold_bytes_max = 8000};
  EXPECT_TRUE(filled(limits, 40, 100).is_patient());
  EXPECT_FALSE(filled(limits, 41, 1).is_patient());
  EXPECT_FALSE(filled(limits, 39, 110).is_patient());
  EXPECT_TRUE(filled(limits, 80, 100).may_hold());
  EXPECT_FALSE(filled(limits, 81, 100).may_hold());
}

}  // namespace
}  // namespace rift::cp
