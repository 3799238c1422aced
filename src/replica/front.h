// The client side of a node: what api (gRPC) and the simulator's callers talk to. node implements it for the shard's thread; server wraps
// it so that calls from other threads are posted. Answers arrive in a ReplySink on the shard's thread, which must not block there.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replica/replica.h"
#include "replica/request.h"
#include "topology/catalog.h"
#include "topology/changes.h"
#include "topology/loss.h"
#include "topology/view.h"

namespace rift {

using SinkId = Id<struct SinkIdTag, std::uint64_t>;

class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // All replies of one round to this sink; Response::id is the id that the submitter gave.
  virtual void deliver(std::vector<Response> responses) = 0;
};

class Front {
 public:
  virtual ~Front() = default;
  // `id` is chosen by the caller, unique while attached. A detached sink gets nothing more; its open requests are cancelled.
  virtual void attach(SinkId id, std::unique_ptr<ReplySink> sink) = 0;
  virtual void detach(SinkId id) = 0;
  virtual void submit(SinkId id, std::vector<Request> requests) = 0;
  virtual void cancel(SinkId id, std::vector<RequestId> requests) = 0;
};

// Who this node is. Unfounded nodes have a zero cluster.
struct NodeIdentity {
  NodeId node;
  ClusterId cluster;
  DiskId disk;
  std::uint64_t incarnation = 0;
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

struct NodeStatus {
  NodeIdentity identity;
  bool ready = false;
  std::string not_ready_because;
  MapEpoch epoch;
  std::vector<NodeId> reachable;
  std::optional<topology::ClockSkew> clock_skew = std::nullopt;  // this node stamps no writes of ap keyspaces
  std::vector<ReplicaStatus> replicas;
  std::map<std::string, std::uint64_t> counters;  // rounds, syncs, frames, store keys, reads, refused, ...
};

// One key of a node's local state, for convergence checks and for people.
struct InspectedKey {
  PartitionId partition;
  std::string key;
  Version version;
  bool deleted = false;
  std::uint64_t value_hash = 0;  // XXH3-64
};

struct InspectPage {
  std::vector<InspectedKey> keys;  // in the store's order
  std::string next;                // cursor, empty at the end
};

// A version as the ledger keeps it.
struct KeptVersion {
  Version version;
  bool deleted = false;
  bool omitted = false;  // the value was too large to be kept beside the other one
  Bytes value;
};

// An acknowledged write that last-writer-wins has thrown away although the winner's writer had not seen it (trap T01).
struct ConcurrentLoss {
  PartitionId partition;
  std::string key;
  WallTime seen_at{};
  NodeId seen_by;  // where the two met
  KeptVersion loser;
  KeptVersion winner;
};

struct LossPage {
  std::vector<ConcurrentLoss> losses;  // the oldest first
  std::string next;                    // cursor, empty at the end
};

// All that one node knows of one key.
struct KeyView {
  PartitionId partition;
  std::vector<NodeId> owners;  // by its map
  std::string role;            // its replica's, as in ReplicaStatus; empty: it has none
  NodeId leader;               // cp
  LogIndex applied;            // cp
  std::uint64_t pending = 0;   // requests under way in the partition
  bool found = false;          // there is a version, perhaps a delete
  Version version;
  bool deleted = false;
  std::uint64_t value_bytes = 0;
  std::uint64_t value_hash = 0;  // XXH3-64
  WallTime expiry{};             // ap; 0: never
  struct Seen {
    NodeId node;
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;  // and all before it
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  std::vector<Seen> seen;      // ap: what the version's writer stood on
  std::vector<NodeId> hinted;  // ap: owners that this one owes the key, by a hint
  std::vector<NodeId> dirty;   // ap: owners that it owes everything since a time before this version
};

class Admin {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~Admin() = default;
  virtual void identity(Done<NodeIdentity> done) = 0;
  virtual void status(Done<NodeStatus> done) = 0;
  // Founds the cluster on this node: the same catalog on every founding node (topology::found). Done once it is durable; repeating
  // it with the same catalog is harmless, with another one is refused.
  virtual void found(topology::Catalog first, Done<void> done) = 0;
  virtual void catalog(Done<topology::Catalog> done) = 0;
  // Through `_system`, from any node that reaches its leader. The outcome of an error is outcome_of(code).
  virtual void create_keyspace(topology::KeyspaceWish wish, Done<topology::Catalog> done) = 0;
  virtual void drop_keyspace(std::string name, Done<topology::Catalog> done) = 0;
  virtual void alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) = 0;
  virtual void change_members(topology::MemberChange change, Done<topology::Catalog> done) = 0;
  // This node, not founded and named in `catalog` with its own disk, becomes a member of that cluster. Done once that is durable; again with the
  // same cluster is harmless.
  virtual void join(topology::Catalog catalog, Done<void> done) = 0;
  // This node, which leads the partition, lets `to` lead. Done once that one has been told; not_leader names who leads.
  virtual void transfer(PartitionId partition, NodeId to, Done<void> done) = 0;
  // An operator has accepted that what only the lost members hold is gone: groups without a majority are founded again from their survivors. Asked
  // of the survivor of `_system`, if that is one of them. Again after an interruption it goes on.
  virtual void recover(topology::AcceptedLoss loss, Done<topology::Catalog> done) = 0;
  // The node's own copy, without asking anybody. keys_max at most limits::scan_page_keys_max.
  virtual void inspect(std::string keyspace, std::string cursor, std::uint32_t keys_max, Done<InspectPage> done) = 0;
  virtual void inspect_key(std::string keyspace, Bytes key, Done<KeyView> done) = 0;
  // The node's own ledger, without asking anybody. losses_max at most limits::scan_page_keys_max; a page may be empty and not the last.
  virtual void conflicts(std::string keyspace, std::string cursor, std::uint32_t losses_max, Done<LossPage> done) = 0;
};

}  // namespace rift
