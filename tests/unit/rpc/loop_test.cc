#include "rpc/loop.h"

#include <grpcpp/completion_queue.h>
#include <gtest/gtest.h>

#include <future>

namespace rift::rpc {
namespace {

TEST(Loop, RunsWhatIsPostedOnItsOwnThreadInOrderAndTellsOfEachDrain) {
  std::promise<void> done;
  std::vector<int> order;
  int drains = 0;
  Loop loop(std::make_unique<grpc::CompletionQueue>(), [&] {
    if (++drains; order.size() == 3) done.set_value();
  });
  bool is_inside = false;
  for (const int i : {1, 2, 3}) {
    loop.mailbox()->post([&, i] {
      order.push_back(i);
      is_inside = loop.is_inside();
    });
  }
  loop.start();
  done.get_future().wait();
  loop.stop();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(is_inside);
  EXPECT_FALSE(loop.is_inside());
  EXPECT_GE(drains, 1);
}

TEST(Loop, DropsWhatIsPostedAfterItsEnd) {
  Loop loop(std::make_unique<grpc::CompletionQueue>(), [] {});
  const auto mailbox = loop.mailbox();
  loop.start();
  loop.stop();
  bool ran = false;
  mailbox->post([&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST(Loop, EndsWithoutHavingBeenStarted) {
  Loop loop(std::make_unique<grpc::CompletionQueue>(), [] {});
  loop.mailbox()->post([] {});
  loop.stop();
}

}  // namespace
}  // namespace rift::rpc
