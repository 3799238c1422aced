// A leader that stands still (SIGSTOP) while another one takes its place, and goes on believing that it leads (trap 4): time has passed without
// it, and no tick told it so.
#include <future>
#include <thread>

#include "tests/integration/nodes.h"

namespace rift {
namespace {

using test::Nodes;

// The read lies in the paused node's socket: it is the first thing that the node does, before any message of its peers if it comes first.
TEST(Pause, AResumedLeaderDoesNotAnswerFromWhatItWas) {
  Nodes nodes(3);
  nodes.create({.name = "bank", .mode = Mode::cp});
  const auto writer = nodes.client();
  ASSERT_TRUE(writer->put("bank", "k", "0").is_done());
  int answered = 0;
  for (int round = 1; round <= 8; ++round) {
    ASSERT_TRUE(test::eventually([&] { return nodes.leader("bank").has_value(); }));
    const NodeId paused = *nodes.leader("bank");
    const auto reader = nodes.client_of(paused, std::chrono::seconds(10), /*retry=*/false);
    ASSERT_TRUE(reader->get("bank", "k").is_done());  // connected, and served by it as the leader
    ASSERT_TRUE(nodes.supervisor().pause(paused));
    const std::string value = std::to_string(round);
    const Answer written = writer->put("bank", "k", value);
    ASSERT_TRUE(written.is_done()) << test::describe(written);
    std::vector<std::promise<Answer>> answers(50);
    for (auto& answer : answers) {
      reader->submit({.keyspace = "bank", .verb = Verb::get, .level = Level::majority, .key = Bytes("k")},
                     [&answer](Answer reply) { answer.set_value(std::move(reply)); });
    }
    ASSERT_TRUE(nodes.supervisor().resume(paused));
    for (auto& answer : answers) {
      const Answer read = answer.get_future().get();
      if (!read.is_done()) continue;  // refused: right as well
      ++answered;
      EXPECT_EQ(read.value.view(), value) << "round " << round << ", answered by " << to_string(read.receipt.served_by);
    }
  }
  // Those that are refused for good would prove nothing.
  EXPECT_GT(answered, 0);
}

}  // namespace
}  // namespace rift
