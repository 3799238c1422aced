#include "chaos/sim/observer.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/limits.h"
#include "cp/space.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::chaos::sim {
namespace {

constexpr std::size_t log_page_keys = 4096;
constexpr std::uint64_t said_max = 3;  // one broken rule is enough to see; the same a thousand times is not

}  // namespace

void Observer::start() {
  look_again();
  compare_logs_again();
}

void Observer::look_again() {
  look();
  world_.after(options_.every, [this] { look_again(); });
}

void Observer::compare_logs_again() {
  compare_logs();
  world_.after(options_.logs_every, [this] { compare_logs_again(); });
}

void Observer::look() {
  for (const NodeId id : cluster_.ids()) {
    for (const ReplicaStatus& replica : cluster_.status(id).replicas) {
      if (replica.mode == Mode::cp) look_at(id, replica);
    }
  }
}

void Observer::look_at(NodeId id, const ReplicaStatus& replica) {
  const PartitionId partition = replica.partition;
  Term& highest = terms_[partition];
  highest = std::max(highest, replica.term);
  if (replica.role == "leader") {
    const auto [it, is_new] = leaders_.emplace(std::pair(partition, replica.term), id);
    if (!is_new && it->second != id) {
      say("election safety", fmt::format("partition {} has two leaders in term {}: {} and {}", partition.value(),
                                         replica.term.value(), to_string(it->second), to_string(id)));
      it->second = id;
    }
  }
  Seen& seen = seen_[{partition, id}];
  const std::uint64_t life = cluster_.node(id).life();
  // Without a configuration it has just come (back) to the group: what was buried is not remembered.
  const bool is_newborn = replica.voters.empty() && replica.learners.empty();
  if (seen.life == life && !is_newborn && replica.commit < seen.commit) {
    say("commit", fmt::format("partition {}: the commit index of {} went back from {} to {}", partition.value(),
                              to_string(id), seen.commit.value(), replica.commit.value()));
  }
  seen = {.life = life, .commit = replica.commit};
  const auto hash = replica.counters.find("state_hash");
  if (hash == replica.counters.end() || replica.applied == LogIndex()) return;
  const auto [state, is_new] = states_.emplace(std::pair(partition, replica.applied), std::pair(hash->second, id));
  if (is_new) return;
  if (state->second.first != hash->second) {
    say("state", fmt::format("partition {}: {} and {} differ in their state after entry {}", partition.value(),
                             to_string(state->second.second), to_string(id), replica.applied.value()));
  }
}

void Observer::compare_logs() {
  for (const NodeId id : cluster_.ids()) {
    for (const ReplicaStatus& replica : cluster_.status(id).replicas) {
      if (replica.mode == Mode::cp) compare_log(id, replica);
    }
  }
}

// What is committed is the same everywhere and for ever. Each node's committed entries are read once per life.
void Observer::compare_log(NodeId id, const ReplicaStatus& replica) {
  const PartitionId partition = replica.partition;
  SimDisk& disk = cluster_.node(id).disk();
  const auto space = cp::find_space(partition, disk);
  if (!space) return;
  LogIndex& done = compared_[{partition, id, cluster_.node(id).life()}];
  const LogIndex last = std::min(replica.commit, replica.last);
  if (last < done) done = LogIndex();  // buried meanwhile, and back
  if (last == done) return;
  const auto entries = disk.scan(env::Table::log, wire::log_range(partition, space->group, next(done), next(last)),
                                 log_page_keys, limits::frame_bytes_max);
  if (!entries) return;
  for (const env::KeyValue& record : *entries) {
    const auto index = wire::parse_log_key(record.key);
    if (!index) return say("log", fmt::format("{} has a log key that cannot be read", to_string(id)));
    const auto entry = wire::decode_log_record(record.value, *index);
    if (!entry)
      return say("log", fmt::format("{} has a log entry that cannot be read: {}", to_string(id), entry.error().detail));
    const Committed mine{.term = entry->term, .hash = xxh3_64(record.value)};
    const auto [it, is_new] = committed_.emplace(std::pair(partition, *index), mine);
    done = *index;
    if (is_new) continue;
    if (space->generation > Generation(1)) MARK(&world_.recorder(), "sim.entry_behind_a_snapshot_compared");
    if (it->second.term == mine.term && it->second.hash == mine.hash) continue;
    say("log matching",
        fmt::format("partition {}: entry {} was committed in term {}, and {} has it committed in term {}",
                    partition.value(), index->value(), it->second.term.value(), to_string(id), mine.term.value()));
  }
}

Term Observer::highest_term(PartitionId partition) const {
  const auto it = terms_.find(partition);
  return it == terms_.end() ? Term() : it->second;
}

void Observer::say(const std::string& rule, std::string sentence) {
  if (said_[rule]++ < said_max) broken_.push_back(std::move(sentence));
}

}  // namespace rift::chaos::sim
