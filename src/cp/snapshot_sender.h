// SnapshotSender: the leader's side of a state transfer (DESIGN 5, 8). It holds one pinned view for one receiver and reads out of it the chunk that
// the receiver asks for; whoever else wants a snapshot waits in a queue. The state is copied as it stands, record by record, whatever
// the records mean. It sends nothing by itself and installs nothing. Owned by CpReplica, on the shard's thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "cp/space.h"
#include "wire/messages.h"

namespace rift::cp {

struct SnapshotLimits {
  std::size_t chunk_bytes =
      limits::entry_bytes_soft / 4;  // a larger record travels alone; writes wait while one is read
  // A receiver that has written so much asks on when it is durable: the syncs that others wait for stay short.
  std::size_t unsynced_bytes_max = limits::mebi;
  std::size_t chunk_records_max = 4096;
  Duration repeat = std::chrono::milliseconds(500);  // of an offer or a pull that nobody has answered
  Duration patience = std::chrono::seconds(5);       // without a sign of life of the other side
  Duration age_max = std::chrono::minutes(10);       // of a view: the store keeps every version since
};

// What a state is as of its applied record, read from one consistent view. Nothing: its configuration cannot be told (yet).
Result<std::optional<raft::SnapshotMeta>> describe_state(Space space, env::Reader& view);

// The sum over a snapshot's records so far: each one's key and value, in order.
std::uint64_t add_to_sum(std::uint64_t sum, const wire::StateRecord& record);

class SnapshotSender {
 public:
  struct Want {
    NodeId peer{};
    std::uint64_t wish = 0;  // of a replica that asked by itself; 0: the log no longer reaches back to it
    LogIndex at_least{};     // an older state does not help
    friend bool operator==(const Want&, const Want&) = default;
  };

  explicit SnapshotSender(SnapshotLimits limits) : limits_(limits) {}

  void want(const Want& want);      // a peer stands in the queue once, with its newest wish and its highest at_least
  void postpone(const Want& want);  // to the end of the queue
  void keep_only(const std::vector<NodeId>& peers);  // the others have left the group: what they wanted is over
  const std::vector<Want>& waiting() const { return waiting_; }
  bool is_sending() const { return view_ != nullptr; }
  NodeId to() const { return is_sending() ? current_.peer : NodeId(0); }
  const raft::SnapshotMeta& meta() const { return meta_; }

  // Takes `want` out of the queue. False: the view is too old for it, or cannot be described; it was let go, and the queue is as before.
  Result<bool> start(const Want& want, PartitionId partition, std::shared_ptr<env::Snapshot> view, std::uint64_t id,
                     Time now);
  // To be sent again now, because the receiver has not begun.
  std::optional<wire::SnapshotOffer> offer_due(Term term, Time now);
  // Nothing: not a chunk that can be asked for now.
  Result<std::optional<wire::SnapshotChunk>> pull(NodeId from, const wire::SnapshotPull& pull, Time now);
  bool is_current(NodeId from, std::uint64_t id) const { return is_sending() && from == current_.peer && id == id_; }
  bool is_over(Time now) const;  // its time is up, or nobody pulls
  bool is_too_old() const;       // the receiver wants a later state by now
  void forget(NodeId peer);      // it has what the log could not give it
  void end();
  void clear();  // the queue too: another one leads
  Time next_wake() const;

 private:
  Result<void> read_next();

  SnapshotLimits limits_;
  std::vector<Want> waiting_;
  Want current_;
  std::shared_ptr<env::Snapshot> view_;
  Space space_;
  raft::SnapshotMeta meta_;
  std::uint64_t id_ = 0;
  env::Range rest_;            // of the state that has not been read
  std::size_t prefix_ = 0;     // bytes of (partition, generation)
  wire::SnapshotChunk chunk_;  // the last one read: it may be asked for again
  Time started_{};
  Time heard_{};
  Time offered_{};
  bool begun_ = false;
};

}  // namespace rift::cp
