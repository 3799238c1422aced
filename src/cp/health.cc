// What a CpReplica does about itself: compares its state with the others', stops believing it, and has it replaced (repair.h).
#include <algorithm>

#include <fmt/format.h>

#include "base/node_list.h"
#include "cp/replica.h"
#include "raft/quorum.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr Duration ask_interval = std::chrono::milliseconds(500);
constexpr int repairs_max = 3;  // in one life: a disk that damages records faster than they can be refilled is no disk

// A generation that nobody has written: a state of nothing.
constexpr Generation no_generation{generation_max};

}  // namespace

// --- comparing ---------------------------------------------------------------------------------------------------------------------

// Before the entry is applied: what the leader says of the state at an earlier index.
void CpReplica::compare_state(const raft::Entry& entry, Round& round) {
  const auto said = verified_hash(entry);
  if (!said) return;
  const auto own = checks_.at(said->index);
  if (!own || *own == said->hash) return;
  MARK(round.turn.recorder(), "cp.state_differs");
  LOG_ERROR(round.turn.log(), "cp.state_differs", "group={} index={} own={:x} said={:x}", options_.name,
            said->index.value(), *own, said->hash);
  checks_.begin({.index = said->index, .hash = *own}, options_.self, round.context.now);
  next_ask_ = round.context.now;
}

std::optional<std::uint64_t> CpReplica::hash_at(LogIndex index) const {
  return index == applier_.index() ? applier_.applied().hash : checks_.at(index);
}

// A leader tells the others what its state was; whoever disagrees finds it when it applies the entry.
Result<bool> CpReplica::tell_state(Round& round) {
  if (!hash_due_ || !raft_.is_leader() || raft_.handing_over()) return false;
  hash_due_ = false;
  TRY(propose_internal(verify_command(checks_.newest()), round));
  return true;
}

Result<void> CpReplica::propose_internal(const wire::Command& command, Round& round) {
  const raft::Proposal proposal{.payload = wire::encode_commands(std::span(&command, 1)),
                                .log_time = log_time(round.context.now)};
  const auto proposed = raft_.propose(std::span(&proposal, 1), round.context);
  if (!proposed && !took_no_effect(proposed.error().code)) return tl::unexpected(proposed.error());
  return {};
}

void CpReplica::on_state_hash(NodeId from, const wire::StateReport& report, Round& round) {
  const auto own = hash_at(report.index);
  if (!report.is_answer && health_ == Health::good) {
    send_to(
        from, env::Lane::data,
        wire::StateReport{.index = report.index, .hash = own.value_or(0), .known = own.has_value(), .is_answer = true},
        round.turn);
  }
  // Voters judge. A learner that differs has to ask, and goes by what they tell it.
  const raft::Config* config = raft_.config();
  if (!own || !report.known || config == nullptr || !config->is_voter(from)) return;
  if (*own != report.hash)  // one of the two is odd
    checks_.begin({.index = report.index, .hash = *own}, options_.self, round.context.now);
  checks_.answer(from, {.index = report.index, .hash = report.hash});
}

Result<void> CpReplica::judge_state(Round& round) {
  if (!checks_.is_open() || health_ != Health::good || raft_.config() == nullptr) return {};
  switch (checks_.judge(*raft_.config())) {
    case StateChecks::Verdict::open:
      if (checks_.become_disputed(round.context.now)) enter_dispute(round.turn);
      ask_for_hashes(round);
      return {};
    case StateChecks::Verdict::sound:
      for (const NodeId odd : checks_.odd_ones())
        LOG_ERROR(round.turn.log(), "cp.state_odd", "group={} node={}", options_.name, to_string(odd));
      forget_dispute(round.turn);
      checks_.end();
      return {};
    case StateChecks::Verdict::odd:
      enter_quarantine(round);
      return {};
    case StateChecks::Verdict::no_majority:
      if (!checks_.is_disputed()) {  // first what a restart must remember
        checks_.dispute();
        enter_dispute(round.turn);
        next_ask_ = round.context.now;
        return {};
      }
      return fail(Code::io, "the states of the voters differ, and none is that of a majority");
  }
  return {};
}

// Whoever could settle it is away, or cannot tell. One of two copies is wrong and nobody knows which: neither is served.
void CpReplica::enter_dispute(Turn& turn) {
  const std::string why = why_disputed();
  LOG_ERROR(turn.log(), "cp.state_disputed", "group={} index={}: {}", options_.name, checks_.asked().index.value(),
            why);
  MARK(turn.recorder(), "cp.state_disputed");
  put_disputed(options_.partition, true, turn);
  if (sender_.is_sending()) end_sending(false);
  refuse_reads(reads_.take_all(), Code::not_ready, why, turn);
  reads_left_ = false;
  refuse_all(gate_.take_all(), Code::not_ready, why, "", turn);
  end_watches(Code::not_ready, why, turn);
}

// Where it was left at the last stop. The index of then says nothing to the others any more: they are asked for their states of now.
Result<void> CpReplica::resume_dispute(Turn& turn) {
  if (!TRY(read_disputed(options_.partition, turn)) || health_ != Health::good) return {};
  checks_.begin({.index = applier_.index(), .hash = applier_.applied().hash}, options_.self, turn.now().steady);
  checks_.dispute();
  next_ask_ = turn.now().steady;
  return {};
}

void CpReplica::forget_dispute(Turn& turn) {
  if (checks_.is_disputed()) put_disputed(options_.partition, false, turn);
}

// "the state of bank/0 is disputed: n1 differs from n2, and no majority is known to have either; it waits for n3"
std::string CpReplica::why_disputed() const {
  const auto odd = names_of(checks_.odd_ones(), ", ");
  const raft::Config* config = raft_.config();
  const auto silent = config != nullptr ? names_of(checks_.silent_ones(*config), ", ") : std::string();
  return fmt::format("the state of {} is disputed: {} differs from {}, and no majority is known to have either{}",
                     options_.name, to_string(options_.self), odd.empty() ? "another" : odd,
                     silent.empty() ? "" : "; it waits for " + silent);
}

// Of a dispute nothing new comes by the log: it is asked for what everybody can tell, however late it has come: the state as it is now.
void CpReplica::ask_for_hashes(Round& round) {
  if (round.context.now < next_ask_) return;
  next_ask_ = round.context.now + ask_interval;
  if (checks_.is_disputed())
    checks_.begin({.index = applier_.index(), .hash = applier_.applied().hash}, options_.self, round.context.now);
  const wire::StateReport question{
      .index = checks_.asked().index, .hash = checks_.asked().hash, .known = true, .is_answer = false};
  for (const NodeId voter : raft_.config()->all_voters()) {
    if (voter != options_.self) send_to(voter, env::Lane::data, question, round.turn);
  }
}

// --- quarantine and repair ---------------------------------------------------------------------------------------------------------

void CpReplica::enter_quarantine(Round& round) {
  LOG_ERROR(round.turn.log(), "cp.quarantined", "group={} applied={}: its state is not that of the majority",
            options_.name, applier_.index().value());
  MARK(round.turn.recorder(), "cp.quarantined");
  distrust(Health::quarantined, round.turn);
}

void CpReplica::distrust(Health health, Turn& turn) {
  health_ = health;
  put_health(options_.partition, health, turn);
  wish_ = turn.random().next() | 1;
  next_ask_ = turn.now().steady;
  forget_dispute(turn);
  checks_.forget();
  hash_due_ = false;
  if (sender_.is_sending()) end_sending(false);
  const std::string why = why_distrusted();
  refuse_reads(reads_.take_all(), Code::not_ready, why, turn);
  reads_left_ = false;
  refuse_all(gate_.take_all(), Code::not_ready, why, "", turn);
  end_watches(Code::not_ready, why, turn);
}

std::string CpReplica::why_distrusted() const {
  return fmt::format("{} does not trust its own copy of {} and waits for another one", to_string(options_.self),
                     options_.name);
}

// Who could refill this replica: its own log may be gone or old, and the map too.
std::vector<NodeId> CpReplica::helpers() const {
  std::vector<NodeId> nodes;
  if (raft_.config() != nullptr) nodes = raft_.config()->all_voters();
  if (view_ && view_->catalog) {
    const auto owners = owners_of(options_.partition, *view_->catalog);
    nodes.insert(nodes.end(), owners.begin(), owners.end());
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  std::erase(nodes, options_.self);
  return nodes;
}

// The others can decide without this replica: the barrier of repair.h needs them to.
bool CpReplica::can_be_refilled() const { return others_can_decide(raft_.config(), helpers(), options_.self); }

std::vector<NodeId> owners_of(PartitionId id, const topology::Catalog& catalog) {
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    for (const topology::Partition& partition : keyspace.partitions) {
      if (partition.id == id) return partition.owners;
    }
  }
  return {};
}

// A record that cannot be right: what else of this disk is not? Everything of this Turn is dropped, and with it whatever half-finished step read
// the record. False: nobody could refill this replica.
bool CpReplica::become_forgetful(const Error& error, Turn& turn) {
  if (error.code != Code::corruption || repairs_ >= repairs_max || !can_be_refilled()) return false;
  const auto nothing = [&]() -> Result<void> {
    const Space nowhere{.partition = options_.partition, .generation = no_generation};
    Applier state = TRY(load_applier(nowhere, options_.dedup, turn));
    raft::Restored restored;
    restored.hard_state.term = raft_.term();
    raft::Raft core =
        TRY(raft::Raft::create(options_.raft, std::move(restored), turn.random().fork(), turn.now().steady));
    turn.abandon();
    space_ = TRY(find_space(options_.partition, turn));
    applier_ = std::move(state);
    helpers_ = helpers();
    raft_ = std::move(core);
    put_hard_state(space_, {.term = raft_.term(), .vote = {}}, turn);
    return {};
  }();
  if (!nothing) return false;
  LOG_ERROR(turn.log(), "cp.forgetful", "group={}: {}; it is silent until it is refilled", options_.name, error.detail);
  MARK(turn.recorder(), "cp.forgetful");
  ++repairs_;
  receiver_.end();
  has_leftovers_ = true;
  writer_ = LogWriter(space_, {}, {});
  meter_ = LogMeter(options_.compaction, LogIndex(0), LogIndex(0));
  for (AckWait& wait : ack_waits_) {
    wait.response.why = "done, but not acknowledged by every voter in time";
    turn.reply(std::move(wait.response));
  }
  ack_waits_.clear();
  questions_.clear();
  apply_due_ = Time::max();
  wake_ = Time::max();
  distrust(Health::forgetful, turn);
  return true;
}

// What a replica that does not believe itself does by time.
void CpReplica::seek_help(Round& round) {
  if (health_ == Health::good || round.context.now < next_ask_) return;
  next_ask_ = round.context.now + ask_interval;
  if (raft_.is_leader()) {
    give_way(raft::Reason::quarantined, round);
    return;
  }
  if (receiver_.is_receiving()) return;
  const bool forgot = health_ == Health::forgetful;
  const wire::SnapshotWish wish{
      .term = raft_.term(), .wish = wish_, .at_least = forgot ? LogIndex(0) : applier_.index(), .amnesiac = forgot};
  for (const NodeId node : helpers_.empty() ? helpers() : helpers_) send_to(node, env::Lane::data, wish, round.turn);
}

// The leader's part. The barrier of a forgetful replica: committed without it, since it has been silent from before the entry existed.
Result<void> CpReplica::on_wish(NodeId from, const wire::SnapshotWish& wish, Round& round) {
  if (!raft_.is_leader() || raft_.handing_over() || health_ != Health::good || wish.wish == 0) return {};
  const auto peers = raft_.peers();
  if (std::none_of(peers.begin(), peers.end(), [&](const auto& peer) { return peer.node == from; })) return {};
  if (wish.at_least > raft_.last_index()) return fail(Code::invalid, "a wish for a state that nobody has");
  LogIndex at_least = wish.at_least;
  if (wish.amnesiac) {
    Barrier& barrier = barriers_[from];
    if (barrier.wish != wish.wish) {
      const LogIndex index = next(raft_.last_index());
      TRY(propose_internal(verify_command({}), round));
      if (raft_.last_index() < index) return {};  // refused: the wish comes again
      barrier = Barrier{.wish = wish.wish, .index = index};
      MARK(round.turn.recorder(), "cp.repair_barrier");
    }
    at_least = barrier.index;
  }
  sender_.want({.peer = from, .wish = wish.wish, .at_least = at_least});
  return {};
}

void CpReplica::become_healthy(Turn& turn) {
  if (health_ == Health::good) return;
  LOG_INFO(turn.log(), "cp.healed", "group={} applied={}", options_.name, applier_.index().value());
  MARK(turn.recorder(), "cp.healed");
  ++counters_.healed;
  health_ = Health::good;
  helpers_.clear();
  put_health(options_.partition, Health::good, turn);
}

Time CpReplica::health_wake() const { return health_ != Health::good || checks_.is_open() ? next_ask_ : Time::max(); }

}  // namespace rift::cp
