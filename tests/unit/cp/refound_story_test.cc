// What a group that was founded again from one survivor (refound.h) means to those who knew the group before.
#include <gmock/gmock.h>

#include "cp/recovery.h"
#include "cp/refound.h"
#include "cp/replica.h"
#include "tests/kit/requests.h"
#include "tests/kit/turn_harness.h"

namespace rift::cp {
namespace {

using namespace std::chrono_literals;
using kit::put;

constexpr PartitionId partition{7};

Request watch_from(Revision revision) {
  Request request;
  request.verb = Verb::watch;
  request.budget = limits::request_budget_max;
  request.operands.ensure().revision = revision;
  return request;
}

class Refounding : public ::testing::Test {
 protected:
  Refounding()
      : harness({}, [this](kit::MapStore&, Turn& turn) -> Result<std::unique_ptr<Replica>> {
          if (!is_born) TRY(give_birth({.partition = partition, .voters = {NodeId(1)}, .first = {}}, turn));
          if (is_born) TRY(refound(partition, NodeId(1), turn));
          is_born = true;
          CpReplica::Options options;
          options.partition = partition;
          options.self = NodeId(1);
          options.check_invariants = true;
          return std::unique_ptr<Replica>(TRY(CpReplica::create(options, turn)));
        }) {
    MUST(harness.start());
    lead();
    for (int i = 0; i < 5; ++i) call(put("k" + std::to_string(i), "v"));
    before = call(kit::get("k4")).version.modify_revision;
    harness.crash(kit::TurnHarness::Crash::kill);
    MUST(harness.start());
  }
  void lead() {
    for (int i = 0; i < 20 && status().role != "leader"; ++i) {
      harness.advance(200ms);
      harness.settle();
    }
    ASSERT_EQ(status().role, "leader");
  }
  ReplicaStatus status() { return harness.replica().status(); }
  Response call(Request request) {
    const RequestId id = harness.submit(std::move(request));
    harness.settle();
    const auto reply = harness.take_reply(id);
    EXPECT_TRUE(reply.has_value());
    return reply.value_or(Response{});
  }

  bool is_born = false;
  kit::TurnHarness harness;
  Revision before;
};

// Nobody leads yet, which is when clients of before come with their watches.
TEST_F(Refounding, AWatchOfBeforeIsRefusedByNameAndStopsNobody) {
  const RequestId id = harness.submit(watch_from(next(before)));
  harness.settle();
  const auto refused = harness.take_reply(id);
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->code, Code::compacted) << refused->why;
  lead();
  EXPECT_EQ(call(watch_from(next(before))).code, Code::compacted);
  EXPECT_EQ(call(kit::get("k4")).value.to_string(), "v");
}

TEST_F(Refounding, WhoReadsTheStateAnewWatchesFromTheNextRevisionOn) {
  lead();
  Request scan;
  scan.verb = Verb::scan;
  scan.level = Level::majority;
  const Response page = call(std::move(scan));
  ASSERT_TRUE(page.results.has_value()) << page.why;
  EXPECT_GT(page.results->revision.value(), before.value() + (refounding_stride >> 1));
  const RequestId watch = harness.submit(watch_from(next(page.results->revision)));
  harness.settle();
  ASSERT_EQ(call(put("k0", "new")).outcome, Outcome::done);
  std::vector<std::string> told;
  for (const Response& reply : harness.take_replies()) {
    EXPECT_NE(reply.code, Code::compacted) << reply.why;
    if (reply.id != watch || !reply.results) continue;
    for (const Event& event : reply.results->events) told.push_back(event.value.to_string());
  }
  EXPECT_THAT(told, testing::ElementsAre("new"));
  EXPECT_EQ(status().role, "leader");
}

}  // namespace
}  // namespace rift::cp
