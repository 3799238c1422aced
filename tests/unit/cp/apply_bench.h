// ApplyBench: an Applier over a MapStore, fed entry by entry in Turns of its own. For the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/log.h"
#include "commands.h"
#include "cp/applier.h"
#include "tests/kit/map_store.h"
#include "wire/keys.h"

namespace rift::cp {

class ApplyBench {
 public:
  // Benches of another `world` see other clocks and other random numbers.
  explicit ApplyBench(DedupTable::Limits limits = {}, std::uint64_t world = 1)
      : limits_(limits), world_(world), random_(world), log_(make_null_log()) {
    load({});
  }

  // One entry with these commands, then finish() and the batch applied.
  std::vector<Applied> apply(std::vector<wire::Command> commands) {
    raft::Entry entry{
        .term = Term(1), .index = {}, .kind = raft::EntryKind::command, .log_time = log_time, .payload = {}};
    entry.payload = wire::encode_commands(commands);
    return apply_entry(std::move(entry));
  }
  std::vector<Applied> apply_entry(raft::Entry entry) {
    entry.index = next(applier_->index());
    return apply_together({std::move(entry)}).front();
  }
  // Entries with their indexes, all in one Turn. The results of each.
  std::vector<std::vector<Applied>> apply_together(const std::vector<raft::Entry>& entries) {
    TurnOutput output;
    Turn turn = make_turn(output);
    std::vector<std::vector<Applied>> all;
    for (const raft::Entry& entry : entries) {
      const auto results = MUST(applier_->apply(entry, turn));
      all.emplace_back(results.begin(), results.end());
    }
    applier_->finish(turn);
    MUST(store_.apply(output.batch));
    return all;
  }
  Applied apply_one(wire::Command command) { return apply({std::move(command)}).front(); }

  // Forgets everything in memory: the state is what the store holds, which is what the memory was.
  void restart() {
    const auto stored =
        MUST(store_.get(env::Table::state_cp, wire::cp_applied_key(space_.partition, space_.generation)));
    const auto applied = stored ? MUST(wire::decode_applied(*stored)) : wire::AppliedRecord{};
    EXPECT_EQ(applied, applier_->applied());
    load(applied);
  }
  // Every record of every table.
  std::vector<std::vector<env::KeyValue>> dump() {
    std::vector<std::vector<env::KeyValue>> tables;
    for (std::size_t i = 0; i < env::table_count; ++i)
      tables.push_back(MUST(store_.scan(static_cast<env::Table>(i), {}, 1'000'000, 1'000'000'000)));
    return tables;
  }

  std::optional<wire::CpValue> value(std::string_view key) {
    TurnOutput output;
    Turn turn = make_turn(output);
    return MUST(read_value(space_, key, turn));
  }
  // Everything that history holds, oldest first.
  std::vector<wire::HistoryEvent> history() {
    std::vector<wire::HistoryEvent> events;
    for (const auto& row : rows(wire::cp_history_range(space_.partition, space_.generation))) {
      const auto record = MUST(wire::decode_history(row.value));
      events.insert(events.end(), record.events.begin(), record.events.end());
    }
    return events;
  }
  std::size_t history_records() { return rows(wire::cp_history_range(space_.partition, space_.generation)).size(); }
  std::size_t expiry_rows() { return rows(wire::cp_expiry_range(space_.partition, space_.generation)).size(); }
  bool is_expiry_due(Duration log_time_then) {
    TurnOutput output;
    Turn turn = make_turn(output);
    return MUST(applier_->is_expiry_due(log_time_then, turn));
  }
  const wire::AppliedRecord& applied() const { return applier_->applied(); }
  Applier& applier() { return *applier_; }
  kit::MapStore& store() { return store_; }

  Duration log_time{};

 private:
  Turn make_turn(TurnOutput& output) {
    const auto passed = std::chrono::hours(world_) + std::chrono::milliseconds(world_ * ++turns_);
    const Now now{.steady = Time(passed), .wall = WallTime(std::chrono::seconds(1'700'000'000) - passed)};
    return Turn(Turn::Inputs{.now = now, .reader = store_, .random = random_, .log = *log_, .recorder = nullptr},
                output);
  }
  std::vector<env::KeyValue> rows(const env::Range& range) {
    return MUST(store_.scan(env::Table::state_cp, range, 1'000'000, 1'000'000'000));
  }
  void load(wire::AppliedRecord applied) {
    TurnOutput output;
    Turn turn = make_turn(output);
    applier_.emplace(space_, applied, MUST(DedupTable::load(space_, limits_, turn)));
  }

  Space space_{.partition = PartitionId(7), .generation = Generation(1)};
  DedupTable::Limits limits_;
  std::uint64_t world_;
  std::uint64_t turns_ = 0;
  kit::MapStore store_;
  Rng random_;
  std::unique_ptr<Log> log_;
  std::optional<Applier> applier_;
};

}  // namespace rift::cp
