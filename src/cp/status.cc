// What a CpReplica says about itself: receipts, refusals with a reason, status.
#include <algorithm>

#include <fmt/format.h>

#include "cp/replica.h"

namespace rift::cp {
namespace {

constexpr std::size_t role_events_max = 32;

}  // namespace

Receipt CpReplica::receipt(Level asked) const {
  Receipt receipt;
  receipt.asked = asked;
  receipt.served_by = options_.self;
  receipt.leader = raft_.leader();
  receipt.term = raft_.term();
  receipt.index = applier_.index();
  if (view_ && view_->catalog) receipt.epoch = view_->catalog->epoch;
  receipt.refounded = options_.refounded;
  return receipt;
}

Response CpReplica::refusal(RequestId id, Code code, std::string why, std::string hint) const {
  Response response = refuse(id, code, std::move(why), std::move(hint));
  response.receipt = receipt(Level::unspecified);
  return response;
}

// "n1 reaches 2 of 5 voters of bank/0, needs 3, for 14 s".
std::string CpReplica::why_no_leader(Time now) const {
  const raft::Config* config = raft_.config();
  if (config == nullptr) return fmt::format("{} is no member of {} yet", to_string(options_.self), options_.name);
  const std::string since =
      no_leader_since_ == Time::max() ? "" : fmt::format(", for {:.1f} s", to_seconds(now - no_leader_since_));
  if (!view_) return fmt::format("{} knows no leader of {}{}", to_string(options_.self), options_.name, since);
  // In a joint configuration each half needs its own majority: the one that lacks it is the reason.
  const auto reaches_enough = [&](const std::vector<NodeId>& voters) {
    return 2 * view_->count_reachable(voters) > voters.size();
  };
  const bool is_outgoing = config->is_joint() && reaches_enough(config->voters) && !reaches_enough(config->outgoing);
  const std::vector<NodeId>& half = is_outgoing ? config->outgoing : config->voters;
  const std::string counted = fmt::format("{} reaches {} of {} {}voters of {}, needs {}", to_string(options_.self),
                                          view_->count_reachable(half), half.size(), is_outgoing ? "outgoing " : "",
                                          options_.name, half.size() / 2 + 1);
  if (!reaches_enough(half)) return counted + since;
  if (raft_.leader() != NodeId(0))
    return fmt::format("{} has not heard of {}, who led {}, for {:.1f} s", to_string(options_.self),
                       to_string(raft_.leader()), options_.name, to_seconds(now - leader_heard_));
  return fmt::format("{} has no leader at the moment{} ({})", options_.name, since, counted);
}

std::string CpReplica::why_not_leader() const {
  if (raft_.is_leader())
    return fmt::format("{} hands the leadership of {} over", to_string(options_.self), options_.name);
  return fmt::format("{} leads {}", to_string(raft_.leader()), options_.name);
}

std::optional<NodeId> CpReplica::unreachable_voter() const {
  if (!view_ || raft_.config() == nullptr) return std::nullopt;
  for (const NodeId voter : raft_.config()->all_voters()) {
    if (voter != options_.self && !view_->reaches(voter)) return voter;
  }
  return std::nullopt;
}

// Who is known to hold `index` durably; sorted. Followers that are not the leader know of themselves only.
std::vector<NodeId> CpReplica::holders_of(LogIndex index) const {
  std::vector<NodeId> holders;
  holders.reserve(peers_.size() + 1);
  if (raft_.durable() >= index) holders.push_back(options_.self);
  for (const auto& peer : peers_) {
    if (peer.voter && peer.match >= index) holders.push_back(peer.node);
  }
  std::sort(holders.begin(), holders.end());
  return holders;
}

void CpReplica::remember(const raft::RoleChange& change, WallTime now) {
  history_.push_back({.at = now,
                      .role = std::string(raft::to_string(change.role)),
                      .term = change.term,
                      .leader = change.leader,
                      .reason = last_change_});
  if (history_.size() > role_events_max) history_.pop_front();
}

ReplicaStatus CpReplica::status() const {
  ReplicaStatus status;
  status.partition = options_.partition;
  status.name = options_.name;
  status.mode = Mode::cp;
  const bool learns = raft_.config() == nullptr || !raft_.config()->is_voter(options_.self);
  status.role = stopped_                         ? "stopped"
                : health_ == Health::quarantined ? "quarantined"
                : health_ == Health::forgetful   ? "repair"
                : checks_.is_disputed()          ? "disputed"
                : learns                         ? "learner"
                                                 : std::string(raft::to_string(raft_.role()));
  status.leader = raft_.leader();
  status.term = raft_.term();
  status.commit = raft_.commit();
  status.applied = applier_.index();
  status.last = raft_.last_index();
  status.pending = proposals_.waiting() + reads_.waiting() + ack_waits_.size() + gate_.size() +
                   (raft_.handing_over() ? 1 : 0);  // who stops waits for it
  status.last_change = checks_.is_disputed() ? why_disputed() : last_change_;
  if (const raft::Config* config = raft_.config()) {
    status.voters = config->all_voters();
    status.learners = config->learners;
    status.settled = raft_.config_settled();
  }
  for (const auto& peer : raft_.peers()) {
    status.peers.push_back({.node = peer.node, .match = peer.match, .lives = view_ && view_->reaches(peer.node)});
  }
  status.history.assign(history_.begin(), history_.end());
  status.counters = {
      {"healed", counters_.healed},
      {"compactions", counters_.compactions},
      {"log_entries", raft_.last_index() - raft_.floor().index},
      {"snapshots_damaged", counters_.snapshots_damaged},
      {"snapshots_installed", counters_.snapshots_installed},
      {"snapshots_sent", counters_.snapshots_sent},
      {"commands_applied", counters_.commands_applied},
      {"dedup_clients", applier_.dedup_clients()},
      {"entries_applied", counters_.entries_applied},
      {"entries_proposed", counters_.entries_proposed},
      {"last_term", raft_.last_term().value()},
      {"malformed_commands", applier_.malformed()},
      {"messages_dropped", counters_.messages_dropped},
      {"read_retries", counters_.read_retries},
      {"read_rounds", counters_.read_rounds},
      {"reads_linearizable", counters_.reads_linearizable},
      {"reads_local", counters_.reads_local},
      {"refounded", options_.refounded},
      {"refused", counters_.refused},
      {"revision", applier_.applied().revision.value()},
      {"role_changes", counters_.role_changes},
      {"state_hash", applier_.applied().hash},
      {"superseded", counters_.superseded},
      {"unknown", counters_.unknown},
      {"watch_answers", counters_.watch_answers},
      {"watches", watches_.size()},
      {"writes", counters_.writes},
  };
  return status;
}

}  // namespace rift::cp
