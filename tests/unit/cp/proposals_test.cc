#include "cp/proposals.h"

#include <gtest/gtest.h>

#include "tests/kit/requests.h"
#include "wire/records.h"

namespace rift::cp {
namespace {

constexpr Time start{std::chrono::seconds(100)};

Waiter waiter(std::uint64_t id, Duration budget) {
  return Waiter{.id = RequestId(id), .verb = Verb::put, .asked = Level::majority, .deadline = start + budget};
}

std::vector<RequestId> ids(const std::vector<Waiter>& waiters) {
  std::vector<RequestId> ids;
  for (const Waiter& w : waiters) ids.push_back(w.id);
  return ids;
}

TEST(Proposals, AnEntryIsTakenOnceAndOnlyInItsOwnTerm) {
  Proposals proposals;
  proposals.add(Term(1), LogIndex(5), {waiter(1, std::chrono::seconds(1)), waiter(2, std::chrono::seconds(1))});
  EXPECT_TRUE(proposals.take(Term(2), LogIndex(5)).empty());
  EXPECT_EQ(ids(proposals.take(Term(1), LogIndex(5))), (std::vector{RequestId(1), RequestId(2)}));
  EXPECT_TRUE(proposals.take(Term(1), LogIndex(5)).empty());
  EXPECT_EQ(proposals.waiting(), 0U);
}

TEST(Proposals, AnOrphanStaysWhileANewTermReusesItsIndex) {
  Proposals proposals;
  proposals.add(Term(1), LogIndex(5), {waiter(1, std::chrono::seconds(1))});
  proposals.add(Term(1), LogIndex(6), {waiter(2, std::chrono::seconds(1))});
  proposals.add(Term(3), LogIndex(5), {waiter(3, std::chrono::seconds(1))});
  EXPECT_EQ(ids(proposals.take(Term(3), LogIndex(5))), std::vector{RequestId(3)});
  EXPECT_EQ(ids(proposals.take_range(Term(1), LogIndex(5), LogIndex(6))), (std::vector{RequestId(1), RequestId(2)}));
  EXPECT_EQ(proposals.waiting(), 0U);
}

TEST(Proposals, ASpentBudgetLeavesTheOthersInTheirPlaces) {
  Proposals proposals;
  proposals.add(Term(1), LogIndex(5), {waiter(1, std::chrono::seconds(1)), waiter(2, std::chrono::seconds(9))});
  EXPECT_TRUE(proposals.take_expired(start).empty());
  const auto expired = proposals.take_expired(start + std::chrono::seconds(1));
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_EQ(expired[0].waiter.id, RequestId(1));
  EXPECT_EQ(expired[0].term, Term(1));
  EXPECT_EQ(proposals.next_deadline(), start + std::chrono::seconds(9));
  EXPECT_EQ(ids(proposals.take(Term(1), LogIndex(5))), (std::vector{RequestId(), RequestId(2)}));
  EXPECT_EQ(proposals.next_deadline(), Time::max());
}

TEST(Proposals, ABudgetEndsOnTheGridAndNeverEarly) {
  Request request = kit::with_budget(kit::get("k"), std::chrono::milliseconds(13));
  EXPECT_EQ(deadline_of(request, start), start + std::chrono::milliseconds(20));
  request.budget = std::chrono::milliseconds(20);
  EXPECT_EQ(deadline_of(request, start), start + std::chrono::milliseconds(20));
  request.budget = Duration::zero();
  EXPECT_EQ(deadline_of(request, start), start + limits::request_budget_default);
}

TEST(Pack, ARoundFillsEntriesUpToTheSoftSizeInOrder) {
  std::vector<Request> writes;
  for (std::uint64_t i = 1; i <= 100; ++i) writes.push_back(kit::with_id(kit::put("k", std::string(10'000, 'v')), i));
  const auto entries = pack(writes, start);
  EXPECT_GT(entries.size(), 3U);
  std::uint64_t id = 0;
  for (const PackedEntry& entry : entries) {
    EXPECT_LE(entry.payload.size(), limits::entry_bytes_soft + 16);
    EXPECT_EQ(MUST(wire::decode_commands(entry.payload)).size(), entry.waiters.size());
    for (const Waiter& w : entry.waiters) EXPECT_EQ(w.id, RequestId(++id));
  }
  EXPECT_EQ(id, 100U);
}

TEST(Pack, TheLargestCommandFitsAnEntryOfItsOwn) {
  std::vector<Request> writes;
  writes.push_back(kit::put("small", "v"));
  Request largest = kit::put(std::string(limits::key_bytes_max, 'k'), std::string(limits::value_bytes_max, 'v'));
  largest.op = OpId{.client = kit::client_of(1),
                    .sequence = ~std::uint64_t{0},
                    .floor = ~std::uint64_t{0} - 100,
                    .first = true,
                    .retry = true};
  writes.push_back(std::move(largest));
  writes.push_back(kit::put("small", "v"));
  const auto entries = pack(writes, start);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_LE(entries[1].payload.size(), limits::entry_bytes_max);
}

}  // namespace
}  // namespace rift::cp
