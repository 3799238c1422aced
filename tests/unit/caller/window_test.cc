// The caller's exactly-once window at a node that has forgotten it: renewed where nothing can have happened, and unknown where something may have.
#include "caller/caller.h"
#include "world.h"

namespace rift::caller {
namespace {

TEST(Caller, AnExpiredWindowIsRenewedWhenNothingWasExecuted) {
  World w;
  w.open_window();
  w.put(1, "bank");
  w.put(2, "bank");
  const auto sends = w.caller.take_sends();
  ASSERT_EQ(sends.size(), 2U);
  for (const Send& send : sends) w.answer(send, Code::dedup_expired, Outcome::not_done);
  w.pass(milliseconds(10));
  const Send again = w.sent();
  EXPECT_TRUE(again.request.op->first);
  EXPECT_EQ(again.request.op->sequence, 1U);
  EXPECT_NE(again.request.op->client, sends[0].request.op->client);
  w.answer(again, Code::ok);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
  w.answer(w.sent(), Code::ok);
  EXPECT_EQ(w.ended().response.outcome, Outcome::done);
}

TEST(Caller, AnOperationThatWaitedOverARenewalTakesANewSequence) {
  World w;
  w.open_window();
  w.put(1, "bank");
  w.put(2, "bank");
  const auto sends = w.caller.take_sends();
  ASSERT_EQ(sends.size(), 2U);
  const ClientId expired = sends[0].request.op->client;
  w.answer(sends[0], Code::no_leader);                         // it waits, named by the client that is about to go
  w.answer(sends[1], Code::dedup_expired, Outcome::not_done);  // and the client is renewed meanwhile
  std::vector<OpId> used;
  for (int answered = 0; answered < 2;) {
    w.wait();
    for (const Send& send : w.caller.take_sends()) {
      used.push_back(*send.request.op);
      w.answer(send, Code::ok);
      ++answered;
    }
    for (const Send& send : w.caller.take_sends()) {
      used.push_back(*send.request.op);
      w.answer(send, Code::ok);
      ++answered;
    }
  }
  w.put(3, "bank");
  used.push_back(*w.sent().request.op);
  // Under the new client they count from 1, and no two operations share a place: a later one would be answered with an earlier one's outcome.
  ASSERT_EQ(used.size(), 3U);
  for (std::size_t i = 0; i < used.size(); ++i) {
    EXPECT_NE(used[i].client, expired);
    EXPECT_EQ(used[i].client, used[0].client);
    EXPECT_EQ(used[i].sequence, i + 1);
  }
}

TEST(Caller, AnOperationThatMayHaveHappenedBeforeARenewalEndsUnknown) {
  World w;
  w.open_window();
  w.put(1, "bank");
  w.put(2, "bank");
  const auto sends = w.caller.take_sends();
  ASSERT_EQ(sends.size(), 2U);
  w.answer(sends[0], Code::disconnected);
  w.answer(sends[1], Code::dedup_expired, Outcome::not_done);
  std::vector<Completion> ended;
  while (ended.empty()) {
    w.wait();
    for (const Send& send : w.caller.take_sends()) {
      EXPECT_NE(send.request.op->client, sends[0].request.op->client);
      w.answer(send, Code::no_leader);  // only the second one, under its new name
    }
    ended = w.caller.take_completions();
  }
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].id, RequestId(1));
  EXPECT_EQ(ended[0].response.outcome, Outcome::unknown);
  EXPECT_EQ(ended[0].response.code, Code::dedup_expired);
  EXPECT_EQ(ended[0].op->client, sends[0].request.op->client);
}

TEST(Caller, ALostCopyBeforeARenewalCanStillAnswer) {
  World w;
  w.open_window();
  w.put(1, "bank");
  w.put(2, "bank");
  const auto sends = w.caller.take_sends();
  ASSERT_EQ(sends.size(), 2U);
  w.answer(sends[1], Code::dedup_expired, Outcome::not_done);
  w.answer(sends[0], Code::ok);  // it was applied before the window expired, and its answer comes after the renewal
  const Completion end = w.ended();
  EXPECT_EQ(end.id, RequestId(1));
  EXPECT_EQ(end.response.outcome, Outcome::done);
  w.wait();
  EXPECT_TRUE(w.sent().request.op->first);  // that answer proves nothing about the new window
}

TEST(Caller, AnExpiredWindowAfterALostCopyIsUnknown) {
  World w;
  w.open_window();
  w.put(1, "bank");
  w.answer(w.sent(), Code::disconnected);
  w.wait();
  w.answer(w.sent(), Code::dedup_expired, Outcome::not_done);
  EXPECT_EQ(w.ended().response.outcome, Outcome::unknown);
}

}  // namespace
}  // namespace rift::caller
