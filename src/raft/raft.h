// Raft: one replica of one group, as a state machine without I/O, clock, thread or hidden randomness (DESIGN 5; Ongaro's
// thesis). It decides; cp carries out. Called only by cp, on the shard's thread: any number of verbs, then one take().
//
// A verb's error: Code::invalid means that the message was malformed and dropped: nothing changed, but that a later term
// in it may have been followed; not_leader, overloaded, too_large are refusals with no effect; anything else came from the LogReader and is fatal for the replica.
#pragma once

#include <map>
#include <span>
#include <variant>

#include "base/rng.h"
#include "raft/effects.h"
#include "raft/log.h"
#include "raft/progress.h"

namespace rift::raft {

// Terms grow by elections and indexes by entries: a message far beyond one's own is damaged, and taking it would end both for good.
constexpr Term term_max{std::uint64_t{1} << 62};
constexpr Duration log_time_max{std::int64_t{1} << 61};  // 73 years; sums of two do not overflow
constexpr LogIndex index_max{std::uint64_t{1} << 62};
// A group that is founded again begins 2^40 beyond what it was.
constexpr std::uint64_t term_step_max = std::uint64_t{1} << 48;
constexpr std::size_t read_rounds_in_flight_max = 2;  // then reads wait for an echo and share the next round
constexpr std::size_t reads_pending_max = 64;         // rounds of reads that wait for a quorum
constexpr Duration commit_notice_interval =
    std::chrono::milliseconds(10);                 // between beats that only say what is committed
constexpr std::uint64_t promotion_lag_max = 1000;  // entries that a learner may be behind when it becomes a voter
constexpr Duration leaving_time =
    std::chrono::seconds(2);  // for which a removed peer is told so, once that is committed

struct PeerStatus {
  NodeId node{};
  bool voter = false;
  LogIndex match{};  // durable there
  LogIndex next{};
  Progress::State state = Progress::State::probe;
  std::uint64_t read_position = 0;  // newest position of this term that it echoed
  Time last_contact{};
};

class Raft {
 public:
  static Result<Raft> create(Options options, Restored restored, Rng rng, Time now);

  // Verbs.
  Result<void> step(NodeId from, Message message, const Context& context);
  Result<Proposed> propose(std::span<const Proposal> proposals, const Context& context);  // all of them or none
  Result<ReadPosition> read(const Context& context);  // reads between two take() share one position
  Result<void> tick(const Context& context);          // due at next_wake(); harmless earlier
  bool is_credible(Term term) const;                  // whether a peer of this group can be in that term
  Result<void> log_durable(const SelfAck& ack, const Context& context);
  // Hands the leadership to this voter, when it has everything; given up after one minimum election timeout. Until then proposals are
  // refused not_leader, reads go on. `why` is the reason of the change of role, if it comes to that. invalid: it cannot lead.
  Result<void> transfer(NodeId to, const Context& context, Reason why = Reason::transferred);
  // One step towards these voters and learners; ask again when config_settled(), until config() is the wish. New voters become learners
  // first; voters change through a joint configuration, which is left by itself. A leader that is no voter of the result hands over.
  // Returns the index of the newest config entry. overloaded: not now (a change is under way, the term has no commit yet, a new voter lags).
  Result<LogIndex> change_config(Config wish, const Context& context);
  // Entries below first_index are no longer stored. Call it before they are erased: the term of the last one of them is still read.
  // invalid: they are not all applied.
  Result<void> compacted(LogIndex first_index, const Context& context);
  // In the Turn that switches the state to this snapshot, which `from`, leader of `term`, has sent. invalid: this replica holds as much
  // already (state and log stay; an entry that it proves committed is), or leads.
  Result<void> install(NodeId from, Term term, const SnapshotMeta& meta, const Context& context);
  void snapshot_failed(NodeId node);  // the snapshot for this peer is given up: it is asked what it has
  // The leader of `term` has said that everything up to `index` is committed.
  Result<void> learn_commit(Term term, LogIndex index, const Context& context);
  void applied(LogIndex index);  // the state machine holds everything up to here; at most applicable()
  Result<Effects> take(const Context& context);

  // Committed (or any) entries [from, to], from memory or the store; at least one.
  Result<std::vector<Entry>> entries(LogIndex from, LogIndex to, std::size_t bytes_max, LogReader& reader) const;

  // Of the state as it is applied. not_ready: nothing is, or which configuration stands there is not known after a restart.
  Result<SnapshotMeta> snapshot_meta(LogReader& log) const;

  Time next_wake() const;
  Role role() const;
  bool is_leader() const { return role() == Role::leader; }
  Term term() const { return hard_state_.term; }
  NodeId leader() const;  // 0: unknown
  LogIndex commit() const { return commit_; }
  LogIndex durable() const { return durable_; }
  LogIndex applicable() const { return commit_ < durable_ ? commit_ : durable_; }
  LogIndex first_index() const { return log_.first_index(); }  // oldest entry still stored
  const LogPlace& floor() const { return log_.floor(); }       // the entry before it
  LogIndex last_index() const { return log_.last_index(); }
  Term last_term() const { return log_.last_term(); }
  Duration last_log_time() const { return log_.last_log_time(); }
  const Config* config() const { return configs_.empty() ? nullptr : &configs_.back().config; }  // the log's latest
  LogIndex config_index() const { return configs_.empty() ? LogIndex(0) : configs_.back().index; }
  bool config_settled() const;  // committed, and not joint
  bool handing_over() const;
  std::vector<PeerStatus> peers() const;    // leader only, without itself; else empty
  LogIndex durable_on_all_voters() const;   // leader only; else 0
  bool has_quorum_contact(Time now) const;  // leader: a quorum answered within one minimum election timeout

 private:
  struct Follower {
    NodeId leader{};
    bool ack_due = false;
  };
  struct PreCandidate {
    Term campaign{};
    std::map<NodeId, bool> answers{};
  };
  struct Candidate {
    LogIndex last_index{};  // durable before any grant can arrive: the vote request leaves when_durable
    bool asked = false;     // the requests were handed out; an answer before that is nobody's
    std::map<NodeId, bool> answers{};
  };
  struct PendingRead {
    std::uint64_t number = 0;
    LogIndex index{};
  };
  struct Leaving {
    LogIndex last{};  // the entry that removes it
    Time until{};
  };
  struct Leader {
    LogIndex term_start{};  // index of this term's no-op
    std::map<NodeId, Progress> peers{};
    std::size_t uncommitted_bytes = 0;
    Time next_heartbeat{};
    bool heartbeat_due = false;
    std::uint64_t read_position = 0;
    bool read_open = false;  // the newest position has not been sent yet: reads may still join it
    std::vector<PendingRead> reads{};
    NodeId transfer_to{};
    Time transfer_deadline{};
    bool transfer_sent = false;   // since the last beat
    bool transfer_asked = false;  // at all
    Reason transfer_why = Reason::transferred;
    std::map<NodeId, Leaving> leaving{};  // peers that are no members any more, but shall hear of it
  };
  // What this replica proposed in a term it led, as far as its fate is open.
  struct OwnRange {
    Term term{};
    LogIndex first{};
    LogIndex last{};
  };

  Raft(Options options, Restored restored, Rng rng, Time now);

  // raft.cc
  void checked() const;  // after each verb
  void set_hard_state(HardState state);
  void note(Reason reason);
  void restart_election_timer(Time now);
  void start_heartbeat_grid(Leader& leader, Time now) const;
  bool may_campaign() const;
  bool leader_is_live(Time now) const;

  // election.cc
  void become_follower(Term term, NodeId leader, Reason reason, Time now);
  void give_way_to(NodeId other, const PreVote& asked, Time now);
  void become_pre_candidate(Reason reason, const Context& context);
  void become_candidate(Reason reason, const Context& context);
  void become_leader(const Context& context);
  void ask_for_vote(NodeId voter, bool transfer);
  void count_pre_votes(const Context& context);
  Result<void> count_votes(const Context& context);
  bool is_log_fresh(LogIndex last_index, Term last_term) const;
  Result<void> on(NodeId from, const PreVote& message, const Context& context);
  Result<void> on(NodeId from, const PreVoteReply& message, const Context& context);
  Result<void> on(NodeId from, const Vote& message, const Context& context);
  Result<void> on(NodeId from, const VoteReply& message, const Context& context);
  Result<void> on(NodeId from, const TimeoutNow& message, const Context& context);
  void check_quorum(const Context& context);

  // follower.cc
  Result<void> on(NodeId from, Append& message, const Context& context);
  Result<void> accept(Append& message, const Context& context);
  Result<void> reject(NodeId from, const Append& message, const Context& context);
  Result<void> truncate(LogIndex from, const Context& context);
  Result<void> validate_against_log(const Append& message, const Context& context) const;
  Result<void> validate_configs(const Append& message) const;
  void append_entry(Entry entry);
  Result<void> on(NodeId from, const Heartbeat& message, const Context& context);
  Result<void> follow(NodeId from, Term term, const Context& context);

  // replication.cc
  Result<void> on(NodeId from, const AppendAck& message, const Context& context);
  Result<void> on_rejected(NodeId from, Progress& progress, const AppendAck& message, const Context& context);
  Result<void> send_to_peers(const Context& context);
  Result<bool> send_appends(NodeId to, Progress& progress, const Context& context);  // true: at least one left
  enum class Fill : std::uint8_t { entries, nothing };
  void want_snapshot(NodeId peer);
  Result<bool> send_append(NodeId to, Progress& progress, Fill fill, const Context& context);
  Result<void> advance_commit(const Context& context);
  Result<void> commit_to(LogIndex index, const Context& context);
  Result<void> settle_proposals(const Context& context);
  void append_own(EntryKind kind, Duration log_time, Bytes payload);
  void send_heartbeat(NodeId to, Progress& progress, Time now);
  Time commit_notice_due(const Progress& progress) const;  // max: the peer knows of everything committed that it has
  LogIndex durable_at(const Leader& leader, NodeId voter) const;

  // handover.cc
  void start_transfer(NodeId to, Reason why, Time now);
  void continue_transfer(const Context& context);
  void watch_transfer(const Context& context);
  bool is_retired() const;
  NodeId successor(Time now) const;

  // membership.cc
  Result<Config> step_towards(const Config& wish, const Context& context) const;
  void append_config(const Config& config, const Context& context);
  void continue_change(const Context& context);
  void follow_members(Time now);
  void forget_leaving(Time now);
  LogIndex last_index_for(NodeId peer) const;
  const Config* config_at(LogIndex index) const;
  void forget_old_configs();

  // snapshot.cc
  void reset_to(const SnapshotMeta& meta);
  Result<void> settle_installed(const Context& context);

  // reads.cc
  Result<void> on(NodeId from, const HeartbeatAck& message, const Context& context);
  void release_reads();
  void fail_reads();

  // invariants.cc
  void check_invariants() const;
  void check_configs() const;
  void check_leader(const Leader& leader) const;
  void check_peers(const Leader& leader) const;

  Options options_;
  Rng rng_;
  HardState hard_state_;
  Log log_;
  std::vector<ConfigAt> configs_;
  LogIndex commit_;
  LogIndex durable_;
  LogIndex applied_;
  LogIndex
      verified_;  // the log up to here equals that of this term's leader, whatever role this replica took meanwhile
  std::variant<Follower, PreCandidate, Candidate, Leader> state_;
  Time election_deadline_{};
  Time leader_heard_{};
  bool gives_way_ =
      true;  // to another who asks for pre-votes: once, until a leader is heard or an own campaign has failed
  Term campaign_floor_;  // highest term seen in a refused pre-vote: the next campaign goes above it (I9)
  std::vector<OwnRange> own_;
  LogIndex handed_out_;  // entries up to here were given to the caller in some Effects
  Effects pending_;
  RoleChange noted_;  // the last change reported
};

}  // namespace rift::raft
