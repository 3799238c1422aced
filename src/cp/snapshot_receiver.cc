#include "cp/snapshot_receiver.h"

#include <algorithm>

#include "wire/keys.h"

namespace rift::cp {
namespace {

Result<bool> is_empty(const env::Range& range, Turn& turn) {
  return TRY(turn.scan(env::Table::state_cp, range, 1, 1)).empty();
}

env::Range before(Space space) {
  return env::Range{.first = wire::partition_range(space.partition).first,
                    .last = wire::state_range(space.partition, space.generation).first};
}

env::Range behind(Space space) {
  return env::Range{.first = wire::state_range(space.partition, space.generation).last,
                    .last = wire::partition_range(space.partition).last};
}

}  // namespace

Result<bool> has_other_generations(Space space, Turn& turn) {
  return !TRY(is_empty(before(space), turn)) || !TRY(is_empty(behind(space), turn));
}

void erase_other_generations(Space space, Turn& turn) {
  for (const env::Range& range : {before(space), behind(space)})
    turn.erase_range(env::Table::state_cp, range.first, range.last);
}

Result<void> SnapshotReceiver::begin(NodeId from, const wire::SnapshotOffer& offer, Space target,
                                     std::shared_ptr<const void> place, Turn& turn) {
  place_ = std::move(place);
  from_ = from;
  offer_ = offer;
  target_ = target;
  heard_ = turn.now().steady;
  return restart(turn);
}

Result<void> SnapshotReceiver::restart(Turn& turn) {
  next_ = 1;
  sum_ = 0;
  unsynced_bytes_ = 0;
  const auto range = wire::state_range(target_.partition, target_.generation);
  if (!TRY(is_empty(range, turn))) turn.erase_range(env::Table::state_cp, range.first, range.last);
  return {};
}

Result<SnapshotReceiver::Took> SnapshotReceiver::take(NodeId from, const wire::SnapshotChunk& chunk, Turn& turn) {
  if (!is_current(from, chunk.id) || chunk.number != next_) return Took::nothing;
  heard_ = turn.now().steady;
  const std::string prefix = wire::state_range(target_.partition, target_.generation).first;
  std::string key;
  for (const wire::StateRecord& record : chunk.records) {
    key = prefix;
    key.append(record.key);
    sum_ = add_to_sum(sum_, record);
    unsynced_bytes_ += key.size() + record.value.size();
    turn.put(env::Table::state_cp, key, record.value.is_whole() ? record.value : Bytes(record.value.view()));
  }
  if (sum_ != chunk.sum) return Took::damaged;
  ++next_;
  return chunk.last ? Took::complete : Took::records;
}

wire::SnapshotPull SnapshotReceiver::pull(Time now) {
  asked_ = now;
  return wire::SnapshotPull{.id = offer_.id, .number = next_};
}

bool SnapshotReceiver::take_sync_wish() {
  if (unsynced_bytes_ < limits_.unsynced_bytes_max) return false;
  unsynced_bytes_ = 0;
  return true;
}

void SnapshotReceiver::end() { place_.reset(); }

Time SnapshotReceiver::next_wake() const {
  return is_receiving() ? std::min(asked_ + limits_.repeat, heard_ + limits_.patience) : Time::max();
}

}  // namespace rift::cp
