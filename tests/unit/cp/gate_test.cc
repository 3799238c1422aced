#include "cp/gate.h"

#include <gtest/gtest.h>

#include "group.h"

namespace rift::cp {
namespace {

using kit::put;

Request numbered(std::uint64_t id, Duration budget) {
  Request request = put("k", "v");
  request.id = RequestId(id);
  request.budget = budget;
  return request;
}

TEST(Gate, GivesWritesBackInOrderWithTheBudgetThatIsLeft) {
  Gate gate;
  const Time now{};
  gate.hold({numbered(1, 1s), numbered(2, 2s)}, now);
  const auto writes = gate.take(now + 400ms);
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(writes[0].id, RequestId(1));
  EXPECT_GE(writes[0].budget, 600ms);
  EXPECT_LE(writes[0].budget, 600ms + deadline_grid);
  EXPECT_EQ(writes[1].id, RequestId(2));
  EXPECT_EQ(gate.size(), 0U);
  EXPECT_EQ(gate.bytes(), 0U);
  EXPECT_EQ(gate.next_deadline(), Time::max());
}

TEST(Gate, KeepsWhatIsTooLateForItsRefusal) {
  Gate gate;
  const Time now{};
  gate.hold({numbered(1, 100ms), numbered(2, 5s)}, now);
  const auto writes = gate.take(now + 1s);
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0].id, RequestId(2));
  EXPECT_EQ(gate.size(), 1U);
  EXPECT_GT(gate.bytes(), 0U);
  EXPECT_EQ(gate.take_expired(now + 1s), std::vector<RequestId>{RequestId(1)});
  EXPECT_EQ(gate.size(), 0U);
  EXPECT_EQ(gate.bytes(), 0U);
}

// What was never proposed has certainly not happened, even when what went before it is unknown.
TEST(GateStory, AWriteHeldBackByALeaderWithoutAMajorityIsNotDone) {
  Group group;
  const NodeId leader = group.elect();
  for (const NodeId other : group.others(leader)) group.cut_both(leader, other);
  std::vector<RequestId> ids;
  for (int i = 0; i < 6; ++i) {
    Request request = put("k" + std::to_string(i), "v");
    request.budget = 300ms;
    ids.push_back(group.submit(leader, std::move(request)));
    group.run_for(2ms);
  }
  EXPECT_GE(group.replica(leader).status().pending, 6U);
  group.run_for(5s);
  std::size_t not_done = 0;
  std::size_t unknown = 0;
  for (const RequestId id : ids) {
    const auto response = group.take_reply(leader, id);
    ASSERT_TRUE(response.has_value());
    not_done += response->outcome == Outcome::not_done ? 1 : 0;
    unknown += response->outcome == Outcome::unknown ? 1 : 0;
  }
  EXPECT_EQ(unknown, uncommitted_entries_max);
  EXPECT_EQ(not_done, ids.size() - uncommitted_entries_max);
  group.heal();
  group.elect();
  for (std::size_t i = uncommitted_entries_max; i < ids.size(); ++i) {
    EXPECT_EQ(group.read(leader, "k" + std::to_string(i)), "<absent>");
  }
}

TEST(GateStory, HeldWritesShareTheNextEntry) {
  Group group;
  const NodeId leader = group.elect();
  for (const NodeId other : group.others(leader)) group.set_delay(leader, other, 20ms);
  const auto before = group.replica(leader).status();
  std::vector<RequestId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(group.submit(leader, put("k" + std::to_string(i), "v")));
    group.run_for(500us);
  }
  ASSERT_TRUE(group.run_until([&] { return group.replica(leader).status().pending == 0; }));
  for (const RequestId id : ids) EXPECT_EQ(group.take_reply(leader, id)->outcome, Outcome::done);
  EXPECT_LE(group.replica(leader).status().last - before.last, 4U);
}

}  // namespace
}  // namespace rift::cp
