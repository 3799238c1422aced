// Who takes a snapshot, and single messages to it, as a hostile or a late peer would send them.
#include "snapshot_story.h"

namespace rift::cp {
namespace {

class Receiver : public Snapshots {
 protected:
  Receiver() {
    write(0, 50);
    group.expect_convergence();
    leader = group.elect();
    self = group.follower_of(leader);
    group.isolate(self);
  }
  void receive(const wire::Message& message, env::Lane lane = env::Lane::bulk) {
    group.at(self).receive(leader, lane, wire::encode_message(message));
  }
  wire::SnapshotOffer offer(std::uint64_t id, LogIndex index) {
    const auto status = group.replica(self).status();
    return wire::SnapshotOffer{
        .term = status.term,
        .id = id,
        .meta = {
            .index = index, .term = status.term, .log_time = {}, .config = {LogIndex(1), {.voters = group.all()}}}};
  }
  // What it has sent since the last look.
  template <class M>
  std::vector<M> sent() {
    std::vector<M> found;
    for (const Outgoing& out : group.at(self).take_sent()) {
      const auto message = MUST(wire::decode_message(out.message));
      if (const auto* one = std::get_if<M>(&message)) found.push_back(*one);
    }
    return found;
  }
  template <class M>
  std::optional<M> first() {
    const std::vector<M> all = sent<M>();
    return all.empty() ? std::nullopt : std::optional(all.front());
  }
  std::optional<bool> installed() {
    const auto done = first<wire::SnapshotDone>();
    return done ? std::optional(done->installed) : std::nullopt;
  }
  wire::SnapshotChunk chunk(std::uint64_t id, std::uint64_t number, std::vector<wire::StateRecord> records, bool last) {
    std::uint64_t sum = 0;
    for (const auto& record : records) sum = add_to_sum(sum, record);
    return {.id = id, .number = number, .records = std::move(records), .sum = sum, .last = last};
  }

  NodeId leader;
  NodeId self;
};

TEST_F(Receiver, AnOlderStateThanItsOwnIsNotWanted) {
  receive(offer(1, group.replica(self).status().commit), env::Lane::data);
  const auto done = sent<wire::SnapshotDone>();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_FALSE(done.front().installed);
}

TEST_F(Receiver, ADeposedLeadersOfferIsIgnored) {
  auto old = offer(1, LogIndex(1000));
  old.term = Term(old.term.value() - 1);
  receive(old, env::Lane::data);
  EXPECT_TRUE(sent<wire::SnapshotPull>().empty());
}

TEST_F(Receiver, OnlyTheChunkThatItAskedForCounts) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  ASSERT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 1}));
  const std::size_t records = group.at(self).store().size(env::Table::state_cp);
  receive(chunk(2, 1, {{.key = "dx", .value = "of another transfer"}}, false));
  receive(chunk(1, 2, {{.key = "dx", .value = "too early"}}, false));
  EXPECT_TRUE(sent<wire::SnapshotPull>().empty());
  EXPECT_EQ(group.at(self).store().size(env::Table::state_cp), records);
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 2}));
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));  // repeated
  EXPECT_TRUE(sent<wire::SnapshotPull>().empty());
}

TEST_F(Receiver, TheSameOfferAgainResumes) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));
  sent<wire::SnapshotPull>();
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 2}));
  receive(offer(3, LogIndex(1001)), env::Lane::data);  // a newer one: from the start
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 3, .number = 1}));
}

// Everything but one byte is right.
// Taking it would leave no index for the next entry, and no term for the next election.
TEST_F(Receiver, AnOfferOfAnAbsurdPlaceIsDropped) {
  auto far = offer(1, LogIndex(~std::uint64_t{0}));
  receive(far, env::Lane::data);
  far = offer(1, LogIndex(1000));
  far.term = Term(~std::uint64_t{0});
  receive(far, env::Lane::data);
  EXPECT_EQ(first<wire::SnapshotPull>(), std::nullopt);
  receive(offer(1, LogIndex(1000)), env::Lane::data);  // and it holds nobody up
  EXPECT_EQ(first<wire::SnapshotPull>(), (wire::SnapshotPull{.id = 1, .number = 1}));
}

// Both ends have parted: the sender was taken back to its beginning by a late repeat, and answers nothing else.
TEST_F(Receiver, WhoAsksInVainBeginsAnew) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  receive(chunk(1, 1, {{.key = "dx", .value = "x"}}, false));
  group.at(self).advance(1s);
  auto pulls = sent<wire::SnapshotPull>();
  ASSERT_FALSE(pulls.empty());
  EXPECT_EQ(pulls.back(), (wire::SnapshotPull{.id = 1, .number = 2}));
  group.at(self).advance(1s);
  pulls = sent<wire::SnapshotPull>();
  ASSERT_FALSE(pulls.empty());
  EXPECT_EQ(pulls.back(), (wire::SnapshotPull{.id = 1, .number = 1}));
}

TEST_F(Receiver, AFlippedByteIsFoundByTheSum) {
  const auto before = group.replica(self).applied();
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  wire::AppliedRecord applied = before;
  applied.index = LogIndex(1000);
  auto damaged = chunk(1, 1, {{.key = "a", .value = wire::encode(applied)}, {.key = "dx", .value = "x"}}, true);
  auto sound = damaged;
  damaged.records.back().value = "y";
  receive(damaged);
  EXPECT_EQ(installed(), false);
  EXPECT_EQ(group.replica(self).applied(), before);
  receive(offer(2, LogIndex(1000)), env::Lane::data);
  sound.id = 2;
  receive(sound);
  EXPECT_EQ(group.replica(self).applied().index, LogIndex(1000));  // only the byte was wrong
}

// What an earlier transfer brought and the new state no longer has must not be in it.
TEST_F(Receiver, NothingOfABrokenOffTransferStays) {
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  wire::CpValue ghost;
  ghost.value = "ghost";
  receive(chunk(1, 1, {{.key = "dghost", .value = wire::encode(ghost)}}, false));
  receive(offer(2, LogIndex(1000)), env::Lane::data);
  wire::AppliedRecord applied = group.replica(self).applied();
  applied.index = LogIndex(1000);
  receive(chunk(2, 1, {{.key = "a", .value = wire::encode(applied)}}, true));
  ASSERT_EQ(group.replica(self).applied().index, LogIndex(1000));
  EXPECT_EQ(group.read(self, "ghost", Level::one), "<absent>");
}

TEST_F(Receiver, ADamagedOrUnreadableSnapshotChangesNothing) {
  const auto before = group.replica(self).applied();
  receive(offer(1, LogIndex(1000)), env::Lane::data);
  auto damaged = chunk(1, 1, {{.key = "dx", .value = "x"}}, true);
  damaged.records.front().value = "y";
  receive(damaged);
  EXPECT_EQ(installed(), false);
  receive(offer(2, LogIndex(1000)), env::Lane::data);
  receive(chunk(2, 1, {{.key = "a", .value = "no applied record"}}, true));
  EXPECT_EQ(installed(), false);
  receive(offer(3, LogIndex(1000)), env::Lane::data);
  wire::AppliedRecord other = before;
  other.index = LogIndex(999);
  receive(chunk(3, 1, {{.key = "a", .value = wire::encode(other)}}, true));  // not what was offered
  EXPECT_EQ(installed(), false);
  EXPECT_EQ(group.replica(self).applied(), before);
  EXPECT_TRUE(group.at(self).running());
  EXPECT_EQ(counter(self, "snapshots_damaged"), 3U);
  group.at(self).advance(1s);
  EXPECT_EQ(leftovers(self), 0U);
  group.rejoin();
  write(50, 60);
  group.expect_convergence();
}

}  // namespace
}  // namespace rift::cp
