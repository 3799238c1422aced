#include "cp/refound.h"

#include "cp/recovery.h"
#include "cp/repair.h"
#include "cp/replica.h"
#include "cp/stored_log.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t page_bytes_max = 4 * limits::mebi;

template <class Number>
Number far_beyond(Number last) {
  return Number((last.value() / refounding_stride + 1) * refounding_stride);
}

// What was not known to be committed is, from now on.
Result<Applier> apply_rest(Space space, Turn& turn) {
  StoredLog log(space, turn);
  auto applier = TRY(load_applier(space, CpReplica::Options().dedup, turn));
  while (true) {
    const auto page = TRY(log.page(next(applier.index()), page_bytes_max));
    if (page.empty()) break;
    for (const raft::Entry& entry : page) TRY(applier.apply(entry, turn));
  }
  applier.finish(turn);
  return applier;
}

void begin_log(Space space, const LogFloor& floor, Turn& turn) {
  put_floor(space, floor, turn);
  put_config_places(space, {floor.index}, turn);
  put_hard_state(space, raft::HardState{.term = floor.term, .vote = {}}, turn);
}

}  // namespace

Result<Refounded> refound(PartitionId partition, NodeId survivor, Turn& turn) {
  if (TRY(read_health(partition, turn)) == Health::forgetful)
    return fail(Code::invalid,
                to_string(survivor) + " has lost durable writes itself: it cannot be what is gone on from");
  Space space = TRY(find_space(partition, turn));
  const Recovered found = TRY(recover(space, turn));
  if (found.raft.configs.empty())
    return fail(Code::invalid, to_string(survivor) + " has no configuration of this group: it holds nothing of it");
  const Applier applier = TRY(apply_rest(space, turn));

  const auto old_log = wire::log_range(partition, space.group, LogIndex(0), LogIndex(~std::uint64_t{0}));
  turn.erase_range(env::Table::log, old_log.first, old_log.last);
  space.group = next_generation(space.group);
  put_group(space, turn);
  wire::AppliedRecord applied = applier.applied();
  applied.index = far_beyond(found.raft.last_index);
  applied.term = far_beyond(found.raft.hard_state.term);
  applied.revision = far_beyond(applied.revision);
  applied.compacted = applied.revision;
  turn.put(env::Table::state_cp, wire::cp_applied_key(partition, space.generation), wire::encode(applied));
  const raft::Config alone{.voters = {survivor}, .outgoing = {}, .learners = {}};
  begin_log(space,
            LogFloor{.index = applied.index,
                     .term = applied.term,
                     .log_time = std::max(applied.log_time, found.raft.last_log_time),
                     .config = {.index = applied.index, .config = alone}},
            turn);
  put_health(partition, Health::good, turn);  // a quarantined state is what there is
  put_disputed(partition, false, turn);
  return Refounded{.last = found.raft.last_index, .committed = found.applied.index, .begins = applied.index};
}

}  // namespace rift::cp
