// A caller with a clock to turn and a map of three nodes: keyspace `bank` (cp) and `carts` (ap), one partition each, so that a test reads
// as a story. No network: the test is the network.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "caller/caller.h"

namespace rift::caller {

using std::chrono::milliseconds;

inline std::shared_ptr<const topology::Catalog> three_nodes() {
  auto first = MUST(topology::found(
      {1, 2}, {{NodeId(1), "a:1", "a:2", {}}, {NodeId(2), "b:1", "b:2", {}}, {NodeId(3), "c:1", "c:2", {}}}));
  first = MUST(topology::create_keyspace(first, {.name = "bank", .mode = Mode::cp, .partitions = 1}));
  first = MUST(topology::create_keyspace(first, {.name = "carts", .mode = Mode::ap, .partitions = 1}));
  return std::make_shared<const topology::Catalog>(std::move(first));
}

struct World {
  explicit World(Options options = {}, bool with_map = true) : caller(options, Rng(7)) {
    if (with_map) caller.observe(three_nodes(), now);
  }

  void put(std::uint64_t id, const std::string& keyspace, milliseconds deadline = milliseconds(5000)) {
    caller.submit(RequestId(id),
                  {.keyspace = keyspace, .verb = Verb::put, .key = "k", .value = "v", .deadline = deadline}, now);
  }
  void get(std::uint64_t id, const std::string& keyspace, milliseconds deadline = milliseconds(5000)) {
    caller.submit(RequestId(id), {.keyspace = keyspace, .verb = Verb::get, .key = "k", .deadline = deadline}, now);
  }

  // The one message that has been sent since the last look.
  Send sent() {
    auto all = caller.take_sends();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Send{} : all.front();
  }
  bool silent() { return caller.take_sends().empty(); }
  // The one operation that has ended since the last look.
  Completion ended() {
    auto all = caller.take_completions();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? Completion{} : all.front();
  }
  bool nothing_ended() { return caller.take_completions().empty(); }

  void answer(const Send& send, Code code, NodeId leader = NodeId()) {
    Response response = refuse(send.request.id, code, std::string(to_string(code)));
    response.receipt.leader = leader;
    caller.receive(std::move(response), now);
  }
  void answer(const Send& send, Code code, Outcome outcome) {
    Response response = refuse(send.request.id, code, std::string(to_string(code)));
    response.outcome = outcome;
    caller.receive(std::move(response), now);
  }
  // To the next thing that the caller wants to wake for.
  void wait() {
    ASSERT_TRUE(caller.wake_at().has_value());
    now = *caller.wake_at();
    caller.tick(now);
  }
  void pass(milliseconds time) {
    now += time;
    caller.tick(now);
  }
  // Opens the dedup window of `bank` with one put that succeeds, leader n1.
  void open_window() {
    put(1000, "bank");
    answer(sent(), Code::ok, NodeId(1));
    EXPECT_EQ(ended().response.outcome, Outcome::done);
  }

  Time now = Time{} + std::chrono::hours(1);
  Caller caller;
};

}  // namespace rift::caller
