#include "cp/state_checks.h"

#include <algorithm>

#include "base/coding.h"
#include "raft/quorum.h"

namespace rift::cp {
namespace {

constexpr std::size_t known_max = 4;
constexpr std::size_t hash_bytes = 16;

}  // namespace

wire::Command verify_command(const StateHash& hash) {
  std::string value;
  if (hash.index != LogIndex(0)) {
    put_u64(value, hash.index.value());
    put_u64(value, hash.hash);
  }
  return wire::Command{.verb = Verb::verify,
                       .key = {},
                       .value = Bytes(std::move(value)),
                       .condition = {},
                       .op = std::nullopt,
                       .operands = {}};
}

std::optional<StateHash> verified_hash(const raft::Entry& entry) {
  if (entry.kind != raft::EntryKind::command || entry.payload.size() > 4 * hash_bytes) return std::nullopt;
  const auto commands = wire::decode_commands(entry.payload);
  if (!commands || commands->size() != 1 || commands->front().verb != Verb::verify) return std::nullopt;
  KeyReader reader(commands->front().value);
  const auto index = reader.u64();
  const auto hash = reader.u64();
  if (!index || !hash || !reader.rest().empty()) return std::nullopt;
  return StateHash{.index = LogIndex(*index), .hash = *hash};
}

bool StateChecks::applied(LogIndex index, std::uint64_t hash) {
  if (index.value() % every_ != 0) return false;
  known_.push_back(StateHash{.index = index, .hash = hash});
  if (known_.size() > known_max) known_.pop_front();
  return true;
}

std::optional<std::uint64_t> StateChecks::at(LogIndex index) const {
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const StateHash& it) { return it.index == index; });
  return found == known_.end() ? std::nullopt : std::optional(found->hash);
}

void StateChecks::forget() {
  known_.clear();
  inquiry_.reset();
}

void StateChecks::begin(const StateHash& own, NodeId self, Time now) {
  if (inquiry_ && inquiry_->own.index >= own.index) return;
  const Time since = inquiry_ ? inquiry_->since : now;
  inquiry_ = Inquiry{.own = own, .answers = {{self, own.hash}}, .since = since, .is_disputed = is_disputed()};
}

void StateChecks::answer(NodeId from, const StateHash& hash) {
  if (inquiry_ && inquiry_->own.index == hash.index) inquiry_->answers[from] = hash.hash;
}

bool StateChecks::become_disputed(Time now) {
  if (!inquiry_ || inquiry_->is_disputed || now - inquiry_->since < dispute_patience) return false;
  inquiry_->is_disputed = true;
  return true;
}

// In a joint configuration a state is that of the majority of both halves; while they disagree nothing is said until one half has left.
StateChecks::Verdict StateChecks::judge(const raft::Config& config) const {
  if (!inquiry_) return Verdict::open;
  const auto& answers = inquiry_->answers;
  for (const auto& told : answers) {
    const bool is_agreed = raft::is_quorum(config, [&](NodeId voter) {
      const auto answer = answers.find(voter);
      return answer != answers.end() && answer->second == told.second;
    });
    if (is_agreed) return told.second == inquiry_->own.hash ? Verdict::sound : Verdict::odd;
  }
  if (config.is_joint()) return Verdict::open;
  // Those who have not answered may all have one hash: one that was told, or another.
  const auto may_be_most = [&](std::optional<std::uint64_t> hash) {
    return raft::is_quorum(config, [&](NodeId voter) {
      const auto answer = answers.find(voter);
      return answer == answers.end() || answer->second == hash;
    });
  };
  const bool is_decidable = may_be_most(std::nullopt) || std::any_of(answers.begin(), answers.end(),
                                                                     [&](auto& it) { return may_be_most(it.second); });
  return is_decidable ? Verdict::open : Verdict::no_majority;
}

std::vector<NodeId> StateChecks::odd_ones() const {
  std::vector<NodeId> odd;
  for (const auto& [node, hash] : inquiry_->answers) {
    if (hash != inquiry_->own.hash) odd.push_back(node);
  }
  return odd;
}

std::vector<NodeId> StateChecks::silent_ones(const raft::Config& config) const {
  std::vector<NodeId> silent = config.all_voters();
  std::erase_if(silent, [&](NodeId voter) { return inquiry_->answers.contains(voter); });
  return silent;
}

}  // namespace rift::cp
