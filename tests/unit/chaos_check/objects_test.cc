#include "chaos/check/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rift::chaos::check {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Time at(int seconds) { return Time(std::chrono::seconds(seconds)); }

Attempted done(int from, int to) { return {.outcome = Outcome::done, .invoke = at(from), .complete = at(to)}; }
Attempted unknown(int from) { return {.outcome = Outcome::unknown, .invoke = at(from), .complete = at(from + 1)}; }
Attempted refused(int from) { return {.outcome = Outcome::not_done, .invoke = at(from), .complete = at(from + 1)}; }

TEST(Counters, CountEachDoneAdditionOnce) {
  const std::vector<Addition> twice = {{"n", 1, done(0, 1)}, {"n", 2, done(2, 3)}};
  EXPECT_THAT(check_counters(twice, {{"n", 2}}), IsEmpty());
  EXPECT_THAT(check_counters(twice, {{"n", 3}}), Contains(HasSubstr("is 3 after 2 done")));
  EXPECT_THAT(check_counters(twice, {{"n", 1}}), Contains(HasSubstr("is 1 after 2 done")));
  EXPECT_THAT(check_counters(twice, {}), Contains(HasSubstr("is 0 after 2 done")));
}

TEST(Counters, UnknownAdditionsCountOnceOrNotAtAllAndRefusedOnesNever) {
  const std::vector<Addition> mixed = {{"n", 1, done(0, 1)}, {"n", {}, unknown(2)}, {"n", {}, refused(4)}};
  EXPECT_THAT(check_counters(mixed, {{"n", 1}}), IsEmpty());
  EXPECT_THAT(check_counters(mixed, {{"n", 2}}), IsEmpty());
  EXPECT_THAT(check_counters(mixed, {{"n", 3}}), Contains(HasSubstr("is 3")));
}

TEST(Counters, ResultsAreUniqueAndInOrder) {
  EXPECT_THAT(check_counters(std::vector<Addition>{{"n", 1, done(0, 1)}, {"n", 1, done(2, 3)}}, {{"n", 2}}),
              Contains(HasSubstr("both made it 1")));
  EXPECT_THAT(check_counters(std::vector<Addition>{{"n", 2, done(0, 1)}, {"n", 1, done(2, 3)}}, {{"n", 2}}),
              Contains(HasSubstr("began after a larger result")));
  EXPECT_THAT(check_counters(std::vector<Addition>{{"n", 2, done(0, 5)}, {"n", 1, done(2, 3)}}, {{"n", 2}}), IsEmpty());
}

TEST(Lists, HoldEachAppendedTagOnce) {
  const std::vector<Appending> two = {{"l", "a", done(0, 1)}, {"l", "b", done(2, 3)}, {"l", "c", unknown(4)}};
  EXPECT_THAT(check_lists(two, {}, {{"l", {"a", "b"}}}), IsEmpty());
  EXPECT_THAT(check_lists(two, {}, {{"l", {"a", "b", "c"}}}), IsEmpty());
  EXPECT_THAT(check_lists(two, {}, {{"l", {"a", "b", "a"}}}), Contains(HasSubstr("a was appended 2 times")));
  EXPECT_THAT(check_lists(two, {}, {{"l", {"a"}}}), Contains(HasSubstr("b was acknowledged and is not there")));
  EXPECT_THAT(check_lists(two, {}, {{"l", {"a", "b", "x"}}}), Contains(HasSubstr("nobody appended x")));
  EXPECT_THAT(check_lists(std::vector<Appending>{{"l", "a", refused(0)}}, {}, {{"l", {"a"}}}),
              Contains(HasSubstr("refused and is there")));
}

TEST(Lists, ReadsShowABeginningAndWhatWasDoneBefore) {
  const std::vector<Appending> two = {{"l", "a", done(0, 1)}, {"l", "b", done(2, 3)}};
  const std::map<std::string, List> end = {{"l", {"a", "b"}}};
  EXPECT_THAT(check_lists(two, std::vector<ListRead>{{"l", {"a"}, done(2, 4)}}, end), IsEmpty());
  EXPECT_THAT(check_lists(two, std::vector<ListRead>{{"l", {"a"}, done(4, 5)}}, end),
              Contains(HasSubstr("did not see b")));
  EXPECT_THAT(check_lists(two, std::vector<ListRead>{{"l", {"b"}, done(2, 4)}}, end),
              Contains(HasSubstr("no beginning")));
  EXPECT_THAT(check_lists(two, std::vector<ListRead>{{"l", {}, unknown(4)}}, end), IsEmpty());
}

TEST(Bank, MoneyIsNeitherMadeNorLost) {
  EXPECT_THAT(check_bank(std::vector<BankRead>{{{5, 5}, done(0, 1)}, {{-2, 12}, done(0, 1)}, {{1, 1}, unknown(0)}}, 10),
              IsEmpty());
  EXPECT_THAT(check_bank(std::vector<BankRead>{{{5, 6}, done(0, 1)}}, 10), Contains(HasSubstr("hold 11")));
}

Holding hold(const std::string& holder, std::uint64_t fence, int from, int acquired, std::optional<Time> unlock = {}) {
  return {.key = "m",
          .holder = holder,
          .fence = fence,
          .invoke = at(from),
          .acquired = at(acquired),
          .unlock_invoke = unlock,
          .lease = std::chrono::seconds(10)};
}

TEST(Locks, HaveOneHolderAtATime) {
  EXPECT_THAT(check_locks(std::vector{hold("a", 1, 0, 1, at(3)), hold("b", 2, 2, 4)}), IsEmpty());
  EXPECT_THAT(check_locks(std::vector{hold("a", 1, 0, 1, at(6)), hold("b", 2, 2, 4)}),
              Contains(HasSubstr("given to b while a held it")));
  EXPECT_THAT(check_locks(std::vector{hold("a", 1, 0, 1), hold("b", 2, 2, 9)}), Contains(HasSubstr("while a held it")));
  EXPECT_THAT(check_locks(std::vector{hold("a", 1, 0, 1), hold("b", 2, 2, 11)}), IsEmpty());
  EXPECT_THAT(check_locks(std::vector{hold("a", 7, 0, 1, at(2)), hold("b", 7, 2, 4)}),
              Contains(HasSubstr("the fence 7")));
}

}  // namespace
}  // namespace rift::chaos::check
