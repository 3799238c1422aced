// The writes of a CpReplica: admission, proposing, and exactly one fate for each (I12).
#include <algorithm>

#include <fmt/format.h>

#include "cp/replica.h"

namespace rift::cp {
namespace {

constexpr Duration relief_interval = std::chrono::seconds(10);
constexpr std::size_t waiting_writes_max = limits::shard_inbox_requests_max;

std::vector<RequestId> ids_of(const std::vector<Request>& requests) {
  std::vector<RequestId> ids;
  for (const Request& request : requests) ids.push_back(request.id);
  return ids;
}

std::string why_not(const Applied& result) {
  if (!result.why.empty()) return std::string(result.why);
  if (result.code == Code::refused) return "this operation never happened, and a late copy of it will be refused";
  if (result.code == Code::dedup_expired)
    return "what is remembered of this client's operations no longer covers this one";
  if (result.code == Code::overloaded) return "too many clients have come lately for one more to be remembered";
  if (result.code != Code::condition_failed) return "the operation was refused when it was applied";
  return result.seen_omitted ? "the condition did not hold; the value seen then was too large to be kept"
                             : "the condition did not hold";
}

// What makes room, or tells the truth about the past, is taken under every pressure (DESIGN 1: deletes go on).
bool is_small(const Request& request) {
  return request.verb == Verb::del || request.verb == Verb::del_range || request.verb == Verb::unlock ||
         request.verb == Verb::compact || request.verb == Verb::resolve;
}

}  // namespace

Result<void> CpReplica::submit_writes(std::vector<Request> writes, Round& round) {
  counters_.writes += writes.size();
  if (!raft_.is_leader() || raft_.handing_over()) {
    const bool known = !raft_.is_leader() && raft_.leader() != NodeId(0);
    refuse_all(ids_of(writes), known ? Code::not_leader : Code::no_leader,
               known || raft_.is_leader() ? why_not_leader() : why_no_leader(round.context.now), "", round.turn);
    return {};
  }
  writes = admit(std::move(writes), round.turn);
  const bool must_wait = gate_.size() > 0 || is_commit_busy();
  if (!writes.empty() && must_wait) {
    hold_or_refuse(std::move(writes), round);
  } else if (!writes.empty()) {
    TRY(propose(std::move(writes), round));
  }
  relieve_pressure(round);  // after what was taken, for a leader that hands over takes nothing
  return {};
}

bool CpReplica::is_commit_busy() const {
  return raft_.last_index() - raft_.commit() >= options_.uncommitted_entries_max;
}

void CpReplica::hold_or_refuse(std::vector<Request> writes, Round& round) {
  const bool full = proposals_.waiting() + gate_.size() + writes.size() > waiting_writes_max ||
                    gate_.bytes() > options_.raft.uncommitted_bytes_max;
  if (full) {
    refuse_all(ids_of(writes), Code::overloaded, "too many writes wait for a majority", "try again later", round.turn);
    return;
  }
  MARK(round.turn.recorder(), "cp.writes_held");
  gate_.hold(std::move(writes), round.context.now);
}

Result<bool> CpReplica::release_held(Round& round) {
  if (gate_.size() == 0 || !raft_.is_leader() || raft_.handing_over() || is_commit_busy()) return false;
  auto writes = admit(gate_.take(round.context.now), round.turn);  // again: much may have changed while they were held
  if (writes.empty()) return false;
  TRY(propose(std::move(writes), round));
  return true;
}

// Nothing of it was proposed.
void CpReplica::drop_held(Turn& turn) {
  const bool known = raft_.leader() != NodeId(0) && !raft_.is_leader();
  refuse_all(gate_.take_all(), known ? Code::not_leader : Code::no_leader,
             known ? why_not_leader() : why_no_leader(turn.now().steady), "", turn);
}

// What must be refused before anything is touched leaves the list.
std::vector<Request> CpReplica::admit(std::vector<Request> writes, Turn& turn) {
  const auto missing = unreachable_voter();
  std::erase_if(writes, [&](const Request& request) {
    const auto refused = [&](Code code, std::string why, std::string hint) {
      ++counters_.refused;
      turn.reply(refusal(request.id, code, std::move(why), std::move(hint)));
      return true;
    };
    if (request.level == Level::all && missing) {
      return refused(Code::level_unreachable,
                     fmt::format("{} cannot be reached, and ALL needs every voter", to_string(*missing)),
                     "try MAJORITY");
    }
    if (is_small(request)) return false;
    switch (turn.pressure()) {
      case env::Pressure::none:
        return false;
      case env::Pressure::stalled:
        return refused(Code::overloaded, fmt::format("the store of {} cannot keep up", to_string(options_.self)),
                       "try again later; deletes are still taken");
      case env::Pressure::disk_full:
        return refused(Code::disk_full, fmt::format("the disk of {} is full", to_string(options_.self)),
                       "deletes are still taken");
    }
    return false;
  });
  return writes;
}

Result<void> CpReplica::propose(std::vector<Request> writes, Round& round) {
  const auto ids = ids_of(writes);
  // A majority may commit for long what this node's own disk does not take: the core bounds what is uncommitted, and nobody else this.
  if (unapplied_bytes_ > options_.raft.uncommitted_bytes_max) {
    MARK(round.turn.recorder(), "cp.unapplied_full");
    refuse_all(ids, Code::overloaded, fmt::format("the disk of {} cannot keep up", to_string(options_.self)),
               "try again later", round.turn);
    return {};
  }
  if (proposals_.waiting() + writes.size() > waiting_writes_max) {
    refuse_all(ids, Code::overloaded, "too many writes wait for a majority", "try again later", round.turn);
    return {};
  }
  auto packed = pack(writes, round.context.now);
  std::vector<raft::Proposal> entries;
  for (const PackedEntry& entry : packed) {
    entries.push_back(raft::Proposal{.payload = entry.payload, .log_time = log_time(round.context.now)});
  }
  const auto proposed = raft_.propose(entries, round.context);
  if (!proposed) {
    const Error& error = proposed.error();
    refuse_all(ids, error.code, error.detail, "try again later", round.turn);
    if (!took_no_effect(error.code)) return fail(error.code, error.detail);
    return {};
  }
  counters_.entries_proposed += packed.size();
  LogIndex index = proposed->first;
  for (PackedEntry& entry : packed) {
    unapplied_.emplace_back(index, entry.payload.size());
    unapplied_bytes_ += entry.payload.size();
    proposals_.add(proposed->term, index, std::move(entry.waiters));
    index = next(index);
  }
  return {};
}

void CpReplica::refuse_all(const std::vector<RequestId>& ids, Code code, const std::string& why,
                           const std::string& hint, Turn& turn) {
  counters_.refused += ids.size();
  for (const RequestId id : ids) turn.reply(refusal(id, code, why, hint));
}

// Committed and applied: the proof that the receipt states. An entry of the same term at the same index is the same entry.
void CpReplica::answer_entry(const raft::Entry& entry, std::span<const Applied> results, Turn& turn) {
  const auto waiters = proposals_.take(entry.term, entry.index);
  for (std::size_t i = 0; i < waiters.size(); ++i) {
    const Waiter& waiter = waiters[i];
    if (waiter.id == RequestId()) continue;
    if (i >= results.size()) {  // the entry was a no-op on every replica
      turn.reply(refusal(waiter.id, Code::invalid, "the log entry could not be read"));
      continue;
    }
    Response response = written(waiter, entry, results[i]);
    const bool waits = waiter.asked == Level::all && raft_.is_leader() && raft_.durable_on_all_voters() < entry.index;
    if (waits) {
      ack_waits_.push_back(AckWait{.index = entry.index, .deadline = waiter.deadline, .response = std::move(response)});
    } else {
      if (waiter.asked == Level::all && raft_.is_leader()) response.receipt.reached = Level::all;
      turn.reply(std::move(response));
    }
  }
}

Response CpReplica::written(const Waiter& waiter, const raft::Entry& entry, const Applied& result) const {
  Response response;
  response.id = waiter.id;
  response.code = result.code;
  response.outcome = result.outcome;
  response.found = result.found;
  response.value = result.value;
  response.version = result.version;
  response.results = result.results;
  response.receipt = receipt(waiter.asked);
  response.receipt.reached = Level::majority;
  response.receipt.acknowledged_by = holders_of(entry.index);
  response.receipt.index = entry.index;
  response.receipt.term = entry.term;
  response.receipt.duplicate = result.duplicate;
  if (result.code != Code::ok) {
    response.why = why_not(result);
  } else if (result.seen_omitted) {
    response.why = "it was done before; what it read was too large to be kept";
  }
  return response;
}

void CpReplica::answer_superseded(const raft::Superseded& superseded, Turn& turn) {
  for (const Waiter& waiter : proposals_.take_range(superseded.term, superseded.first, superseded.last)) {
    if (waiter.id == RequestId()) continue;
    ++counters_.superseded;
    MARK(turn.recorder(), "cp.superseded");
    turn.reply(refusal(waiter.id, Code::superseded_entry,
                       "another leader's entry took this one's place: it did not happen", "try again"));
  }
}

void CpReplica::answer_expired(const Proposals::Expired& expired, Turn& turn) {
  ++counters_.unknown;
  const bool lost = !raft_.is_leader() || raft_.term() != expired.term;
  const Code code = lost ? Code::leadership_lost : Code::timeout;
  const std::string why = lost ? fmt::format("{} lost the leadership of {} before a majority had the write",
                                             to_string(options_.self), options_.name)
                               : "no majority had the write in the time allowed; it may still happen";
  turn.reply(refusal(expired.waiter.id, code, why, "ask again with the same op id, or resolve it"));
}

// Done, whatever comes: only the level that was reached is open. It stays at MAJORITY when time or the leadership runs out.
void CpReplica::release_ack_waits(Turn& turn) {
  if (ack_waits_.empty()) return;
  const LogIndex everywhere = raft_.durable_on_all_voters();
  const bool leads = raft_.is_leader();
  peers_ = raft_.peers();
  std::erase_if(ack_waits_, [&](AckWait& wait) {
    const bool reached = leads && everywhere >= wait.index;
    if (leads && !reached && turn.now().steady < wait.deadline) return false;
    if (leads) wait.response.receipt.acknowledged_by = holders_of(wait.index);
    if (reached) {
      wait.response.receipt.reached = Level::all;
    } else {
      wait.response.why = "done, but not acknowledged by every voter in time";
    }
    turn.reply(std::move(wait.response));
    return true;
  });
}

// A leader whose store cannot take writes lets another one lead (DESIGN 1), whether or not it is asked anything. The others may be no better, and
// nobody knows: the leadership goes once around (best_successor), so that it finds the one that is, and then rests.
void CpReplica::relieve_pressure(Round& round) {
  const Time now = round.context.now;
  if (round.turn.pressure() == env::Pressure::none || !raft_.is_leader() || raft_.handing_over() || now < next_relief_)
    return;
  if (!give_way(raft::Reason::store_pressure, round)) return;
  MARK(round.turn.recorder(), "cp.pressure_relieved");
  next_relief_ = now + relief_interval;
}

// A leader's heartbeats overtake its disk: with a disk that hangs it would lead for ever, and apply nothing (trap 31, DESIGN 5). Judged by
// one committed entry at a time: a disk that is slow and keeps up moves the leadership nowhere.
void CpReplica::relieve_stalled_disk(Round& round) {
  const Time now = round.context.now;
  if (!raft_.is_leader() || raft_.durable() >= behind_) {
    behind_ = raft_.commit();
    behind_since_ = now;
    return;
  }
  if (now - behind_since_ < options_.raft.election_timeout_min || now < next_relief_ || raft_.handing_over()) return;
  if (give_way(raft::Reason::disk_stalled, round)) next_relief_ = now + relief_interval;
}

// The voter with the most of the log on its disk, of those that have answered lately and will stay one. Of several the next after this one, in a
// circle: were it always the first, two that cannot lead would pass the leadership to and fro, and never to the third.
std::optional<NodeId> CpReplica::best_successor(Time now) const {
  std::optional<NodeId> best;
  LogIndex most;
  auto peers = raft_.peers();
  std::stable_partition(peers.begin(), peers.end(), [&](const auto& peer) { return peer.node > options_.self; });
  for (const auto& peer : peers) {
    const bool lives = now - peer.last_contact < options_.raft.election_timeout_min;
    if (!raft_.config()->stays_voter(peer.node) || !lives || (best && peer.match <= most)) continue;
    best = peer.node;
    most = peer.match;
  }
  return best;
}

bool CpReplica::give_way(raft::Reason why, Round& round) {
  const auto to = best_successor(round.context.now);
  if (!to || !raft_.transfer(*to, round.context, why)) return false;
  MARK(round.turn.recorder(), "cp.hand_over");
  LOG_INFO(round.turn.log(), "cp.hand_over", "group={} to={} reason={}", options_.name, to_string(*to),
           raft::to_string(why));
  return true;
}

// Again while it leads: the first that was asked may be gone, or its call to take over lost.
void CpReplica::leave(Round& round) {
  if (raft_.is_leader() && !raft_.handing_over()) give_way(raft::Reason::stopping, round);
}

void CpReplica::forget_unapplied(LogIndex up_to) {
  for (; !unapplied_.empty() && unapplied_.front().first <= up_to; unapplied_.pop_front())
    unapplied_bytes_ -= unapplied_.front().second;
}

// Advances only by this leader's steady clock, on top of what the log already says; stands still without a leader (DESIGN 5).
Duration CpReplica::log_time(Time now) const { return log_time_base_ + (now - led_since_); }

}  // namespace rift::cp
