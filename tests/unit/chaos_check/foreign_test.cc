#include "chaos/check/foreign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build.h"

namespace rift::chaos::check {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Foreign, AcceptsValuesOfWritesThatWereDoneOrMayHaveBeen) {
  const auto ops = history({write("a", {0, 1}), unknown(write("b", {2, 3})), cas("a", "c", {4, 5})});
  EXPECT_THAT(find_foreign_values(ops, "bank", {{"k", {"a", "b", "c"}}}), IsEmpty());
}

TEST(Foreign, CallsAValueThatNobodyWroteToThisKeyOfThisKeyspace) {
  auto ops = history({write("a", {0, 1}), on("other", write("b", {2, 3})), write("c", {4, 5}), read("d", {6, 7})});
  ops[2].keyspace = "carts";
  EXPECT_THAT(find_foreign_values(ops, "bank", {{"k", {"a", "b", "c", "d"}}, {"nowhere", {"a"}}}),
              ElementsAre(ForeignValue{"k", "b"}, ForeignValue{"k", "c"}, ForeignValue{"k", "d"},
                          ForeignValue{"nowhere", "a"}));
}

TEST(Foreign, CallsAValueWhoseWriteWasReportedNotDoneByThatWrite) {
  const auto ops = history({not_done(write("a", {0, 1})), failed_cas("x", "y", "b", {2, 3})});
  EXPECT_THAT(find_foreign_values(ops, "bank", {{"k", {"a", "b"}}}),
              ElementsAre(ForeignValue{"k", "a", 10}, ForeignValue{"k", "b", 20}));
}

}  // namespace
}  // namespace rift::chaos::check
