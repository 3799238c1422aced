#include "chaos/load/load.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chaos/check/zone.h"

namespace rift::chaos::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

LoadOptions story() {
  return {.seed = 42,
          .nodes = {NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)},
          .keyspaces = {{.name = "bank"}, {.name = "carts", .level = Level::one}}};
}

std::vector<Attempt> all_of(Generator generator) {
  std::vector<Attempt> attempts;
  while (generator.next_due()) attempts.push_back(generator.take());
  return attempts;
}

TEST(Generator, RunsAnOpenLoopOfTwentyAttemptsASecondPerClient) {
  const auto attempts = all_of(MUST(Generator::create(story())));
  EXPECT_EQ(attempts.size(), 5U * 2 * 2 * 20 * 35);
  std::map<std::uint64_t, Time> last;
  Time previous{};
  for (const Attempt& attempt : attempts) {
    EXPECT_GE(attempt.scheduled, previous);
    previous = attempt.scheduled;
    if (last.contains(attempt.ask.client)) {
      EXPECT_EQ(attempt.scheduled - last[attempt.ask.client], milliseconds(50));
    }
    last[attempt.ask.client] = attempt.scheduled;
  }
  EXPECT_EQ(last.size(), 20U);
}

TEST(Generator, WritesUniqueTagsAndHalfOfTheTime) {
  std::set<std::string> values;
  std::size_t writes = 0;
  const auto attempts = all_of(MUST(Generator::create(story())));
  for (const Attempt& attempt : attempts) {
    if (attempt.ask.kind == Kind::read) continue;
    ++writes;
    EXPECT_EQ(*attempt.ask.value,
              "c" + std::to_string(attempt.ask.client) + "," + std::to_string(attempt.ask.sequence));
    values.insert(*attempt.ask.value);
  }
  EXPECT_EQ(values.size(), writes);
  EXPECT_NEAR(static_cast<double>(writes) / static_cast<double>(attempts.size()), 0.5, 0.02);
}

TEST(Generator, DoesTheSameInBothKeyspacesAndForTheSameSeed) {
  std::map<std::string, std::vector<std::tuple<Time, NodeId, Kind, std::string>>> done;
  for (const Attempt& a : all_of(MUST(Generator::create(story())))) {
    done[a.ask.keyspace].emplace_back(a.scheduled, a.ask.node, a.ask.kind, a.ask.key);
  }
  EXPECT_EQ(done["bank"], done["carts"]);
  std::vector<std::tuple<Time, NodeId, Kind, std::string>> again;
  for (const Attempt& a : all_of(MUST(Generator::create(story())))) {
    if (a.ask.keyspace == "bank") again.emplace_back(a.scheduled, a.ask.node, a.ask.kind, a.ask.key);
  }
  EXPECT_EQ(done["bank"], again);
}

TEST(Generator, GivesAShareOfTheWritesKeysOfTheirOwnAndReadsTheirLevel) {
  LoadOptions options = story();
  options.set_share = 0.25;
  options.keyspaces[0].level = Level::majority;
  options.keyspaces[0].read_level = Level::one;
  std::map<std::string, std::size_t> of_their_own;
  std::size_t writes = 0;
  for (const Attempt& attempt : all_of(MUST(Generator::create(options)))) {
    const bool is_read = attempt.ask.kind == Kind::read;
    if (attempt.ask.keyspace == "bank") {
      EXPECT_EQ(attempt.ask.level, is_read ? Level::one : Level::majority);
    }
    writes += is_read ? 0 : 1;
    if (attempt.ask.key.front() == 's' && !attempt.ask.key.starts_with("still")) ++of_their_own[attempt.ask.key];
  }
  EXPECT_NEAR(static_cast<double>(of_their_own.size()) / static_cast<double>(writes), 0.25, 0.03);
  for (const auto& [key, times] : of_their_own) EXPECT_EQ(times, 1U) << key;
}

TEST(Generator, LeavesTheStillKeysAloneOnceAsked) {
  auto generator = MUST(Generator::create(story()));
  std::size_t still_writes = 0, still_reads = 0;
  for (bool is_holding : {false, true}) {
    if (is_holding) generator.hold_still();
    still_writes = still_reads = 0;
    for (int i = 0; i < 5000; ++i) {
      const Ask ask = generator.take().ask;
      if (!ask.key.starts_with("still")) continue;
      (ask.kind == Kind::read ? still_reads : still_writes) += 1;
    }
    EXPECT_EQ(still_writes == 0, is_holding);
    EXPECT_GT(still_reads, 100U);
  }
  EXPECT_EQ(generator.all_keys().size(), 40U);
}

TEST(Generator, LetsThoseWhoWriteAtOnceRaceForOneKey) {
  LoadOptions options = story();
  options.set_share = 0.5;
  options.set_stretch = milliseconds(5);
  std::map<std::string, std::vector<Time>> races;
  for (const Attempt& attempt : all_of(MUST(Generator::create(options)))) {
    if (attempt.ask.keyspace == "bank" && attempt.ask.key.front() == 's' && !attempt.ask.key.starts_with("still"))
      races[attempt.ask.key].push_back(attempt.scheduled);
  }
  std::size_t raced = 0;
  for (const auto& [key, times] : races) {
    EXPECT_LT(times.back() - times.front(), milliseconds(5)) << key;
    raced += times.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(raced, 100U);
}

TEST(Generator, LetsClientsRoam) {
  LoadOptions options = story();
  options.roams = true;
  std::map<std::uint64_t, std::set<NodeId>> nodes;
  for (const Attempt& attempt : all_of(MUST(Generator::create(options))))
    nodes[attempt.ask.client].insert(attempt.ask.node);
  for (const auto& [client, seen] : nodes) EXPECT_EQ(seen.size(), 5U) << client;
}

TEST(Generator, EditsDocumentsUntilItIsToHoldStill) {
  LoadOptions options = story();
  options.documents = 4;
  options.edit_share = 0.1;
  auto generator = MUST(Generator::create(options));
  std::size_t edits = 0;
  for (const bool is_holding : {false, true}) {
    if (is_holding) generator.hold_still();
    edits = 0;
    for (int i = 0; i < 5000; ++i) {
      const Attempt attempt = generator.take();
      EXPECT_EQ(attempt.is_edit, attempt.ask.key.starts_with("doc"));
      if (!attempt.is_edit) continue;
      ++edits;
      EXPECT_EQ(attempt.ask.kind, Kind::read);
      const std::string element =
          "c" + std::to_string(attempt.ask.client) + "," + std::to_string(attempt.ask.sequence + 1);
      const Ask write = generator.edit(attempt.ask, "c1,1 c2,7");
      EXPECT_EQ(write.kind, Kind::write);
      EXPECT_EQ(write.key, attempt.ask.key);
      EXPECT_EQ(write.value, "c1,1 c2,7 " + element);
    }
    EXPECT_EQ(edits == 0, is_holding);
  }
}

TEST(Generator, RefusesOptionsThatMakeNoLoad) {
  const auto refused = [](auto change) {
    LoadOptions options = story();
    change(options);
    const auto made = Generator::create(options);
    return !made.has_value() && made.error().code == Code::invalid;
  };
  EXPECT_TRUE(refused([](LoadOptions& o) { o.nodes.clear(); }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.keyspaces.clear(); }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.clients_per_node = 0; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.keys = 0; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.period = Duration::zero(); }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.write_share = 1.5; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.edit_share = 1.5; }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.set_stretch = -milliseconds(1); }));
  EXPECT_TRUE(refused([](LoadOptions& o) { o.keyspaces[0].cas_share = -1; }));
}

TEST(Recorder, RetiresAProcessAfterAnUnknownOutcome) {
  Recorder recorder;
  const Ask ask{.client = 3, .kind = Kind::write, .key = "k", .value = "v"};
  const auto process = [&](Recorder::Ticket ticket) { return recorder.history().operations[ticket].process; };
  const auto first = recorder.begin(ask, Time(), Time());
  const auto second = recorder.begin(ask, Time(), Time());
  EXPECT_NE(process(first), process(second));
  recorder.end(first, {.outcome = Outcome::done}, Time(milliseconds(1)));
  recorder.end(second, {.outcome = Outcome::unknown, .code = Code::timeout}, Time(milliseconds(1)));
  EXPECT_EQ(recorder.open_count(), 0U);
  const auto third = recorder.begin(ask, Time(), Time());
  const auto fourth = recorder.begin(ask, Time(), Time());
  EXPECT_EQ(process(third), process(first));
  EXPECT_NE(process(fourth), process(second));
  EXPECT_NE(process(fourth), process(first));
}

TEST(Recorder, StreamsTheSameHistoryThatItKeeps) {
  std::string stream;
  Recorder recorder([&](std::string_view line) { stream += line; });
  recorder.set_sides({NodeId(1)}, {NodeId(2)});
  const auto put = recorder.begin({.client = 1,
                                   .sequence = 1,
                                   .keyspace = "bank",
                                   .node = NodeId(2),
                                   .kind = Kind::write,
                                   .key = "k",
                                   .value = "c1,1"},
                                  Time(milliseconds(2)), Time(milliseconds(3)));
  recorder.fault({.at = Time(milliseconds(4)), .name = "split", .groups = {{NodeId(1)}, {NodeId(2)}}});
  const auto get = recorder.begin({.client = 2, .sequence = 1, .keyspace = "bank", .node = NodeId(1), .key = "k"},
                                  Time(), Time(milliseconds(4)));
  recorder.end(put, {.outcome = Outcome::done, .version = "7", .revision = 7}, Time(milliseconds(5)));
  recorder.end(get, {.outcome = Outcome::unknown, .code = Code::timeout, .value = "must not be kept", .error = "late"},
               Time(milliseconds(9)));
  EXPECT_EQ(recorder.history().operations[0].side, check::Side::minority);
  EXPECT_EQ(recorder.history().operations[1].side, check::Side::majority);
  EXPECT_FALSE(recorder.history().operations[1].value.has_value());
  EXPECT_EQ(stream, check::write_history(recorder.history()));
  EXPECT_EQ(MUST(check::read_history(stream)), recorder.history());
}

// A register that answers at once, after a delay, or never.
class Register final : public Store {
 public:
  void submit(const Ask& ask, Done done) override {
    ++submitted;
    if (is_silent) {
      pending.push_back(std::move(done));
      return;
    }
    Answer answer{.outcome = Outcome::done};
    Value& value = values[ask.keyspace + "/" + ask.key];
    if (ask.kind == Kind::read) answer.value = value;
    if (ask.kind == Kind::cas && value != ask.expected) {
      answer = {.outcome = Outcome::not_done, .code = Code::condition_failed, .has_seen = true, .seen = value};
    } else if (ask.kind != Kind::read) {
      value = ask.value;
    }
    done(answer, now + Duration(1));
  }
  Time now{};
  bool is_silent = false;
  std::size_t submitted = 0;
  std::map<std::string, Value> values;
  std::vector<Done> pending;
};

TEST(Load, MakesALinearizableHistoryOfAPlainRegister) {
  LoadOptions options = story();
  options.length = seconds(5);
  options.keyspaces[0].cas_share = 0.5;
  Recorder recorder;
  Register store;
  Load load(MUST(Generator::create(options)), recorder, store);
  while (load.next_due()) {
    store.now = *load.next_due();
    load.run_due(store.now);
    store.now += Duration(2);
  }
  EXPECT_EQ(load.open_count(), 0U);
  const auto& ops = recorder.history().operations;
  EXPECT_EQ(ops.size(), 20U * 20 * 5);
  std::size_t swapped = 0, refused = 0;
  for (const auto& op : ops) {
    if (op.kind == Kind::cas) (op.outcome == Outcome::done ? swapped : refused) += 1;
  }
  EXPECT_GT(swapped, 10U);
  EXPECT_GT(refused, 10U);
  EXPECT_EQ(check::check_linearizable(ops, "bank").answer, check::Linearizable::yes);
  EXPECT_EQ(check::check_linearizable(ops, "carts").answer, check::Linearizable::yes);
}

TEST(Load, WritesADocumentBackOnceItsReadIsAnswered) {
  LoadOptions options = story();
  options.length = seconds(5);
  options.documents = 2;
  options.edit_share = 0.5;
  Recorder recorder;
  Register store;
  Load load(MUST(Generator::create(options)), recorder, store);
  while (load.next_due()) {
    store.now = *load.next_due();
    load.run_due(store.now);
    store.now += Duration(2);
  }
  std::map<std::string, std::string> last;
  std::size_t reads = 0, writes = 0;
  for (const auto& op : recorder.history().operations) {
    if (op.keyspace != "carts" || !op.key.starts_with("doc")) continue;
    ++(op.kind == Kind::read ? reads : writes);
    if (op.kind == Kind::read) continue;
    const std::string& before = last[op.key];
    EXPECT_TRUE(op.value->starts_with(before.empty() ? "c" : before + " c")) << *op.value << " after " << before;
    last[op.key] = *op.value;
  }
  EXPECT_GT(reads, 100U);
  EXPECT_EQ(writes, reads);
}

TEST(Load, KeepsTheOpenLoopWhileTheStoreIsSilentUpToABound) {
  LoadOptions options = story();
  options.nodes = {NodeId(1)};
  options.keyspaces = {{.name = "bank"}};
  options.clients_per_node = 1;
  options.length = seconds(10);
  Recorder recorder;
  Register store;
  store.is_silent = true;
  Load load(MUST(Generator::create(options)), recorder, store);
  load.run_due(Time(seconds(10)));
  EXPECT_FALSE(load.next_due().has_value());
  EXPECT_EQ(recorder.history().operations.size(), 200U);
  EXPECT_EQ(store.submitted, 44U);
  EXPECT_EQ(load.open_count(), 44U);
  EXPECT_EQ(recorder.history().operations.back().code, Code::overloaded);
  EXPECT_LT(recorder.history().operations.back().scheduled, recorder.history().operations.back().invoke);
  for (auto& done : store.pending) done({.outcome = Outcome::unknown, .code = Code::timeout}, Time(seconds(11)));
  EXPECT_EQ(load.open_count(), 0U);
}

}  // namespace
}  // namespace rift::chaos::load
