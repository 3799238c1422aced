// Nodes are stopped in order (SIGTERM) under writes that may not be sent twice: ap writes, and cp writes without operation id. Each node answers
// what it took and says what it did not take, so none of them is left in doubt, and none fails.
#include "tests/integration/nodes.h"

namespace rift {
namespace {

using test::eventually;
using test::Nodes;

// Keeps `width` puts in flight; what did not end as done is described.
class PlainWriter {
 public:
  PlainWriter(std::unique_ptr<Client> client, std::string keyspace)
      : keyspace_(std::move(keyspace)), client_(std::move(client)) {
    for (; open_ < width; ++open_) next();
  }
  ~PlainWriter() { stop(); }
  void stop() {
    is_stopping_ = true;
    ASSERT_TRUE(eventually([this] { return open_ == 0; }));
  }
  std::uint64_t done() const { return done_; }
  std::vector<std::string> others() const {
    const std::lock_guard lock(mutex_);
    return others_;
  }

 private:
  static constexpr std::size_t width = 32;

  void next() {
    client_->submit(
        {.keyspace = keyspace_, .verb = Verb::put, .key = Bytes("k" + std::to_string(number_++ % 1000)), .value = "v"},
        [this](const Answer& answer) {
          if (answer.is_done()) {
            ++done_;
          } else {
            const std::lock_guard lock(mutex_);
            others_.push_back(test::describe(answer));
          }
          if (is_stopping_) {
            --open_;
          } else {
            next();
          }
        });
  }

  const std::string keyspace_;
  std::atomic<std::uint64_t> number_{0};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> is_stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> others_;
  std::unique_ptr<Client> client_;  // first to go: its thread uses everything above
};

TEST(OrderlyStop, LeavesNoWriteInDoubt) {
  Nodes nodes(3);
  nodes.create({.name = "bank", .mode = Mode::cp});
  nodes.create({.name = "carts", .mode = Mode::ap});
  const auto plain = [&] {
    return MUST(Client::connect({.endpoints = nodes.addresses(),
                                 .deadline = test::patience,
                                 .connect_deadline = test::patience,
                                 .attempt_timeout = test::patience,
                                 .exactly_once = false}));
  };
  PlainWriter bank(plain(), "bank");
  PlainWriter carts(plain(), "carts");
  const auto both_go_on = [&] {
    const std::uint64_t enough[] = {bank.done() + 200, carts.done() + 200};
    return eventually([&] { return bank.done() >= enough[0] && carts.done() >= enough[1]; });
  };
  ASSERT_TRUE(both_go_on());
  for (const NodeId id : nodes.ids()) {
    ASSERT_TRUE(nodes.supervisor().stop(id));
    ASSERT_TRUE(both_go_on());
    ASSERT_TRUE(nodes.supervisor().start(id));
    ASSERT_TRUE(nodes.reach_each_other(3));
    ASSERT_TRUE(both_go_on());
  }
  bank.stop();
  carts.stop();
  EXPECT_EQ(bank.others(), std::vector<std::string>());
  EXPECT_EQ(carts.others(), std::vector<std::string>());
}

}  // namespace
}  // namespace rift
