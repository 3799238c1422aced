// The lower end of a CpReplica's log, and the states that are sent in its place: compaction, the leader's snapshots, and how a replica takes one.
#include <algorithm>

#include <fmt/format.h>

#include "base/node_list.h"
#include "cp/replica.h"

namespace rift::cp {
namespace {

constexpr Duration start_again_after = std::chrono::milliseconds(100);  // the view was taken, or too old

}  // namespace

// Applied and stored in this batch or an earlier one: a prefix of the batches survives, so that the log never begins behind the state (trap 17).
Result<void> CpReplica::compact_log(Round& round) {
  if (!meter_.is_due()) return {};
  LogIndex up_to = meter_.excess();
  for (const auto& peer : raft_.peers()) {
    const bool follows = peer.state != raft::Progress::State::snapshot && lives(peer, round.context.now);
    if (follows && meter_.is_patient()) up_to = std::min(up_to, peer.match);
  }
  if (sender_.is_sending() && meter_.may_hold()) up_to = std::min(up_to, sender_.meta().index);
  up_to = std::min(up_to, needed_by_refilled(up_to, round.context.now));
  if (up_to <= raft_.floor().index || !writer_.knows_config(up_to)) return {};
  TRY(raft_.compacted(next(up_to), round.context));
  TRY(writer_.compact(raft_.floor(), round.turn));
  meter_.dropped(up_to);
  ++counters_.compactions;
  MARK(round.turn.recorder(), "cp.log_compacted");
  return {};
}

// While a state travels the log outgrows every patience with peers that are behind. Were it cut as soon as the state is there, its receiver would need
// another one, and so for ever under load.
LogIndex CpReplica::needed_by_refilled(LogIndex up_to, Time now) {
  const auto peers = raft_.peers();
  for (auto it = refilled_.begin(); it != refilled_.end();) {
    auto& [node, match] = *it;
    const auto peer = std::find_if(peers.begin(), peers.end(), [node = node](const auto& p) { return p.node == node; });
    if (peer != peers.end()) match = std::max(match, peer->match);
    const bool is_needed = peer != peers.end() && lives(*peer, now) && match < up_to;
    it = is_needed ? std::next(it) : refilled_.erase(it);
  }
  if (!meter_.may_hold()) refilled_.clear();
  for (const auto& [peer, match] : refilled_) up_to = std::min(up_to, match);
  return up_to;
}

bool CpReplica::lives(const raft::PeerStatus& peer, Time now) const {
  return now - peer.last_contact < options_.raft.election_timeout_min;
}

// What is due by time: once per verb, after the core has been heard.
Result<void> CpReplica::drive_snapshots(Round& round) {
  const Time now = round.context.now;
  if (receiver_.is_over(now)) {
    MARK(round.turn.recorder(), "cp.snapshot_pull_gave_up");
    receiver_.end();
    has_leftovers_ = true;
  }
  if (receiver_.is_repeat_due(now)) {
    if (receiver_.is_lost(now)) TRY(receiver_.restart(round.turn));
    pull_next(round);
  }
  if (!raft_.is_leader()) {
    sender_.clear();
    refilled_.clear();
    return {};
  }
  let_go_of_old_wants(round);
  if (sender_.is_over(now)) {
    MARK(round.turn.recorder(), "cp.snapshot_gave_up");
    end_sending(false);
  }
  if (health_ != Health::good) return {};  // others shall not have what is not believed here
  if (is_believed() && !sender_.is_sending() && !sender_.waiting().empty() && now >= next_start_)
    TRY(start_sending(round));
  if (const auto offer = sender_.offer_due(raft_.term(), now)) {
    send_to(sender_.to(), env::Lane::data, *offer, round.turn);
  }
  return {};
}

// A peer that left and came back is another one: a state from before the entry that added it would bring back configurations in which it had a vote. So
// neither what it wanted in its former life nor what was on its way to it then may reach it.
void CpReplica::let_go_of_old_wants(Round& round) {
  if (!sender_.is_sending() && sender_.waiting().empty()) return;
  std::vector<NodeId> members;
  for (const auto& peer : raft_.peers()) members.push_back(peer.node);
  sender_.keep_only(members);
  if (!sender_.is_sending() || (holds(members, sender_.to()) && !sender_.is_too_old())) return;
  MARK(round.turn.recorder(), "cp.old_snapshot_let_go");
  end_sending(false);
}

Result<void> CpReplica::start_sending(Round& round) {
  const Time now = round.context.now;
  next_start_ = now + start_again_after;
  const auto peers = raft_.peers();
  const auto can_take = [&](const SnapshotSender::Want& want) {
    const auto peer = std::find_if(peers.begin(), peers.end(), [&](const auto& it) { return it.node == want.peer; });
    return peer != peers.end() && (want.wish != 0 || lives(*peer, now));  // a forgetful one is silent
  };
  const auto want = std::find_if(sender_.waiting().begin(), sender_.waiting().end(), can_take);
  if (want == sender_.waiting().end()) return {};
  auto view = round.turn.pin();
  if (view == nullptr) return {};
  const auto chosen = *want;
  if (!TRY(sender_.start(chosen, options_.partition, std::move(view), round.turn.random().next(), now))) {
    sender_.postpone(chosen);
    return {};
  }
  if (next(sender_.meta().index) < raft_.first_index()) {  // compacted since: the state was not stored yet
    sender_.end();
    sender_.want(chosen);
    return {};
  }
  ++counters_.snapshots_sent;
  MARK(round.turn.recorder(), "cp.snapshot_started");
  LOG_INFO(round.turn.log(), "cp.snapshot", "group={} to={} index={} log_from={}", options_.name,
           to_string(sender_.to()), sender_.meta().index.value(), raft_.first_index().value());
  return {};
}

void CpReplica::end_sending(bool installed) {
  if (installed) {
    refilled_[sender_.to()] = sender_.meta().index;
    sender_.forget(sender_.to());
  } else {
    raft_.snapshot_failed(sender_.to());
  }
  sender_.end();
}

Result<void> CpReplica::on_pull(NodeId from, const wire::SnapshotPull& pull, Round& round) {
  const auto chunk = TRY(sender_.pull(from, pull, round.context.now));
  if (chunk) send_to(from, env::Lane::bulk, *chunk, round.turn);
  return {};
}

void CpReplica::on_done(NodeId from, const wire::SnapshotDone& done) {
  if (sender_.is_current(from, done.id)) end_sending(done.installed);
}

bool CpReplica::wants(const wire::SnapshotOffer& offer) const {
  switch (health_) {
    case Health::good:
      return offer.meta.index > raft_.commit();
    case Health::quarantined:
      return offer.meta.index >= applier_.index();
    case Health::forgetful:
      return offer.wish == wish_;
  }
  return false;
}

// The same id is the same records: what has come stays. Another leader's offer begins anew, that of an earlier term does not (trap 39).
Result<void> CpReplica::on_offer(NodeId from, const wire::SnapshotOffer& offer, Round& round) {
  if (!raft_.is_credible(offer.term) || offer.meta.index > raft::index_max)
    return fail(Code::invalid, "an offer of an absurd place");
  if (raft_.is_leader() || (offer.term < raft_.term() && health_ != Health::forgetful)) return {};
  if (receiver_.is_current(from, offer.id)) {
    pull_next(round);
    return {};
  }
  if (receiver_.is_receiving() && offer.term < receiver_.offer().term) return {};
  if (!wants(offer)) {
    send_to(from, env::Lane::bulk, wire::SnapshotDone{.id = offer.id, .installed = false}, round.turn);
    return {};
  }
  receiver_.end();
  auto place = round.turn.take_incoming_place();
  if (place == nullptr) return {};  // the offer comes again
  Space target = space_;
  target.generation = next_generation(space_.generation);
  has_leftovers_ = true;
  TRY(receiver_.begin(from, offer, target, std::move(place), round.turn));
  pull_next(round);
  return {};
}

void CpReplica::pull_next(Round& round) {
  const wire::Message pull = receiver_.pull(round.context.now);
  if (!receiver_.take_sync_wish()) return send_to(receiver_.from(), env::Lane::bulk, pull, round.turn);
  round.turn.send_when_durable(receiver_.from(), env::Lane::bulk, wire::encode_message(pull));
}

Result<void> CpReplica::on_chunk(NodeId from, const wire::SnapshotChunk& chunk, Round& round) {
  switch (TRY(receiver_.take(from, chunk, round.turn))) {
    case SnapshotReceiver::Took::nothing:
      return {};
    case SnapshotReceiver::Took::records:
      pull_next(round);
      return {};
    case SnapshotReceiver::Took::damaged:
      MARK(round.turn.recorder(), "cp.snapshot_damaged");
      ++counters_.snapshots_damaged;
      refuse_snapshot(round);
      return {};
    case SnapshotReceiver::Took::complete:
      return install_snapshot(round);
  }
  return {};
}

void CpReplica::refuse_snapshot(Round& round) {
  send_to(receiver_.from(), env::Lane::bulk, wire::SnapshotDone{.id = receiver_.offer().id, .installed = false},
          round.turn);
  receiver_.end();
}

// One batch switches the generation, empties the log and sets its floor, the configuration and the term (review 18). Whatever keeps the core from
// taking it leaves everything as it is.
Result<void> CpReplica::install_snapshot(Round& round) {
  const wire::SnapshotOffer offer = receiver_.offer();
  const Space target = receiver_.target();
  auto state = load_applier(target, options_.dedup, round.turn);
  const bool is_whole = state && state->applied().index == offer.meta.index && state->applied().term == offer.meta.term;
  if (!is_whole) {
    if (!state && state.error().code != Code::corruption) return tl::unexpected(state.error());
    MARK(round.turn.recorder(), "cp.snapshot_unreadable");
    ++counters_.snapshots_damaged;
    refuse_snapshot(round);
    return {};
  }
  const auto installed = raft_.install(receiver_.from(), offer.term, offer.meta, round.context);
  if (!installed && installed.error().code != Code::invalid) return tl::unexpected(installed.error());
  // The log of a quarantined replica is sound and may hold all that the snapshot does: then only the state is replaced.
  const bool only_state = !installed && health_ == Health::quarantined && offer.meta.index <= raft_.applicable() &&
                          offer.meta.index >= applier_.index();
  if (!installed && !only_state) {
    refuse_snapshot(round);
    return {};
  }
  if (only_state) raft_.applied(offer.meta.index);
  switch_state(target, std::move(*state), round);
  round.turn.send_when_durable(receiver_.from(), env::Lane::bulk,
                               wire::encode_message(wire::SnapshotDone{.id = offer.id, .installed = true}));
  receiver_.end();
  return {};
}

void CpReplica::switch_state(Space target, Applier state, Round& round) {
  space_ = target;
  put_generation(space_, round.turn);
  applier_ = std::move(state);
  meter_ = LogMeter(options_.compaction, raft_.floor().index, applier_.index());
  apply_due_ = Time::max();
  forget_unapplied(applier_.index());
  has_leftovers_ = true;
  freshness_.forget();
  forget_dispute(round.turn);
  checks_.forget();
  hash_due_ = false;
  become_healthy(round.turn);
  ++counters_.snapshots_installed;
  MARK(round.turn.recorder(), "cp.snapshot_installed");
  LOG_INFO(round.turn.log(), "cp.snapshot_installed", "group={} index={} generation={}", options_.name,
           applier_.index().value(), space_.generation.value());
}

// In a Turn of its own: nothing reads there any more.
void CpReplica::erase_leftovers(Turn& turn) {
  if (!has_leftovers_ || receiver_.is_receiving()) return;
  has_leftovers_ = false;
  erase_other_generations(space_, turn);
}

Time CpReplica::snapshot_wake(Time now) const {
  Time wake = std::min(sender_.next_wake(), receiver_.next_wake());
  if (raft_.is_leader() && is_believed() && !sender_.is_sending() && !sender_.waiting().empty())
    wake = std::min(wake, std::max(next_start_, now));
  if (has_leftovers_ && !receiver_.is_receiving()) wake = std::min(wake, now);
  return wake;
}

}  // namespace rift::cp
