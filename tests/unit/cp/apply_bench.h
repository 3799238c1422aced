// ApplyBench: an Applier over a MapStore, fed entry by entry in Turns of its own. For the tests of this room.
#pragma once

#include <optional>
#include <vector>

#include "base/log.h"
#include "cp/applier.h"
#include "tests/kit/map_store.h"
#include "tests/kit/requests.h"

namespace rift::cp {

class ApplyBench {
 public:
  explicit ApplyBench(DedupTable::Limits limits = {}) : limits_(limits), random_(1), log_(make_null_log()) { load({}); }

  // One entry with these commands, then finish() and the batch applied.
  std::vector<Applied> apply(std::vector<wire::Command> commands) {
    raft::Entry entry{
        .term = Term(1), .index = {}, .kind = raft::EntryKind::command, .log_time = log_time, .payload = {}};
    entry.payload = wire::encode_commands(commands);
    return apply_entry(std::move(entry));
  }
  std::vector<Applied> apply_entry(raft::Entry entry) {
    entry.index = next(applier_->index());
    TurnOutput output;
    Turn turn = make_turn(output);
    const auto results = MUST(applier_->apply(entry, turn));
    std::vector<Applied> copy(results.begin(), results.end());
    applier_->finish(turn);
    MUST(store_.apply(output.batch));
    return copy;
  }
  Applied apply_one(wire::Command command) { return apply({std::move(command)}).front(); }

  // Forgets everything in memory: the state is what the store holds.
  void restart() { load(applier_->applied()); }

  std::optional<wire::CpValue> value(std::string_view key) {
    TurnOutput output;
    Turn turn = make_turn(output);
    return MUST(read_value(space_, key, turn));
  }
  const wire::AppliedRecord& applied() const { return applier_->applied(); }
  Applier& applier() { return *applier_; }
  kit::MapStore& store() { return store_; }

  Duration log_time{};

 private:
  Turn make_turn(TurnOutput& output) {
    return Turn(Turn::Inputs{.now = {}, .reader = store_, .random = random_, .log = *log_, .recorder = nullptr},
                output);
  }
  void load(wire::AppliedRecord applied) {
    TurnOutput output;
    Turn turn = make_turn(output);
    applier_.emplace(space_, applied, MUST(DedupTable::load(space_, limits_, turn)));
  }

  Space space_{.partition = PartitionId(7), .generation = Generation(1)};
  DedupTable::Limits limits_;
  kit::MapStore store_;
  Rng random_;
  std::unique_ptr<Log> log_;
  std::optional<Applier> applier_;
};

inline wire::Command command_of(const Request& request) {
  wire::Command command;
  command.verb = request.verb;
  command.key = request.key;
  command.value = request.value;
  command.condition = request.condition;
  command.op = request.op;
  return command;
}

}  // namespace rift::cp
