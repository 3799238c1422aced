// A follower that was away until the log no longer reaches back to it: a snapshot brings it back, under load, and nothing is missing. Real processes;
// large values, so that 8 MiB of log are soon exceeded.
#include "tests/integration/load.h"

namespace rift {
namespace {

using test::eventually;
using test::Nodes;
using test::Writer;

constexpr std::size_t value_bytes = 64 * 1024;
constexpr std::size_t away_writes = 600;  // 37 MiB: more than four times the limit of the log

class Away : public testing::Test {
 protected:
  Away() {
    nodes.create({.name = "bank", .mode = Mode::cp});
    away = nodes.follower("bank");
    partition = nodes.keyspace("bank")->partitions.front().id;
  }

  std::optional<ReplicaStatus> replica(NodeId id) const {
    const auto status = AdminClient(nodes.node(id).listen).status();
    if (!status) return std::nullopt;
    for (const ReplicaStatus& one : status->status.replicas) {
      if (one.partition == partition) return one;
    }
    return std::nullopt;
  }
  std::uint64_t counter(NodeId id, const std::string& name) const {
    const auto status = replica(id);
    if (!status) return 0;
    const auto found = status->counters.find(name);
    return found == status->counters.end() ? 0 : found->second;
  }
  std::uint64_t snapshots_sent() const {
    std::uint64_t sum = 0;
    for (const NodeId id : nodes.ids()) sum += id == away ? 0 : counter(id, "snapshots_sent");
    return sum;
  }
  // Until what the others have applied now is applied there too.
  bool is_level() const {
    LogIndex wanted;
    for (const NodeId id : nodes.ids()) {
      const auto status = replica(id);
      if (!status) return false;
      wanted = std::max(wanted, status->commit);
    }
    return eventually([&] {
      const auto status = replica(away);
      return status && status->applied >= wanted;
    });
  }
  void write_much(Client& client) const {
    const std::string value(value_bytes, 'v');
    std::vector<std::promise<Answer>> answers(away_writes);
    for (std::size_t i = 0; i < away_writes; ++i) {
      client.submit({.keyspace = "bank", .verb = Verb::put, .key = Bytes("large" + std::to_string(i)), .value = value},
                    [&answer = answers[i]](Answer reply) { answer.set_value(std::move(reply)); });
    }
    for (std::promise<Answer>& answer : answers) {
      const Answer reply = answer.get_future().get();
      ASSERT_TRUE(reply.is_done()) << test::describe(reply);
    }
  }

  Nodes nodes{3};
  NodeId away;
  PartitionId partition;
};

TEST_F(Away, ASnapshotBringsItBackUnderLoad) {
  const auto client = nodes.client();
  Writer writer(nodes.client(), {.keyspace = "bank", .prefix = "small"});
  ASSERT_TRUE(eventually([&] { return writer.count() >= 100; }));
  ASSERT_TRUE(nodes.supervisor().stop(away));
  write_much(*client);

  // Killed while it takes the first one: what it has got of it is not its state.
  ASSERT_TRUE(nodes.supervisor().start(away));
  ASSERT_TRUE(eventually([&] { return snapshots_sent() > 0; }));
  ASSERT_TRUE(nodes.supervisor().kill(away));
  ASSERT_TRUE(nodes.supervisor().start(away));
  const std::size_t then = writer.count();
  ASSERT_TRUE(eventually([&] { return counter(away, "snapshots_installed") > 0; }));
  ASSERT_TRUE(is_level());
  ASSERT_TRUE(eventually([&] { return writer.count() > then + 100; })) << "it serves meanwhile";
  writer.stop();

  ASSERT_TRUE(is_level());
  EXPECT_EQ(test::missing(*client, "bank", writer.acknowledged()), std::vector<std::string>());
  // The follower's own copy, key by key: hash and version of every value.
  std::map<std::string, std::pair<std::uint64_t, Revision>> wanted;
  const auto others = nodes.ids();
  const NodeId other = others.front() == away ? others.back() : others.front();
  for (const InspectedKey& key : test::own_copy(nodes.node(other).listen, "bank"))
    wanted[key.key] = {key.value_hash, key.version.modify_revision};
  ASSERT_GE(wanted.size(), away_writes + writer.acknowledged().size());
  std::map<std::string, std::pair<std::uint64_t, Revision>> found;
  for (const InspectedKey& key : test::own_copy(nodes.node(away).listen, "bank"))
    found[key.key] = {key.value_hash, key.version.modify_revision};
  EXPECT_EQ(found, wanted);
}

}  // namespace
}  // namespace rift
