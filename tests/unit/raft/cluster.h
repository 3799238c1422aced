// A cluster of Raft cores for tests: a network whose every message is delivered, dropped, doubled or reordered by the test, a disk
// per node on which a write is visible at once and durable at sync(), one clock. Every flush is checked against what the whole
// cluster has ever done: one leader per term, one entry per committed index, commit that never falls.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "raft/raft.h"

namespace rift::raft::test {

using namespace std::chrono_literals;

inline Entry command(std::uint64_t index, std::uint64_t term, std::string payload = "x") {
  return {.term = Term(term),
          .index = LogIndex(index),
          .kind = EntryKind::command,
          .log_time = {},
          .payload = Bytes(std::move(payload))};
}

// What the store holds of one group. A batch changes it; a prefix of the batches survives a power loss.
struct Disk {
  HardState hard_state{};
  LogPlace floor{};                        // the entry before the log's first
  std::optional<ConfigAt> floor_config{};  // that stands there
  std::vector<Entry> log{};                // from floor + 1
  LogIndex applied{};

  LogIndex first_index() const { return next(floor.index); }
  LogIndex last_index() const { return LogIndex(floor.index.value() + log.size()); }
  bool holds(LogIndex index) const { return index > floor.index && index <= last_index(); }
  const Entry& at(LogIndex index) const { return log[index - floor.index - 1]; }
  LogPlace end() const {
    return log.empty() ? floor : LogPlace{log.back().index, log.back().term, log.back().log_time};
  }
  std::vector<ConfigAt> configs() const {
    std::vector<ConfigAt> found;
    if (floor_config) found.push_back(*floor_config);
    for (const Entry& entry : log) {
      if (entry.kind == EntryKind::config) found.push_back({entry.index, MUST(decode_config(entry.payload))});
    }
    return found;
  }
  void compact(LogIndex first) {
    if (first <= first_index()) return;
    for (const ConfigAt& config : configs()) {
      if (config.index < first) floor_config = config;
    }
    const Entry& last = at(previous(first));
    const LogPlace place{last.index, last.term, last.log_time};
    log.erase(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(first - first_index()));
    floor = place;
  }
};

struct Batch {
  Effects effects{};  // messages included: they leave when it is durable
  LogIndex applied{};
  LogIndex compacted{};  // not 0: the log starts here
};

inline void write(Disk& disk, const Batch& batch) {
  if (const auto& installed = batch.effects.installed) {
    disk.floor = {installed->index, installed->term, installed->log_time};
    disk.floor_config = installed->config;
    disk.log.clear();
    disk.applied = installed->index;
  }
  if (batch.effects.truncation) {
    const Truncation cut = *batch.effects.truncation;
    ASSERT_GE(cut.from, LogIndex(1));
    ASSERT_EQ(cut.to, disk.last_index()) << "a truncation names exactly what was handed out";
    disk.log.resize(cut.from - disk.first_index());
  }
  for (const Entry& entry : batch.effects.entries) {
    ASSERT_EQ(entry.index, next(disk.last_index())) << "entries are handed out without gap or repeat";
    disk.log.push_back(entry);
  }
  if (batch.effects.hard_state) disk.hard_state = *batch.effects.hard_state;
  disk.applied = std::max(disk.applied, batch.applied);
  if (batch.compacted != LogIndex(0)) disk.compact(batch.compacted);
}

class DiskReader final : public LogReader {
 public:
  explicit DiskReader(const Disk& disk) : disk_(disk) {}
  Result<std::vector<Entry>> read(LogIndex from, LogIndex to, std::size_t bytes_max) override {
    ++reads;
    std::vector<Entry> entries;
    std::size_t bytes = 0;
    for (LogIndex index = from; index <= to && index <= disk_.last_index(); index = next(index)) {
      if (!disk_.holds(index)) break;
      const Entry& entry = disk_.at(index);
      bytes += entry.payload.size();
      if (!entries.empty() && bytes > bytes_max) break;
      entries.push_back(entry);
    }
    return entries;
  }
  Result<std::optional<Term>> term(LogIndex index) override {
    ++reads;
    if (!disk_.holds(index)) return std::optional<Term>();
    return std::optional(disk_.at(index).term);
  }
  int reads = 0;

 private:
  const Disk& disk_;
};

struct Envelope {
  NodeId from{};
  NodeId to{};
  Message message{};
  std::optional<SnapshotMeta> snapshot{};  // in place of a message: a leader's state, sent in the term of `message`
};

struct Node {
  Disk visible{};
  Disk durable{};
  std::deque<Batch> unsynced{};
  std::optional<Raft> raft{};  // nothing: it is down
  std::vector<RoleChange> changes{};
  std::vector<ReadReady> reads_ready{};
  std::vector<ReadPosition> reads_failed{};
  std::vector<Superseded> superseded{};
  std::vector<SnapshotMeta> installed{};
  std::map<ReadPosition, LogIndex> read_floor{};  // what was committed anywhere when the read came
};

class Cluster {
 public:
  using Tweak = std::function<void(Options&)>;

  explicit Cluster(std::uint32_t size, std::uint64_t seed = 1, Tweak tweak = {}, std::uint32_t learners = 0)
      : rng_(seed), tweak_(std::move(tweak)) {
    for (std::uint32_t i = 1; i <= size; ++i) config_.voters.emplace_back(i);
    for (std::uint32_t i = 1; i <= learners; ++i) config_.learners.emplace_back(size + i);
    for (const auto& ids : {config_.voters, config_.learners}) {
      for (const NodeId id : ids) {
        Node& node = nodes_[id];
        node.durable = Disk{.hard_state = {.term = Term(1)}, .log = {founding_entry(config_)}};
        node.visible = node.durable;
        start(id);
      }
    }
  }

  // A node that belongs to no group yet.
  void add_node(std::uint32_t id) { start(NodeId(id)); }

  // Nodes.
  Node& node(std::uint32_t id) { return nodes_.at(NodeId(id)); }
  Raft& raft(std::uint32_t id) { return *node(id).raft; }
  bool is_up(std::uint32_t id) { return node(id).raft.has_value(); }
  std::size_t size() const { return nodes_.size(); }
  const Config& config() const { return config_; }
  Context context(NodeId id) { return {.now = now, .log = readers_.at(id), .recorder = &recorder}; }
  Context context(std::uint32_t id) { return context(NodeId(id)); }
  int store_reads(std::uint32_t id) { return readers_.at(NodeId(id)).reads; }

  std::uint32_t leader() {
    std::uint32_t found = 0;
    for (auto& [id, node] : nodes_) {
      if (!node.raft || !node.raft->is_leader()) continue;
      if (found == 0 || node.raft->term() > raft(found).term()) found = id.value();
    }
    return found;
  }

  // Verbs.
  void tick(std::uint32_t id) { EXPECT_TRUE(raft(id).tick(context(id)).has_value()); }
  Result<Proposed> propose(std::uint32_t id, const std::vector<std::string>& payloads) {
    std::vector<Proposal> proposals;
    for (const std::string& payload : payloads) proposals.push_back({.payload = Bytes(payload), .log_time = {}});
    return raft(id).propose(proposals, context(id));
  }
  Result<ReadPosition> read(std::uint32_t id) {
    auto position = raft(id).read(context(id));
    if (position) {
      LogIndex& floor = node(id).read_floor[*position];
      floor = std::max(floor, committed_.empty() ? LogIndex(0) : committed_.rbegin()->first);
    }
    return position;
  }

  Result<LogIndex> change(std::uint32_t id, Config wish) {
    auto index = raft(id).change_config(std::move(wish), context(id));
    flush(id);
    return index;
  }
  // Forgets what is applied, but for the newest `keep` entries.
  void compact(std::uint32_t id, std::uint64_t keep = 0) {
    Node& node = this->node(id);
    const std::uint64_t applied = node.visible.applied.value();
    if (applied <= keep) return;
    const LogIndex first(applied - keep + 1);
    ASSERT_TRUE(node.raft->compacted(first, context(id)).has_value());
    Batch batch{.compacted = first};
    write(node.visible, batch);
    node.unsynced.push_back(std::move(batch));
    if (auto_sync) sync(id);
  }

  // One take(): writes become visible, send_now goes out, the rest waits for sync().
  void flush(std::uint32_t id) {
    Node& node = this->node(id);
    auto taken = node.raft->take(context(id));
    ASSERT_TRUE(taken.has_value());
    observe(NodeId(id), node, *taken);
    for (Outbound& out : taken->send_now) post(NodeId(id), std::move(out));
    taken->send_now.clear();
    for (const SnapshotWanted& wanted : taken->snapshot_wanted) send_snapshot(NodeId(id), wanted);
    Batch batch{.effects = std::move(*taken), .applied = node.visible.applied};
    write(node.visible, batch);
    node.unsynced.push_back(std::move(batch));
    apply(id);
    if (auto_sync) sync(id);
  }

  // Everything written so far becomes durable; what waited for it leaves. The flag says whether acks to oneself arrive now.
  void sync(std::uint32_t id) {
    Node& node = this->node(id);
    std::deque<Batch> batches = std::exchange(node.unsynced, {});
    if (batches.empty()) return;
    bool acked = false;
    for (Batch& batch : batches) {
      write(node.durable, batch);
      for (Outbound& out : batch.effects.when_durable) post(NodeId(id), std::move(out));
      if (batch.effects.self_ack) {
        ASSERT_TRUE(node.raft->log_durable(*batch.effects.self_ack, context(id)).has_value());
        acked = true;
      }
    }
    if (acked) flush(id);
  }

  void apply(std::uint32_t id) {
    Node& node = this->node(id);
    const LogIndex to = node.raft->applicable();
    if (to <= node.visible.applied) return;
    node.visible.applied = to;
    node.raft->applied(to);
  }

  // Crashes. keep: how many of the unsynced batches survive a power loss; all of them survive a kill.
  void power_loss(std::uint32_t id, std::size_t keep = 0) {
    Node& node = this->node(id);
    for (std::size_t i = 0; i < std::min(keep, node.unsynced.size()); ++i) write(node.durable, node.unsynced[i]);
    node.visible = node.durable;
    node.unsynced.clear();
    node.raft.reset();
  }
  void kill(std::uint32_t id) { power_loss(id, node(id).unsynced.size()); }
  void start(NodeId id) {
    Node& node = nodes_[id];
    readers_.erase(id);
    readers_.emplace(id, DiskReader(node.visible));
    Options options{.self = id};
    options.check_invariants = true;
    if (tweak_) tweak_(options);
    Restored restored{.hard_state = node.visible.hard_state,
                      .configs = node.visible.configs(),
                      .first_index = node.visible.first_index(),
                      .before_term = node.visible.floor.term,
                      .before_log_time = node.visible.floor.log_time,
                      .last_index = node.visible.last_index(),
                      .last_term = node.visible.end().term,
                      .last_log_time = node.visible.end().log_time,
                      .applied = node.visible.applied,
                      .tail = {}};
    if (warm_start)
      restored.tail = {node.visible.log.end() - static_cast<std::ptrdiff_t>((node.visible.log.size() + 1) / 2),
                       node.visible.log.end()};
    auto created = Raft::create(options, restored, rng_.fork(), now);
    ASSERT_TRUE(created.has_value()) << created.error().detail;
    node.raft.emplace(std::move(*created));
    last_commit_[id] = node.raft->commit();
  }
  void restart(std::uint32_t id) { start(NodeId(id)); }

  // Network.
  void cut(std::uint32_t from, std::uint32_t to) { cut_.insert({NodeId(from), NodeId(to)}); }
  void cut_both(std::uint32_t a, std::uint32_t b) {
    cut(a, b);
    cut(b, a);
  }
  void isolate(std::uint32_t id) {
    for (auto& [other, node] : nodes_) {
      if (other != NodeId(id)) cut_both(id, other.value());
    }
  }
  void heal() { cut_.clear(); }

  // Delivers the message at `position` of the queue, and flushes the receiver.
  void deliver(std::size_t position, bool flush_after = true) {
    ASSERT_LT(position, network.size());
    Envelope envelope = std::move(network[position]);
    network.erase(network.begin() + static_cast<std::ptrdiff_t>(position));
    step(std::move(envelope), flush_after);
  }
  void step(Envelope envelope, bool flush_after = true) {
    if (!is_up(envelope.to.value()) || cut_.contains({envelope.from, envelope.to})) return;
    if (envelope.snapshot) return install(envelope, flush_after);
    const auto stepped =
        raft(envelope.to.value()).step(envelope.from, std::move(envelope.message), context(envelope.to));
    EXPECT_TRUE(stepped.has_value()) << stepped.error().detail;
    if (flush_after) flush(envelope.to.value());
  }
  // In order, until nothing is on its way.
  void settle() {
    for (int i = 0; !network.empty(); ++i) {
      ASSERT_LT(i, 100'000) << "the cluster never comes to rest";
      deliver(0);
    }
  }
  // In order, until `id` has that role.
  void deliver_until(std::uint32_t id, Role role) {
    while (raft(id).role() != role) {
      ASSERT_FALSE(network.empty()) << "nothing is left that could make n" << id << " a " << to_string(role);
      deliver(0);
    }
  }
  // Takes messages of one kind out of the network, to be delivered later or never.
  template <class Body>
  std::vector<Envelope> take_messages(std::uint32_t from = 0, std::uint32_t to = 0) {
    std::vector<Envelope> taken;
    for (auto it = network.begin(); it != network.end();) {
      const bool wanted = !it->snapshot && std::holds_alternative<Body>(it->message) &&
                          (from == 0 || it->from == NodeId(from)) && (to == 0 || it->to == NodeId(to));
      if (wanted) taken.push_back(std::move(*it));
      it = wanted ? network.erase(it) : std::next(it);
    }
    return taken;
  }

  std::vector<Envelope> take_snapshots() {
    std::vector<Envelope> taken;
    for (auto it = network.begin(); it != network.end();) {
      if (it->snapshot) taken.push_back(*it);
      it = it->snapshot ? network.erase(it) : std::next(it);
    }
    return taken;
  }
  // A state that is too old is not sent; the wish comes again with each beat.
  void send_snapshot(NodeId from, const SnapshotWanted& wanted) {
    const NodeId to = wanted.peer;
    Node& node = nodes_.at(from);
    const auto meta = node.raft->snapshot_meta(readers_.at(from));
    ASSERT_TRUE(meta.has_value()) << meta.error().detail;
    if (meta->index < wanted.at_least) return;
    const auto travels = [&](const Envelope& it) { return it.snapshot && it.from == from && it.to == to; };
    if (cut_.contains({from, to}) || std::any_of(network.begin(), network.end(), travels)) return;
    network.push_back({.from = from, .to = to, .message = TimeoutNow{.term = node.raft->term()}, .snapshot = *meta});
  }
  // What snapshots' senders do when nothing is heard of one for a while.
  void give_up_snapshots() {
    for (auto& [id, node] : nodes_) {
      if (!node.raft) continue;
      for (const PeerStatus& peer : node.raft->peers()) {
        if (peer.state == Progress::State::snapshot) node.raft->snapshot_failed(peer.node);
      }
    }
  }

  // Time. Wakes every node at its own deadline on the way, delivering everything in between.
  void advance(Duration duration) {
    const Time end = now + duration;
    while (true) {
      Time wake = end;
      for (auto& [id, node] : nodes_) {
        if (node.raft) wake = std::min(wake, std::max(now, node.raft->next_wake()));
      }
      now = wake;
      for (auto& [id, node] : nodes_) {
        if (!node.raft || node.raft->next_wake() > now) continue;
        tick(id.value());
        flush(id.value());
      }
      settle();
      if (now >= end) return;
    }
  }
  // Waits for a leader whose no-op is committed; 0 when there is none in ten seconds.
  std::uint32_t elect() {
    for (int i = 0; i < 400; ++i) {
      const std::uint32_t id = leader();
      if (id != 0 && raft(id).commit() == raft(id).last_index()) return id;
      advance(25ms);
    }
    return 0;
  }
  // Makes `id` the leader by letting only its timer fire, and lets it tell what is committed.
  void campaign(std::uint32_t id) {
    now = std::max(now + 1s, raft(id).next_wake());
    tick(id);
    flush(id);
    settle();
    ASSERT_TRUE(raft(id).is_leader());
    advance(commit_notice_interval);
  }

  void check_logs_match() {
    for (auto& [a, first] : nodes_) {
      for (auto& [b, second] : nodes_) {
        if (a < b) check_pair(first.visible, second.visible);
      }
    }
  }

  Time now{1s};
  bool auto_sync = true;
  bool warm_start = true;
  std::deque<Envelope> network;
  Recorder recorder;
  const std::map<LogIndex, Entry>& committed() const { return committed_; }
  const std::map<Term, NodeId>& leaders() const { return leaders_; }

 private:
  void post(NodeId from, Outbound out) {
    if (cut_.contains({from, out.to})) return;
    network.push_back({.from = from, .to = out.to, .message = std::move(out.message)});
  }

  // A refusal says that the log holds as much; whatever it says, nothing that was acknowledged may be gone (the flush checks).
  void install(const Envelope& envelope, bool flush_after) {
    const std::uint32_t id = envelope.to.value();
    const Term term = std::get<TimeoutNow>(envelope.message).term;
    const auto done = raft(id).install(envelope.from, term, *envelope.snapshot, context(id));
    EXPECT_TRUE(done.has_value() || done.error().code == Code::invalid) << done.error().detail;
    if (flush_after || done) flush(id);  // a snapshot's Turn ends with it
  }

  // Whatever was committed in an earlier term is in this leader's log (thesis 3.6.3). The rest follows, for logs match.
  void check_leader_is_complete(const Raft& raft, Term term, DiskReader& reader) {
    for (auto it = committed_.rbegin(); it != committed_.rend(); ++it) {
      if (committed_in_.at(it->first) >= term) continue;
      ASSERT_LE(it->first, raft.last_index()) << "a leader lacks what was committed";
      if (it->first < raft.first_index()) return;
      const auto held = raft.entries(it->first, it->first, 0, reader);
      ASSERT_TRUE(held.has_value());
      ASSERT_EQ(held->front(), it->second) << "a leader lacks what was committed";
      return;
    }
  }

  void observe(NodeId id, Node& node, const Effects& effects) {
    if (effects.installed) {
      const SnapshotMeta& meta = *effects.installed;
      node.installed.push_back(meta);
      ASSERT_TRUE(committed_.contains(meta.index)) << "a snapshot of what nobody committed";
      ASSERT_EQ(committed_.at(meta.index).term, meta.term);
      ASSERT_GT(meta.index, last_commit_[id]) << "a snapshot took the state back";
      last_commit_[id] = meta.index;
    }
    for (const RoleChange& change : effects.changes) {
      node.changes.push_back(change);
      if (change.role != Role::leader) continue;
      if (node.raft->is_leader() && node.raft->term() == change.term)
        check_leader_is_complete(*node.raft, change.term, readers_.at(id));
      const auto [known, fresh] = leaders_.emplace(change.term, id);
      ASSERT_TRUE(fresh || known->second == id) << "two leaders in term " << change.term.value();
    }
    for (const ReadReady& ready : effects.reads_ready) {
      node.reads_ready.push_back(ready);
      ASSERT_GE(ready.index, node.read_floor[ready.position]) << "a read misses what was committed before it came";
      ASSERT_LE(ready.index, effects.commit);
    }
    node.reads_failed.insert(node.reads_failed.end(), effects.reads_failed.begin(), effects.reads_failed.end());
    ASSERT_GE(effects.commit, last_commit_[id]) << "commit fell";
    for (LogIndex index = next(last_commit_[id]); index <= effects.commit; index = next(index)) {
      const auto entries = node.raft->entries(index, index, 0, readers_.at(id));
      ASSERT_TRUE(entries.has_value());
      const auto [known, fresh] = committed_.emplace(index, entries->front());
      ASSERT_EQ(known->second, entries->front()) << "two entries committed at " << index.value();
      committed_in_.emplace(index, node.raft->term());
      ASSERT_FALSE(superseded_.contains({entries->front().term, index}))
          << "a proposal called superseded was committed";
    }
    last_commit_[id] = effects.commit;
    for (const Superseded& fate : effects.superseded) {
      node.superseded.push_back(fate);
      for (LogIndex index = fate.first; index <= fate.last; index = next(index)) {
        superseded_.insert({fate.term, index});
        const auto known = committed_.find(index);
        ASSERT_FALSE(known != committed_.end() && known->second.term == fate.term)
            << "a committed proposal called superseded";
      }
    }
  }

  static void check_pair(const Disk& a, const Disk& b) {
    bool matched = false;
    for (LogIndex i = std::min(a.last_index(), b.last_index()); a.holds(i) && b.holds(i); i = previous(i)) {
      if (a.at(i).term == b.at(i).term) matched = true;
      if (!matched) continue;
      ASSERT_EQ(a.at(i), b.at(i)) << "logs differ below a common entry";
    }
  }

  Rng rng_;
  Tweak tweak_;
  Config config_{};
  std::map<NodeId, Node> nodes_;
  std::map<NodeId, DiskReader> readers_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  std::map<NodeId, LogIndex> last_commit_;
  std::map<LogIndex, Entry> committed_;
  std::map<LogIndex, Term> committed_in_;  // the earliest term known in which it was
  std::map<Term, NodeId> leaders_;
  std::set<std::pair<Term, LogIndex>> superseded_;
};

}  // namespace rift::raft::test

namespace rift::raft {
inline void PrintTo(const Entry& entry, std::ostream* out) {
  *out << entry.index.value() << "(" << entry.term.value() << ") " << to_string(entry.kind) << " '"
       << entry.payload.view() << "'";
}
}  // namespace rift::raft

namespace rift::raft::test {

inline bool has_change(const Node& node, Role role, Reason reason) {
  return std::any_of(node.changes.begin(), node.changes.end(),
                     [&](const RoleChange& change) { return change.role == role && change.reason == reason; });
}

}  // namespace rift::raft::test
