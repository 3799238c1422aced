// One node without I/O (DESIGN 2): the shard loop with its replicas, routing and forwarding, the catalog that it has applied, and the
// front that clients and administrators talk to. The simulator and the server run exactly this object; they differ in the Env.
//
// Everything is called on the shard's thread. Destroying a Node while its executor still runs its tasks is the owner's mistake: server stops the
// reactor first, the simulator drops a crashed node's tasks.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "causal/clock.h"
#include "membership/clock_watch.h"
#include "membership/failure_detector.h"
#include "node/env.h"
#include "node/forward_window.h"
#include "node/identity.h"
#include "node/peers.h"
#include "node/replica_factory.h"
#include "node/requests.h"
#include "node/shard_loop.h"
#include "replica/front.h"
#include "wire/messages.h"

namespace rift::node {

// Receipt::map_age of a node that has not heard of a leader of `_system` since it started: its map may be of any age.
constexpr Duration map_age_unknown = Duration::max();

class Node final : public Front, public Admin, private env::NetworkEvents, private LoopEvents {
 public:
  // Reads the disk, makes what was found durable, then starts replicas and the network: ready() turns true in a later round.
  // Errors: invalid (a foreign data directory), corruption.
  static Result<std::unique_ptr<Node>> create(Options options, Env env);
  ~Node() override = default;

  bool ready() const { return ready_; }
  // Refuses new work, lets writes in flight end or become hints (two seconds at most), leaves the mark of a clean stop if nothing
  // is pending, and calls `done` when that is durable.
  void stop(Task done);

  // Front
  void attach(SinkId id, std::unique_ptr<ReplySink> sink) override;
  void detach(SinkId id) override;
  void submit(SinkId id, std::vector<Request> requests) override;
  void cancel(SinkId id, std::vector<RequestId> requests) override;

  // Admin
  void identity(Done<NodeIdentity> done) override;
  void status(Done<NodeStatus> done) override;
  void found(topology::Catalog first, Done<void> done) override;
  void catalog(Done<topology::Catalog> done) override;
  void create_keyspace(topology::KeyspaceWish wish, Done<topology::Catalog> done) override;
  void drop_keyspace(std::string name, Done<topology::Catalog> done) override;
  void alter_keyspace(topology::KeyspaceAlteration wish, Done<topology::Catalog> done) override;
  void change_members(topology::MemberChange change, Done<topology::Catalog> done) override;
  void join(topology::Catalog catalog, Done<void> done) override;
  void transfer(PartitionId partition, NodeId to, Done<void> done) override;
  void recover(topology::AcceptedLoss loss, Done<topology::Catalog> done) override;
  void inspect(std::string keyspace, std::string cursor, std::uint32_t keys_max, Done<InspectPage> done) override;
  void inspect_key(std::string keyspace, Bytes key, Done<KeyView> done) override;
  void conflicts(std::string keyspace, std::string cursor, std::uint32_t losses_max, Done<LossPage> done) override;

 private:
  using CatalogChange = std::function<Result<topology::Catalog>(const topology::Catalog&)>;
  struct CatalogAttempt;

  Node(Options options, Env env, const StartState& start);

  // lifecycle.cc
  Result<void> load();
  void begin();
  void wait_until_idle(Time give_up, Task done);
  bool is_idle() const;
  bool has_nothing_owed() const;
  void leave_clean_mark(Time give_up, Task done);

  // map.cc: the catalog this node has applied, and what follows from it
  void adopt(topology::Catalog catalog);
  void start_missing_replicas(Turn& turn);
  void start_replica(const topology::Keyspace& keyspace, const topology::Partition& partition, Turn& turn);
  Result<bool> belongs_here(const topology::Keyspace& keyspace, const topology::Partition& partition, Turn& turn);
  Result<void> ensure_birth(const ReplicaSeed& seed, Turn& turn);
  void bury_dropped_replicas(Turn& turn);
  void bury_released_replicas();
  void drop_replica(PartitionId partition, Code code, const std::string& why);
  void bury_replica(PartitionId partition, Code code, const std::string& why, Turn& turn);
  void recall(Turn& turn);
  void publish_view();
  void on_applied(const env::WriteBatch& batch, std::size_t first) override;
  void follow_system();
  void follow_catalog(Turn& turn);
  void read_catalog(const Bytes& stored);
  void on_stopped(PartitionId partition, const std::string& reason) override;

  // routing.cc
  void route(Origin origin, Request request);
  Result<const topology::Keyspace*> find_keyspace(const Request& request) const;
  void serve(Origin origin, Request request, const topology::Keyspace& keyspace);  // by the replica here
  void forward(Origin origin, Request request, const topology::Keyspace& keyspace,
               const topology::Partition& partition);
  void send_forward(RequestId id, NodeId to, Request request);
  bool forward_to_leader(OpenRequest& open, const Response& response);
  void on_reply(Response response, bool last) override;
  void on_flush() override;
  void fail_forwards(const std::vector<RequestId>& ids, Code code, const std::string& why);
  void expire_forwards();
  void arm_forward_timer(Time deadline);

  // links.cc
  bool accept(env::ConnectionId connection, env::Lane lane, ByteView hello) override;
  void receive(env::ConnectionId connection, env::Lane lane, Bytes frame) override;
  void closed(env::ConnectionId connection) override;
  void link_up(NodeId peer, env::Lane lane) override;
  void link_down(NodeId peer, env::Lane lane) override;
  void on_node_message(NodeId from, const Bytes& message);
  void on_ping_ack(NodeId from, const wire::PingAck& ack);
  void on_round(const Now& now) override;
  void ping();

  // map_exchange.cc: a map that did not come through this node's own replica of `_system`
  void hear_epoch(NodeId from, MapEpoch epoch);
  void hear_of_unknown(NodeId from, PartitionId partition);
  void pull_map();
  void on_map_pull(NodeId from, const wire::MapPull& pull);
  void on_map_push(NodeId from, const wire::MapPush& push);
  Result<std::optional<topology::Catalog>> load_told_map();
  void keep_told_map(const Bytes& record, Turn& turn);

  // recover.cc
  void write_loss(topology::AcceptedLoss loss, Done<topology::Catalog> done);
  Result<void> refound_system(Turn& turn);
  void follow_refoundings(Turn& turn);
  Result<void> follow_refounding(const topology::Partition& partition, Turn& turn);
  Result<void> refound_here(const topology::Partition& partition, std::uint32_t times, Turn& turn);
  Result<void> begin_anew(const topology::Partition& partition, Turn& turn);
  Result<bool> is_superseded(const topology::Partition& partition, Turn& turn);
  void hear_successor(PartitionId partition, std::uint64_t generation, const Bytes& message);

  // members.cc
  void readmit_departed();
  void be_introduced(topology::Catalog catalog, Done<void> done);
  void end_introduction();
  void follow_members();
  Peers::Verdict judge(const wire::Hello& hello);
  std::optional<NodeId> peer_of(env::ConnectionId connection) const;

  // admin.cc
  Result<void> write_founding(const topology::Catalog& first, const Bytes& record, Turn& turn);
  void change_catalog(CatalogChange change, Done<topology::Catalog> done);
  void try_change(std::shared_ptr<CatalogAttempt> attempt);
  void confirm(std::shared_ptr<CatalogAttempt> attempt, Result<topology::Catalog> answer);
  void retry_change(std::shared_ptr<CatalogAttempt> attempt, Error error);

  // inspection.cc
  Result<InspectPage> inspect_page(const topology::Keyspace& keyspace, const std::string& cursor, std::size_t keys_max);
  Result<LossPage> loss_page(const topology::Keyspace& keyspace, const std::string& cursor, std::size_t losses_max);

  Options options_;
  Env env_;
  NodeIdentity identity_;
  // Not founded, and dialled by a member of a cluster: they know this node, by another disk. Nothing: not lately.
  struct Claim {
    ClusterId cluster;
    NodeId by;
    Time at;
  };
  std::optional<Claim> claim_;
  std::optional<std::string> why_claimed() const;
  const std::vector<std::uint64_t> starts_;  // of this disk, this one first
  bool unclean_start_ = false;
  bool ready_ = false;
  bool stopping_ = false;
  ShardLoop loop_;
  Requests requests_;
  ForwardWindow forwards_in_;
  Peers peers_;
  causal::Stamper stamper_;
  ap::HandoffBudget handoff_;
  ap::Ledger ledger_;
  ap::Hedging hedging_;
  membership::FailureDetector detector_;
  membership::ClockWatch clock_watch_;
  std::map<SinkId, std::unique_ptr<ReplySink>> sinks_;
  std::shared_ptr<const topology::Catalog> catalog_;
  std::string catalog_store_key_;       // where the state of `_system` holds it
  std::uint64_t catalog_revision_ = 0;  // of the `_system` key: what a change is conditional on
  topology::ViewPtr view_;
  // The newest map that a peer was heard of, since it is newer than ours.
  struct MapLag {
    NodeId from{};
    MapEpoch epoch{};
    Time since = Time::max();
  };
  MapLag map_lag_;
  std::optional<topology::Catalog> introduced_;  // whom to listen to as well (members.cc)
  std::vector<Done<void>> introductions_;        // not yet answered
  Time next_map_pull_{};
  struct NotStarted {
    std::string name;
    Mode mode = Mode::cp;
    std::string why;
  };
  std::map<PartitionId, NotStarted> not_started_;  // replicas that belong here and cannot run
  // Of groups that were founded again elsewhere: what is kept of the old one until the new one is heard (recover.cc).
  std::map<PartitionId, ReplicaStatus> superseded_;
  std::set<std::pair<PartitionId, NodeId>> readmitting_;  // asked for and not yet answered
  std::map<PartitionId, NodeId> leader_hints_;
  std::optional<Time> catalog_fresh_;  // when `_system` last had a leader here, in this life
  std::set<Time> forward_timers_;      // set and not yet fired
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace rift::node
