#include "cp/snapshot_sender.h"

#include <algorithm>

#include "base/coding.h"
#include "base/hash.h"
#include "base/node_list.h"
#include "cp/stored_log.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

std::size_t size_of(const wire::StateRecord& record) { return record.key.size() + record.value.size(); }

}  // namespace

std::uint64_t add_to_sum(std::uint64_t sum, const wire::StateRecord& record) {
  std::string parts;
  for (const std::uint64_t part : {sum, xxh3_64(record.key), xxh3_64(record.value)}) put_u64(parts, part);
  return xxh3_64(parts);
}

Result<std::optional<raft::SnapshotMeta>> describe_state(Space space, env::Reader& view) {
  const auto stored = TRY(view.get(env::Table::state_cp, wire::cp_applied_key(space.partition, space.generation)));
  if (!stored) return std::optional<raft::SnapshotMeta>();
  const auto applied = TRY(wire::decode_applied(*stored));
  if (applied.index == LogIndex(0)) return std::optional<raft::SnapshotMeta>();
  const auto config = TRY(config_at(space, applied.index, view));
  if (!config) return std::optional<raft::SnapshotMeta>();
  return std::optional(raft::SnapshotMeta{
      .index = applied.index, .term = applied.term, .log_time = applied.log_time, .config = *config});
}

void SnapshotSender::want(const Want& want) {
  if (is_sending() && current_ == want) return;
  const auto same =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Want& waiting) { return waiting.peer == want.peer; });
  if (same == waiting_.end()) {
    waiting_.push_back(want);
  } else if (want.wish != 0) {
    *same = want;
  } else {
    same->at_least = std::max(same->at_least, want.at_least);
  }
}

void SnapshotSender::keep_only(const std::vector<NodeId>& peers) {
  std::erase_if(waiting_, [&](const Want& waiting) { return !holds(peers, waiting.peer); });
}

bool SnapshotSender::is_too_old() const {
  return is_sending() && std::any_of(waiting_.begin(), waiting_.end(), [&](const Want& waiting) {
           return waiting.peer == current_.peer && waiting.at_least > meta_.index;
         });
}

void SnapshotSender::postpone(const Want& want) {
  const auto it = std::find(waiting_.begin(), waiting_.end(), want);
  if (it != waiting_.end()) std::rotate(it, it + 1, waiting_.end());
}

Result<bool> SnapshotSender::start(const Want& want, PartitionId partition, std::shared_ptr<env::Snapshot> view,
                                   std::uint64_t id, Time now) {
  const Space space = TRY(find_space(partition, *view));
  const auto meta = TRY(describe_state(space, *view));
  if (!meta || meta->index < want.at_least) return false;
  std::erase(waiting_, want);
  current_ = want;
  view_ = std::move(view);
  meta_ = *meta;
  id_ = id;
  space_ = space;
  rest_ = wire::state_range(space.partition, space.generation);
  prefix_ = rest_.first.size();
  chunk_ = {};
  started_ = heard_ = now;
  offered_ = now - limits_.repeat;
  begun_ = false;
  return true;
}

std::optional<wire::SnapshotOffer> SnapshotSender::offer_due(Term term, Time now) {
  if (!is_sending() || begun_ || now - offered_ < limits_.repeat) return std::nullopt;
  offered_ = now;
  return wire::SnapshotOffer{.term = term, .id = id_, .wish = current_.wish, .meta = meta_};
}

// Chunks are asked for one after the other; the last one may be asked for again, and the first one by a receiver that begins anew: because it was
// restarted, or because a late repeat of its own first question has taken this end back there.
Result<std::optional<wire::SnapshotChunk>> SnapshotSender::pull(NodeId from, const wire::SnapshotPull& pull, Time now) {
  if (!is_current(from, pull.id)) return std::optional<wire::SnapshotChunk>();
  begun_ = true;
  if (pull.number == 1 && chunk_.number > 1) {
    rest_ = wire::state_range(space_.partition, space_.generation);
    chunk_ = {};
  }
  if (pull.number == chunk_.number + 1 && !chunk_.last) TRY(read_next());
  if (pull.number != chunk_.number) return std::optional<wire::SnapshotChunk>();
  heard_ = now;
  return std::optional(chunk_);
}

Result<void> SnapshotSender::read_next() {
  auto found = TRY(view_->scan(env::Table::state_cp, rest_, limits_.chunk_records_max + 1, limits_.chunk_bytes));
  chunk_ = wire::SnapshotChunk{.id = id_, .number = chunk_.number + 1, .records = {}, .sum = chunk_.sum, .last = false};
  std::size_t bytes = 0;
  bool all = true;
  for (env::KeyValue& pair : found) {
    wire::StateRecord record{.key = Bytes(ByteView(pair.key).substr(prefix_)), .value = std::move(pair.value)};
    bytes += size_of(record);
    all = chunk_.records.empty() || (bytes <= limits_.chunk_bytes && chunk_.records.size() < limits_.chunk_records_max);
    if (!all) break;
    chunk_.sum = add_to_sum(chunk_.sum, record);
    chunk_.records.push_back(std::move(record));
    rest_.first = pair.key + std::string(1, '\0');
  }
  if (!all) return {};
  chunk_.last = TRY(view_->scan(env::Table::state_cp, rest_, 1, 1)).empty();
  return {};
}

bool SnapshotSender::is_over(Time now) const {
  return is_sending() && (now - started_ >= limits_.age_max || now - heard_ >= limits_.patience);
}

void SnapshotSender::forget(NodeId peer) {
  std::erase_if(waiting_, [&](const Want& waiting) { return waiting.peer == peer && waiting.wish == 0; });
}

void SnapshotSender::end() {
  view_.reset();
  chunk_ = {};
}

void SnapshotSender::clear() {
  end();
  waiting_.clear();
}

Time SnapshotSender::next_wake() const {
  if (!is_sending()) return Time::max();
  const Time over = std::min(started_ + limits_.age_max, heard_ + limits_.patience);
  return begun_ ? over : std::min(over, offered_ + limits_.repeat);
}

}  // namespace rift::cp
