#include "caller/watch.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"

namespace rift::caller {
namespace {

constexpr Duration map_retry = std::chrono::milliseconds(500);

// No node would answer otherwise, now or later.
bool is_final(Code code) {
  switch (code) {
    case Code::invalid:
    case Code::too_large:
    case Code::unsupported:
    case Code::compacted:
      return true;
    case Code::ok:
    case Code::condition_failed:
    case Code::not_leader:
    case Code::no_leader:
    case Code::level_unreachable:
    case Code::overloaded:
    case Code::disk_full:
    case Code::wrong_node:
    case Code::unknown_keyspace:
    case Code::not_ready:
    case Code::already_exists:
    case Code::refused:
    case Code::superseded_entry:
    case Code::clock_skewed:
    case Code::token_not_met:
    case Code::dedup_expired:
    case Code::timeout:
    case Code::leadership_lost:
    case Code::level_missed:
    case Code::disconnected:
    case Code::corruption:
    case Code::io:
    case Code::unreachable:
      return false;
  }
  return false;
}

bool has(const topology::Keyspace& keyspace, PartitionId id) {
  return std::any_of(keyspace.partitions.begin(), keyspace.partitions.end(),
                     [id](const topology::Partition& partition) { return partition.id == id; });
}

// A position that names a partition which is not there is of a keyspace that is gone: nothing that happened since would be told.
std::optional<PartitionId> stranger_of(const WatchWish& wish, const topology::Keyspace& keyspace) {
  for (const auto& [partition, revision] : wish.resume) {
    if (!has(keyspace, partition)) return partition;
  }
  return std::nullopt;
}

Response refuse_stranger(PartitionId stranger, const topology::Keyspace& keyspace) {
  std::string known;
  for (const topology::Partition& partition : keyspace.partitions)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", partition.id.value());
  return refuse(
      {}, Code::invalid,
      fmt::format("the position names partition {}, and {} has {}: it is of another keyspace, or this one was "
                  "dropped and created again since",
                  stranger.value(), keyspace.name, known),
      "read the state anew, then watch from there");
}

}  // namespace

std::optional<Revision> known_of(const WatchWish& wish, PartitionId partition) {
  const auto named = wish.resume.find(partition);
  if (named != wish.resume.end()) return named->second;
  if (wish.from != Revision()) return Revision(wish.from.value() - 1);
  return wish.resume.empty() ? std::nullopt : std::optional(Revision());
}

Watch::Watch(WatchOptions options, WatchWish wish, Rng rng)
    : options_(options),
      wish_(std::move(wish)),
      rng_(rng),
      first_owner_(rng_.below(limits::members_max)),
      next_id_(options.first_id) {}

const topology::Keyspace* Watch::keyspace() const {
  const topology::Keyspace* found = catalog_ ? catalog_->find(wish_.keyspace) : nullptr;
  return found != nullptr && !found->partitions.empty() ? found : nullptr;
}

void Watch::observe(const std::shared_ptr<const topology::Catalog>& catalog, Time now) {
  if (ended_ || catalog == nullptr) return;
  const bool is_older = catalog_ && catalog_->cluster == catalog->cluster && catalog->epoch < catalog_->epoch;
  if (!is_older) catalog_ = catalog;
  const topology::Keyspace* found = keyspace();
  const auto stranger = found != nullptr && streams_.empty() ? stranger_of(wish_, *found) : std::nullopt;
  if (found == nullptr || stranger) {
    if (has_looked_again_ || !streams_.empty()) {
      return end(stranger ? refuse_stranger(*stranger, *found)
                          : refuse({}, Code::unknown_keyspace, "no keyspace is called " + wish_.keyspace));
    }
    has_looked_again_ = true;  // this map may be older than the keyspace
    map_wish_ = true;
    map_due_ = now + map_retry;
    return;
  }
  map_due_.reset();
  // A keyspace of the same name that was made anew has other partitions.
  for (const auto& [partition, stream] : streams_) {
    if (!has(*found, partition)) {
      return end(refuse({}, Code::unknown_keyspace, "the keyspace was dropped and created again",
                        "read the state anew, then watch from there"));
    }
  }
  for (const topology::Partition& partition : found->partitions) {
    if (streams_.contains(partition.id)) continue;
    if (wish_.single_key && topology::place(*found, wish_.first.view()).id != partition.id) continue;
    Stream& stream = streams_[partition.id];
    stream.told = known_of(wish_, partition.id);
    open(partition.id, stream, now);
  }
}

// The owners in turn, from one drawn by chance: watchers spread over all of them, for any replica serves.
NodeId Watch::choose(PartitionId partition, const Stream& stream) const {
  if (options_.pinned) return NodeId();
  for (const topology::Partition& placed : keyspace()->partitions) {
    if (placed.id == partition && !placed.owners.empty())
      return placed.owners[(first_owner_ + stream.opened) % placed.owners.size()];
  }
  return NodeId();
}

void Watch::open(PartitionId partition, Stream& stream, Time now) {
  Request request;
  request.id = stream.id = RequestId(next_id_++);
  request.keyspace = wish_.keyspace;
  request.partition = partition;
  request.epoch = catalog_->epoch;
  request.verb = Verb::watch;
  request.key = wish_.first;
  request.budget = options_.silence_max;
  Operands& operands = request.operands.ensure();
  operands.range_end = wish_.end;
  operands.single_key = wish_.single_key;
  if (stream.told) operands.revision = next(*stream.told);
  stream.node = choose(partition, stream);
  stream.wake = now + options_.silence_max;
  if (stream.opened++ > 0) ++resumes_;
  sends_.push_back({.node = stream.node, .request = std::move(request)});
}

void Watch::receive(Response response, Time now) {
  if (ended_ || response.id == RequestId()) return;
  const auto it =
      std::find_if(streams_.begin(), streams_.end(), [&](const auto& pair) { return pair.second.id == response.id; });
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  if (response.results && response.outcome == Outcome::done)
    return deliver(it->first, stream, std::move(response), now);
  const bool has_nowhere_else = options_.pinned && response.code == Code::wrong_node;
  if (is_final(response.code) || has_nowhere_else) return end(std::move(response));
  if (response.code == Code::wrong_node || response.code == Code::unknown_keyspace) map_wish_ = true;
  stream.id = RequestId();
  resume_later(stream, now);
}

// A node may be behind what has been delivered (it waits for the revision then) but never tells what was told before: should one do so, what is
// old is dropped.
void Watch::deliver(PartitionId partition, Stream& stream, Response response, Time now) {
  Results& results = *response.results;
  stream.failures = 0;
  stream.wake = now + options_.silence_max;
  const bool is_last = !response.more;
  if (stream.told) {
    std::erase_if(results.events, [&](const Event& event) { return event.revision <= *stream.told; });
  }
  const bool moves = !stream.told || results.revision > *stream.told;
  if (moves) stream.told = results.revision;
  if (moves || !results.events.empty())
    batches_.push_back({.partition = partition, .events = std::move(results.events), .revision = *stream.told});
  if (!is_last) return;
  stream.id = RequestId();
  resume_later(stream, now);
}

void Watch::resume_later(Stream& stream, Time now) {
  const std::uint32_t doublings = std::min<std::uint32_t>(stream.failures++, 8);
  const Duration ceiling = std::min<Duration>(options_.back_off_min * (1 << doublings), options_.back_off_max);
  stream.wake = now + rng_.between(ceiling / 2, ceiling);
}

void Watch::tick(Time now) {
  if (ended_) return;
  if (map_due_ && *map_due_ <= now) {
    map_due_ = now + map_retry;
    map_wish_ = true;
  }
  for (auto& [partition, stream] : streams_) {
    if (stream.wake > now || keyspace() == nullptr) continue;
    if (stream.id != RequestId()) {  // silent for too long
      cancels_.push_back({.node = stream.node, .id = stream.id});
      stream.id = RequestId();
      ++stream.failures;
    }
    open(partition, stream, now);
  }
}

void Watch::stop() {
  wish_.resume = position();
  for (auto& [partition, stream] : streams_) {
    if (stream.id != RequestId()) cancels_.push_back({.node = stream.node, .id = stream.id});
  }
  streams_.clear();
  sends_.clear();
  map_due_.reset();
}

void Watch::end(Response response) {
  response.id = RequestId();
  response.outcome = Outcome::not_done;
  ended_ = std::move(response);
  stop();
}

std::map<PartitionId, Revision> Watch::position() const {
  std::map<PartitionId, Revision> position = wish_.resume;
  for (const auto& [partition, stream] : streams_) {
    if (stream.told) position[partition] = *stream.told;
  }
  return position;
}

std::optional<Time> Watch::wake_at() const {
  std::optional<Time> wake = map_due_;
  for (const auto& [partition, stream] : streams_) {
    if (!wake || stream.wake < *wake) wake = stream.wake;
  }
  return wake;
}

}  // namespace rift::caller
