// CpReplica: one partition of a cp keyspace as a Raft group: proposals, the applier, linearizable reads, receipts (DESIGN 3, 4, 5). It routes
// nothing and forwards nothing: a write at a follower is refused with the leader's name. It holds no clock, thread or I/O. Made by node's
// replica factory; called by the shard loop, on its thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "cp/applier.h"
#include "cp/compaction.h"
#include "cp/freshness.h"
#include "cp/gate.h"
#include "cp/membership.h"
#include "cp/proposals.h"
#include "cp/reads.h"
#include "cp/recovery.h"
#include "cp/repair.h"
#include "cp/snapshot_receiver.h"
#include "cp/snapshot_sender.h"
#include "cp/state_checks.h"
#include "cp/watches.h"
#include "raft/raft.h"
#include "replica/replica.h"
#include "wire/messages.h"

namespace rift::cp {

// How much history a leader lets its group keep. What is decided is in the log: replicas need not agree on this.
std::vector<NodeId> owners_of(PartitionId id, const topology::Catalog& catalog);
// The state machine as `space` holds it.
Result<Applier> load_applier(Space space, const DedupTable::Limits& limits, Turn& turn);

class CpReplica final : public Replica {
 public:
  struct Options {
    PartitionId partition{};
    NodeId self{};
    std::string name{};    // "bank/0", for refusals and logs; empty: the partition's number
    raft::Options raft{};  // timers and bounds; self is filled in
    DedupTable::Limits dedup{};
    HistoryLimits history{};
    CompactionLimits compaction{};
    SnapshotLimits snapshot{};
    WatchLimits watch{};
    std::uint64_t verify_every = 1024;  // entries between two comparisons of the state
    Duration spread_after = spread_after_default;
    std::uint32_t refounded = 0;  // times that the group was founded again with accepted loss
    std::uint64_t uncommitted_entries_max = cp::uncommitted_entries_max;  // beyond: writes gather for the next entry
    topology::ViewPtr view{};
    bool check_invariants = false;
  };

  // Starts from what the store holds (recovery.h), all of which is durable. A replica without records is nobody's voter: it waits.
  // Errors: corruption: it must not start.
  static Result<std::unique_ptr<CpReplica>> create(Options options, Turn& turn);

  void submit(std::span<Request> requests, Turn& turn) override;
  void receive(NodeId from, env::Lane lane, const Bytes& message, Turn& turn) override;
  void tick(Turn& turn) override;
  void observe(const topology::ViewPtr& view, Turn& turn) override;
  void cancel(std::span<const RequestId> requests, Turn& turn) override;
  ReplicaStatus status() const override;

  // A node that stops: from now on a leader asks its most advanced living peer to take over, until one has; that is pending in its status.
  void hand_over(Turn& turn);

  // A leader lets `to` lead. Errors: not_leader, invalid (no voter), overloaded (another hand-over is under way).
  Result<void> transfer(NodeId to, Turn& turn);
  // The group's configuration does not name this replica any more, and its map does not either (DESIGN 7: birth and death).
  bool was_let_go() const;
  // Leader: those whose old disk the committed configuration has let go, where the map waits for it.
  std::vector<NodeId> departed(Time now) const;

  bool is_leader() const { return raft_.is_leader(); }
  const wire::AppliedRecord& applied() const { return applier_.applied(); }

 private:
  // One verb's world.
  struct Round {
    Turn& turn;
    raft::Context context;
  };
  // A write of level ALL that is done, and waits for the voters that are behind.
  struct AckWait {
    LogIndex index{};
    Time deadline{};
    Response response{};
  };
  // The entry that a forgetful peer's snapshot must include.
  struct Barrier {
    std::uint64_t wish = 0;
    LogIndex index{};
  };
  struct RemoteQuestion {
    raft::ReadPosition position{};
    NodeId from{};
    std::uint64_t token = 0;
  };
  struct Counters {
    std::uint64_t writes = 0, entries_proposed = 0, entries_applied = 0, commands_applied = 0;
    std::uint64_t reads_local = 0, reads_linearizable = 0, read_rounds = 0, read_retries = 0;
    std::uint64_t compactions = 0, snapshots_sent = 0, snapshots_installed = 0, snapshots_damaged = 0, healed = 0;
    std::uint64_t watch_answers = 0, messages_dropped = 0, superseded = 0, unknown = 0, refused = 0, role_changes = 0;
  };

  CpReplica(Options options, Space space, raft::Raft raft, Applier applier, LogWriter writer, LogMeter meter, Time now);

  // replica.cc
  template <class Verb>
  void run(Turn& turn, Verb verb);
  Result<void> settle(Round& round);
  Result<void> carry_out(raft::Effects effects, Round& round);
  void send(raft::Effects& effects, Turn& turn);
  void follow_change(const raft::RoleChange& change, Turn& turn);
  Result<void> handle(NodeId from, wire::Message& message, Round& round);
  bool gathers_to_apply(Time now);
  Time apply_wake(Time now) const;
  Result<void> apply_committed(Round& round);
  void expire(Turn& turn);
  void request_wake(Turn& turn);
  void stop(const Error& error, Turn& turn);
  void check_invariants() const;

  // snapshotting.cc
  Result<void> compact_log(Round& round);
  LogIndex needed_by_refilled(LogIndex up_to, Time now);
  bool lives(const raft::PeerStatus& peer, Time now) const;
  Result<void> drive_snapshots(Round& round);
  void let_go_of_old_wants(Round& round);
  Result<void> start_sending(Round& round);
  void end_sending(bool installed);
  Result<void> on_offer(NodeId from, const wire::SnapshotOffer& offer, Round& round);
  Result<void> on_pull(NodeId from, const wire::SnapshotPull& pull, Round& round);
  Result<void> on_chunk(NodeId from, const wire::SnapshotChunk& chunk, Round& round);
  void on_done(NodeId from, const wire::SnapshotDone& done);
  bool wants(const wire::SnapshotOffer& offer) const;
  void pull_next(Round& round);
  void refuse_snapshot(Round& round);
  Result<void> install_snapshot(Round& round);
  void switch_state(Space target, Applier state, Round& round);
  void erase_leftovers(Turn& turn);
  Time snapshot_wake(Time now) const;

  // health.cc
  void compare_state(const raft::Entry& entry, Round& round);
  std::optional<std::uint64_t> hash_at(LogIndex index) const;
  Result<bool> tell_state(Round& round);  // true: the core has more to say
  Result<void> propose_internal(const wire::Command& command, Round& round);
  void on_state_hash(NodeId from, const wire::StateReport& report, Round& round);
  Result<void> judge_state(Round& round);
  void ask_for_hashes(Round& round);
  void enter_dispute(Turn& turn);
  Result<void> resume_dispute(Turn& turn);
  void forget_dispute(Turn& turn);
  std::string why_disputed() const;
  bool is_believed() const { return health_ == Health::good && !checks_.is_open(); }  // others may be given it
  void enter_quarantine(Round& round);
  void distrust(Health health, Turn& turn);
  std::string why_distrusted() const;
  std::vector<NodeId> helpers() const;
  bool can_be_refilled() const;
  bool become_forgetful(const Error& error, Turn& turn);
  void seek_help(Round& round);
  Result<void> on_wish(NodeId from, const wire::SnapshotWish& wish, Round& round);
  void become_healthy(Turn& turn);
  Time health_wake() const;

  // writes.cc
  Result<void> submit_writes(std::vector<Request> writes, Round& round);
  std::vector<Request> admit(std::vector<Request> writes, Turn& turn);
  Result<void> propose(std::vector<Request> writes, Round& round);
  void hold_or_refuse(std::vector<Request> writes, Round& round);
  bool is_commit_busy() const;
  // True when something held back has been started: the core has more to say.
  Result<bool> release_held(Round& round);
  void drop_held(Turn& turn);
  void refuse_all(const std::vector<RequestId>& ids, Code code, const std::string& why, const std::string& hint,
                  Turn& turn);
  void answer_entry(const raft::Entry& entry, std::span<const Applied> results, Turn& turn);
  Response written(const Waiter& waiter, const raft::Entry& entry, const Applied& result) const;
  void answer_superseded(const raft::Superseded& superseded, Turn& turn);
  void answer_expired(const Proposals::Expired& expired, Turn& turn);
  void release_ack_waits(Turn& turn);
  std::optional<NodeId> best_successor(Time now) const;
  bool give_way(raft::Reason why, Round& round);
  void relieve_pressure(Round& round);
  void relieve_stalled_disk(Round& round);
  void leave(Round& round);
  void forget_unapplied(LogIndex up_to);
  Duration log_time(Time now) const;

  // upkeep.cc
  Result<void> propose_upkeep(Round& round);
  bool is_upkeep_open() const;
  std::optional<Revision> history_floor_wanted() const;
  Time expiry_wake(Time now) const;

  // reading.cc
  Result<void> submit_reads(std::vector<Request> reads, Round& round);
  Result<void> apply_all_committed(Round& round);
  void add_local(std::vector<PendingRead> reads, LogIndex index, Turn& turn);
  Result<void> start_all(std::vector<PendingRead> reads, Round& round);
  Result<void> probe_freshness(Round& round);
  Result<void> start_reads(std::vector<PendingRead> reads, bool needs_all, Round& round);
  void ask_leader(std::vector<PendingRead> reads, Round& round);
  void ask(std::uint64_t token, Turn& turn);
  void repeat_questions(Round& round);
  Result<void> restart_questions(Round& round);
  Result<void> on_question(NodeId from, const wire::ReadPosition& question, Round& round);
  Result<void> on_answer(NodeId from, const wire::ReadPositionReply& answer, Round& round);
  void confirm(const raft::ReadReady& ready, Turn& turn);
  void fail_positions(Turn& turn);
  Result<void> serve_reads(Turn& turn);
  raft::ReadPosition echoed_by_all() const;
  void refuse_expired_reads(Turn& turn);
  void refuse_reads(const std::vector<PendingRead>& reads, Code code, const std::string& why, Turn& turn);
  void send_to(NodeId to, env::Lane lane, const wire::Message& message, Turn& turn);

  // stewardship.cc
  void tend_members(Round& round);
  Result<void> pass_leadership(NodeId to, Round& round);
  void ask_to_leave(Time now, Turn& turn);
  Result<void> on_leave_question(NodeId from, const wire::LeaveQuestion& question, Round& round);
  Result<void> on_leave_answer(const wire::LeaveAnswer& answer);
  bool is_let_go_by_own_log() const;

  // serving.cc
  Result<void> serve(const PendingRead& read, ReadPath path, Turn& turn);
  Result<void> answer_get(ByteView key, Response& response, Turn& turn);
  Result<void> answer_multi_get(const Operands& operands, Response& response, Turn& turn);

  // watching.cc
  Time watches_given_up_at() const;
  void open_watch(const Request& request, Round& round);
  Result<void> serve_watches(Round& round);
  void end_watches(Code code, const std::string& why, Turn& turn);
  void answer_watches(Turn& turn);
  Time watch_wake() const;

  // status.cc
  void remember(const raft::RoleChange& change, WallTime now);
  Receipt receipt(Level asked) const;
  Response refusal(RequestId id, Code code, std::string why, std::string hint = {}) const;
  std::string why_no_leader(Time now) const;
  std::string why_not_leader() const;
  std::optional<NodeId> unreachable_voter() const;
  std::vector<NodeId> holders_of(LogIndex index) const;

  Options options_;
  Space space_;
  raft::Raft raft_;
  Applier applier_;
  LogWriter writer_;
  LogMeter meter_;
  SnapshotSender sender_;
  SnapshotReceiver receiver_;
  std::map<NodeId, LogIndex>
      refilled_;                // by this leader's snapshots, and what they hold since: until they have caught up
  bool has_leftovers_ = false;  // records of another generation may be stored
  Time next_start_{};           // of a snapshot that waits to be sent
  StateChecks checks_;
  bool hash_due_ = false;  // to be told by the leader
  Health health_ = Health::good;
  std::uint64_t wish_ = 0;
  std::vector<NodeId> helpers_;  // of a replica whose log no longer tells them
  int repairs_ = 0;
  Time next_ask_{};
  std::map<NodeId, Barrier> barriers_;
  Proposals proposals_;
  Reads reads_;
  Freshness freshness_;
  Watches watches_;
  Gate gate_;
  std::deque<RemoteQuestion> questions_;
  std::deque<AckWait> ack_waits_;
  std::vector<raft::PeerStatus> peers_;  // as of the current apply
  topology::ViewPtr view_;
  bool stopped_ = false;
  bool leaving_ = false;
  bool questions_stale_ = false;  // the leader has changed: ask again
  bool reads_left_ = false;       // there was no room to serve them all
  std::size_t served_bytes_ = 0;  // in the round of this time
  Time served_at_{};
  std::uint64_t last_token_ = 0;  // starts at a random number
  Time wake_ = Time::max();       // asked for and not yet come
  Time apply_due_ = Time::max();  // set while committed entries gather
  Time no_leader_since_{};
  Time leader_heard_{};  // anything from whom this replica follows
  Time led_since_{};     // log time runs from here
  Duration log_time_base_{};
  Time next_relief_{};
  LogIndex behind_{};  // committed, and not on this leader's disk
  Time behind_since_{};
  std::deque<std::pair<LogIndex, std::size_t>> unapplied_;  // payload bytes of this leader's entries
  std::size_t unapplied_bytes_ = 0;
  Term upkeep_term_{};  // of the last entry that nobody asked for, and where it stands
  LogIndex upkeep_index_{};
  Time next_upkeep_{};  // not earlier
  std::string last_change_;
  std::deque<RoleEvent> history_;
  Stewardship stewardship_;
  LogIndex let_go_at_{};  // the configuration of which a leader said that this replica is no member
  Counters counters_;
};

}  // namespace rift::cp
