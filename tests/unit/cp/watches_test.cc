#include "cp/watches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/kit/map_store.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

using namespace std::chrono_literals;

// A history written by hand, and Watches served from it round by round.
class WatchBench {
 public:
  using Change = std::pair<std::string, std::string>;  // key, value; an empty value is a delete

  // One entry: each change a revision of its own.
  void entry(const std::vector<Change>& changes) {
    wire::HistoryRecord record;
    for (const Change& change : changes) record.events.push_back(event(change, ++applied_.revision_number));
    write(std::move(record));
  }
  // One entry that spends one revision on all of them, as a Txn does.
  void together(const std::vector<Change>& changes) {
    wire::HistoryRecord record;
    ++applied_.revision_number;
    for (const Change& change : changes) record.events.push_back(event(change, applied_.revision_number));
    write(std::move(record));
  }
  void compact(std::uint64_t revision) { compacted_ = Revision(revision); }
  void erase_record(std::uint64_t first) {
    store_.poke(env::Table::state_cp, wire::cp_history_key(space_.partition, space_.generation, Revision(first)),
                std::nullopt);
  }

  void watch(std::uint64_t id, std::uint64_t from, std::string_view first = "", std::string_view end = "") {
    open(id, from, first, end, false);
  }
  void watch_key(std::uint64_t id, std::uint64_t from, std::string_view key) { open(id, from, key, "", true); }

  Result<void> round() {
    TurnOutput output;
    Turn turn({.now = {.steady = now_, .wall = {}}, .reader = store_, .random = random_, .log = *log_}, output);
    turn.begin(space_.partition);
    auto done = watches_.serve(space_, applied(), turn);
    for (Reply& reply : watches_.take_answers()) take(std::move(reply));
    return done;
  }
  // Rounds, whenever one is wanted, for so long.
  void run(Duration time) {
    const Time end = now_ + time;
    ASSERT_TRUE(round());
    while (watches_.next_wake() <= end) {
      now_ = std::max(now_, watches_.next_wake());
      ASSERT_TRUE(round());
    }
    now_ = end;
  }

  // "5:k=v 6:k-": what a watch has been told.
  std::string told(std::uint64_t id) const {
    std::string text;
    for (const Response& answer : answers(id)) {
      for (const Event& event : answer.results->events) {
        text += (text.empty() ? "" : " ") + std::to_string(event.revision.value()) + ":" + event.key.to_string() +
                (event.kind == Event::Kind::del ? "-" : "=" + event.value.to_string());
      }
    }
    return text;
  }
  const std::vector<Response>& answers(std::uint64_t id) const {
    static const std::vector<Response> none;
    const auto it = answers_.find(id);
    return it == answers_.end() ? none : it->second;
  }
  std::uint64_t revision_of_last(std::uint64_t id) const { return answers(id).back().results->revision.value(); }
  bool has_ended(std::uint64_t id) const { return ended_.contains(id); }
  Watches& watches() { return watches_; }
  std::uint64_t revision() const { return applied_.revision_number; }
  const std::vector<std::pair<std::uint64_t, std::string>>& log() const { return written_; }  // revision, key

 private:
  struct Head {
    std::uint64_t revision_number = 0;
  };
  wire::AppliedRecord applied() const {
    wire::AppliedRecord record;
    record.revision = Revision(applied_.revision_number);
    record.compacted = compacted_;
    return record;
  }
  wire::HistoryEvent event(const Change& change, std::uint64_t revision) {
    written_.emplace_back(revision, change.first);
    wire::HistoryEvent event;
    event.kind = change.second.empty() ? Event::Kind::del : Event::Kind::put;
    event.revision = Revision(revision);
    event.key = Bytes(change.first);
    event.value = Bytes(change.second);
    return event;
  }
  void write(wire::HistoryRecord record) {
    const Revision first = record.events.front().revision;
    store_.poke(env::Table::state_cp, wire::cp_history_key(space_.partition, space_.generation, first),
                wire::encode_history(record.events));
  }
  void open(std::uint64_t id, std::uint64_t from, std::string_view first, std::string_view end, bool single_key) {
    Request request;
    request.id = RequestId(id);
    request.verb = Verb::watch;
    request.key = Bytes(first);
    Operands& operands = request.operands.ensure();
    operands.range_end = Bytes(end);
    operands.single_key = single_key;
    operands.revision = Revision(from);
    watches_.open(request, applied(), now_);
    for (Reply& reply : watches_.take_answers()) take(std::move(reply));
  }
  void take(Reply reply) {
    const std::uint64_t id = reply.response.id.value();
    ASSERT_FALSE(ended_.contains(id)) << "an answer after the last";
    if (reply.last) ended_.emplace(id, reply.response);
    answers_[id].push_back(std::move(reply.response));
  }

  Space space_{.partition = PartitionId(7), .generation = Generation(1)};
  kit::MapStore store_;
  Rng random_{1};
  std::unique_ptr<Log> log_ = make_null_log();
  Watches watches_{WatchLimits{}};
  Head applied_;
  Revision compacted_;
  Time now_{1000s};
  std::vector<std::pair<std::uint64_t, std::string>> written_;
  std::map<std::uint64_t, std::vector<Response>> answers_;
  std::map<std::uint64_t, Response> ended_;
};

// One that is told late, and one that was told at once.
TEST(Watches, AnEventThatWaitsForASlowReaderDoesNotKeepTheRecordItWasIn) {
  WatchBench bench;
  bench.watch_key(1, 0, "small");
  bench.entry({{"small", "s"}, {"large", std::string(100'000, 'x')}});
  bench.run(10ms);
  bench.watch_key(2, 1, "small");
  bench.run(10ms);
  for (const std::uint64_t id : {1U, 2U}) {
    EXPECT_EQ(bench.told(id), "1:small=s");
    for (const Response& answer : bench.answers(id)) {
      for (const Event& event : answer.results->events) {
        EXPECT_TRUE(event.key.is_whole());
        EXPECT_TRUE(event.value.is_whole());
      }
    }
  }
}

TEST(Watches, FromNowNamesTheRevisionFirstAndThenTellsWhatComes) {
  WatchBench bench;
  bench.entry({{"a", "1"}, {"b", "2"}});
  bench.watch(1, 0);
  ASSERT_EQ(bench.answers(1).size(), 1U);
  EXPECT_EQ(bench.revision_of_last(1), 2U);
  EXPECT_TRUE(bench.answers(1)[0].results->events.empty());
  bench.entry({{"a", "3"}, {"c", "4"}});
  ASSERT_TRUE(bench.round());
  EXPECT_EQ(bench.told(1), "3:a=3 4:c=4");
  EXPECT_EQ(bench.revision_of_last(1), 4U);
}

TEST(Watches, TellsWhatIsWantedOnlyAndWithinTheRange) {
  WatchBench bench;
  bench.watch(1, 1, "b", "d");
  bench.watch_key(2, 1, "c");
  bench.watch(3, 1, "c");
  bench.entry({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"c", ""}});
  bench.run(10ms);
  EXPECT_EQ(bench.told(1), "2:b=2 3:c=3 5:c-");
  EXPECT_EQ(bench.told(2), "3:c=3 5:c-");
  EXPECT_EQ(bench.told(3), "3:c=3 4:d=4 5:c-");
  EXPECT_EQ(bench.revision_of_last(2), 5U);
}

TEST(Watches, AResumedWatchBeginsInTheMiddleOfAnEntry) {
  WatchBench bench;
  std::vector<WatchBench::Change> many;
  for (int i = 0; i < 100; ++i) many.emplace_back("k", std::to_string(i));
  bench.entry({{"a", "1"}});
  bench.entry(many);  // revisions 2 to 101, one record
  bench.entry({{"z", "1"}});
  for (const std::uint64_t from : {2U, 3U, 50U, 101U, 102U}) bench.watch(from, from);
  bench.run(100ms);
  EXPECT_EQ(bench.told(101), "101:k=99 102:z=1");
  EXPECT_EQ(bench.told(102), "102:z=1");
  EXPECT_EQ(bench.answers(50).back().results->events.front().revision, Revision(50));
  EXPECT_EQ(bench.answers(2).back().results->events.size(), 101U);
}

TEST(Watches, EventsOfOneRevisionComeTogether) {
  WatchBench bench;
  std::vector<WatchBench::Change> most(limits::watch_events_max - 1, {"k", "v"});
  bench.watch(1, 1);
  bench.entry(most);
  bench.together({{"x", "1"}, {"y", "1"}, {"z", "1"}});
  bench.run(100ms);
  ASSERT_EQ(bench.answers(1).size(), 3U);  // the first names the revision
  EXPECT_EQ(bench.answers(1)[1].results->events.size(), most.size());
  EXPECT_EQ(bench.answers(1)[1].results->revision, Revision(most.size()));
  EXPECT_EQ(bench.answers(1)[2].results->events.size(), 3U);
}

TEST(Watches, AnAnswerHoldsNoMoreBytesThanItMay) {
  WatchBench bench;
  bench.watch(1, 1);
  const std::string big(400 * limits::kibi, 'x');
  bench.entry({{"a", big}, {"b", big}, {"c", big}});
  bench.run(100ms);
  ASSERT_EQ(bench.answers(1).size(), 3U);
  EXPECT_EQ(bench.answers(1)[1].results->events.size(), 2U);
  EXPECT_EQ(bench.answers(1)[1].results->revision, Revision(2));
  EXPECT_EQ(bench.answers(1)[2].results->revision, Revision(3));
}

// Trap 43, the seven of etcd.
TEST(WatchTraps, ACompactionThatEndsAtADeleteDropsNoEventAfterIt) {
  WatchBench bench;
  bench.entry({{"k", "1"}, {"k", ""}, {"k", "3"}, {"k", ""}});
  bench.compact(2);
  bench.watch(1, 3);
  bench.run(10ms);
  EXPECT_EQ(bench.told(1), "3:k=3 4:k-");
}

TEST(WatchTraps, AWatchFromTheCompactedRevisionIsRefusedByNameAndFromTheNextIsNot) {
  WatchBench bench;
  bench.entry({{"k", "1"}, {"k", "2"}, {"k", "3"}});
  bench.compact(2);
  bench.watch(1, 2);
  ASSERT_TRUE(bench.has_ended(1));
  EXPECT_EQ(bench.answers(1).back().code, Code::compacted);
  EXPECT_EQ(bench.answers(1).back().outcome, Outcome::not_done);
  EXPECT_EQ(bench.answers(1).back().results->compacted, Revision(2));
  bench.watch(2, 3);
  bench.run(10ms);
  EXPECT_EQ(bench.told(2), "3:k=3");
}

TEST(WatchTraps, AReplicaThatIsBehindNeverTellsWhatWasToldBefore) {
  WatchBench bench;  // has applied 2; the watch was told up to 4 elsewhere
  bench.entry({{"k", "1"}, {"k", "2"}});
  bench.watch(1, 5);
  bench.run(10ms);
  bench.entry({{"k", "3"}});
  bench.run(10ms);
  EXPECT_EQ(bench.told(1), "");
  bench.entry({{"k", "4"}, {"k", "5"}});
  bench.entry({{"k", "6"}});
  bench.run(10ms);
  EXPECT_EQ(bench.told(1), "5:k=5 6:k=6");
}

TEST(WatchTraps, ARevisionThatIsStillToComeIsWaitedFor) {
  WatchBench bench;
  bench.watch(1, 1000);
  EXPECT_FALSE(bench.has_ended(1));
  bench.run(5s);
  for (const Response& answer : bench.answers(1)) EXPECT_EQ(answer.results->revision, Revision(999));
  for (int i = 0; i < 999; ++i) bench.entry({{"k", std::to_string(i)}});
  bench.run(1s);
  EXPECT_EQ(bench.told(1), "");
  bench.entry({{"k", "now"}});
  bench.run(1s);
  EXPECT_EQ(bench.told(1), "1000:k=now");
}

TEST(WatchTraps, ProgressNeverNamesARevisionWhoseEventsWereNotTold) {
  WatchBench bench;
  const std::string big(100 * limits::kibi, 'x');
  for (int i = 0; i < 200; ++i) bench.entry({{"k", big}});
  bench.watch(1, 1);
  bench.watch_key(2, 1, "other");
  for (int i = 0; i < 100; ++i) {
    bench.run(50ms);
    bench.entry({{"k", big}});
  }
  bench.run(5s);
  std::uint64_t told = 0;
  for (const Response& answer : bench.answers(1)) {
    for (const Event& event : answer.results->events) EXPECT_EQ(event.revision.value(), ++told);
    EXPECT_EQ(answer.results->revision.value(), told);
  }
  EXPECT_EQ(told, 300U);
  EXPECT_EQ(bench.told(2), "");
  EXPECT_EQ(bench.revision_of_last(2), 300U);  // without events the resume point moves too
}

TEST(WatchTraps, NothingIsLostWhereManyAreFarBehindAndAllElseGoesOn) {
  WatchBench bench;
  const std::string big(64 * limits::kibi, 'x');
  for (int i = 0; i < 400; ++i) bench.entry({{"k", big}});
  for (std::uint64_t id = 1; id <= 40; ++id) bench.watch(id, 1 + id * 7);
  bench.watch(99, 0);
  bench.entry({{"live", "1"}});
  ASSERT_TRUE(bench.round());
  EXPECT_EQ(bench.told(99), "401:live=1");  // does not wait for those that are behind
  bench.run(10s);
  for (std::uint64_t id = 1; id <= 40; ++id) {
    std::uint64_t next = 1 + id * 7;
    for (const Response& answer : bench.answers(id)) {
      for (const Event& event : answer.results->events) EXPECT_EQ(event.revision.value(), next++);
    }
    EXPECT_EQ(next, 402U);
  }
}

TEST(WatchTraps, WhoCatchesUpWhileNewEventsComeIsToldEachOnce) {
  WatchBench bench;
  for (int i = 0; i < 50; ++i) bench.entry({{"k", std::string(40 * limits::kibi, 'x')}});
  bench.watch(1, 1);
  bench.watch(2, 0);
  for (int i = 0; i < 30; ++i) {
    bench.entry({{"k", "new"}, {"l", "new"}});
    bench.run(3ms);
  }
  bench.run(1s);
  std::uint64_t next = 1;
  for (const Response& answer : bench.answers(1)) {
    for (const Event& event : answer.results->events) EXPECT_EQ(event.revision.value(), next++);
  }
  EXPECT_EQ(next, 111U);
}

TEST(Watches, ACompactionThatOvertakesAWatchEndsItByName) {
  WatchBench bench;
  const std::string big(200 * limits::kibi, 'x');
  for (int i = 0; i < 20; ++i) bench.entry({{"k", big}});
  bench.watch(1, 1);
  bench.watch(2, 0);
  ASSERT_TRUE(bench.round());
  bench.compact(15);
  bench.run(100ms);
  ASSERT_TRUE(bench.has_ended(1));
  const Response& last = bench.answers(1).back();
  EXPECT_EQ(last.code, Code::compacted);
  EXPECT_EQ(last.results->compacted, Revision(15));
  EXPECT_LT(last.results->revision, Revision(15));
  EXPECT_FALSE(bench.has_ended(2));
}

TEST(Watches, AHoleInTheHistoryIsNotPassedOver) {
  WatchBench bench;
  for (int i = 0; i < 5; ++i) bench.entry({{"k", "v"}});
  bench.erase_record(3);
  bench.watch(1, 2);
  const auto served = bench.round();
  ASSERT_FALSE(served.has_value());
  EXPECT_EQ(served.error().code, Code::corruption);
}

TEST(Watches, EndedOnesAreToldWhereToResume) {
  WatchBench bench;
  bench.entry({{"k", "1"}});
  bench.watch(1, 1);
  bench.watch(2, 1);
  bench.watches().cancel(RequestId(2));
  bench.run(10ms);
  bench.watches().end_all(Code::not_ready, "stops", "elsewhere");
  bench.run(10ms);
  ASSERT_TRUE(bench.has_ended(1));
  EXPECT_EQ(bench.answers(1).back().code, Code::not_ready);
  EXPECT_EQ(bench.answers(1).back().outcome, Outcome::not_done);
  EXPECT_EQ(bench.revision_of_last(1), 1U);
  EXPECT_EQ(bench.told(2), "");
  EXPECT_FALSE(bench.has_ended(2));
  EXPECT_EQ(bench.watches().size(), 0U);
  EXPECT_EQ(bench.watches().next_wake(), Time::max());
}

// Whatever is written, compacted and asked for: each watch is told exactly what the log holds from its revision on, or is ended by name.
TEST(Watches, TellExactlyTheLog) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Rng random(seed);
    WatchBench bench;
    std::map<std::uint64_t, std::uint64_t> from;
    std::uint64_t compacted = 0;
    for (int step = 0; step < 60; ++step) {
      const auto dice = random.below(10);
      std::vector<WatchBench::Change> changes;
      for (std::uint64_t i = 0; i <= random.below(6); ++i)
        changes.emplace_back(std::string(1, static_cast<char>('a' + random.below(5))),
                             std::string(random.below(60'000), 'x'));
      if (dice < 5) bench.entry(changes);
      if (dice == 5) bench.together({{"a", "t"}, {"b", "t"}, {"c", "t"}});
      if (dice == 6 && bench.revision() > compacted + 1)
        bench.compact(compacted += random.below(bench.revision() - compacted));
      if (dice >= 7) {
        const std::uint64_t id = from.size() + 1;
        from[id] = compacted + 1 + random.below(bench.revision() - compacted + 3);
        bench.watch(id, from[id], "b", "e");
      }
      bench.run(Duration(random.between(Duration(0), Duration(4ms))));
    }
    bench.run(20s);
    for (const auto& [id, first] : from) {
      std::vector<std::pair<std::uint64_t, std::string>> got;
      for (const Response& answer : bench.answers(id)) {
        for (const Event& event : answer.results->events)
          got.emplace_back(event.revision.value(), event.key.to_string());
      }
      const std::uint64_t up_to = bench.revision_of_last(id);
      std::vector<std::pair<std::uint64_t, std::string>> expected;
      for (const auto& [revision, key] : bench.log()) {
        if (revision >= first && revision <= up_to && key >= "b" && key < "e") expected.emplace_back(revision, key);
      }
      EXPECT_EQ(got, expected);
      if (!bench.has_ended(id)) {
        EXPECT_GE(up_to, bench.revision());
      }
    }
  }
}

}  // namespace
}  // namespace rift::cp
