// The Turn: everything a replica may read and everything it wants done, in one object that passes through all replicas of a shard
// round (DESIGN 1). What may overtake the disk is visible in the verb: send and reply leave at once, the _when_durable forms leave only
// after this Turn's batch and all before it are on disk. Made and carried out by the shard loop (node); used on its thread only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/marks.h"
#include "base/rng.h"
#include "base/time.h"
#include "env/network.h"
#include "env/storage.h"
#include "replica/request.h"

namespace rift {

struct Outgoing {
  PartitionId partition;
  NodeId to;
  env::Lane lane = env::Lane::data;
  Bytes message;                 // encoded by wire
  std::uint64_t generation = 0;  // of the sending group; the loop fills it in
};

struct Reply {
  Response response;
  bool last = true;  // false: more replies to the same request follow
};

// What the loop carries out after the round.
struct TurnOutput {
  env::WriteBatch batch;
  std::vector<Outgoing> send_now;
  std::vector<Outgoing> send_when_durable;
  std::vector<Reply> reply_now;
  std::vector<Reply> reply_when_stored;
  std::vector<Reply> reply_when_durable;
  std::vector<std::pair<PartitionId, Time>> wakes;
  std::vector<std::pair<PartitionId, std::string>> failures;
  bool must_store = false;  // the batch holds more than what store_later() has covered

  void clear_batch();
  void clear_effects();  // all but the batch, which may stay for the next round
  void clear() {
    clear_batch();
    clear_effects();
  }
};

// What a node has few of, shared by all replicas of a shard: at most one view of the store is pinned and one bulk transfer comes in at a time.
// Whoever holds the pointer holds the place; letting go of it frees it.
struct TurnPlaces {
  env::Engine* store = nullptr;  // null: nothing can be pinned
  std::weak_ptr<env::Snapshot> view{};
  std::weak_ptr<const void> incoming{};
};

class Turn {
 public:
  struct Inputs {
    Now now;
    env::Reader& reader;  // the storage, or a cache in front of it
    env::Pressure pressure = env::Pressure::none;
    Rng& random;
    Log& log;
    Recorder* recorder = nullptr;
    TurnPlaces* places = nullptr;
  };
  Turn(Inputs inputs, TurnOutput& output);

  // For replicas.
  Now now() const { return inputs_.now; }
  Rng& random() { return inputs_.random; }
  Log& log() { return inputs_.log; }
  Recorder* recorder() { return inputs_.recorder; }
  env::Pressure pressure() const { return inputs_.pressure; }
  void wake_at(
      Time at);  // tick comes at `at` or as soon after as possible; the earliest wish wins, and is used up by its tick

  // Reads see this Turn's own batch, and what earlier rounds left in it.
  Result<std::optional<Bytes>> get(env::Table table, ByteView key);
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max);

  // The store as earlier rounds left it, without what still waits to be stored: a consistent view, behind by a moment. Null: another
  // replica of this node holds the one that there may be. Its holder lets go of it in bounded time.
  std::shared_ptr<env::Snapshot> pin();
  // The place of the one bulk transfer that may come in. Null: taken.
  std::shared_ptr<const void> take_incoming_place();

  void put(env::Table table, ByteView key, Bytes value) { output_.batch.put(table, key, std::move(value)); }
  void erase(env::Table table, ByteView key) { output_.batch.erase(table, key); }
  void erase_range(env::Table table, ByteView first, ByteView last) { output_.batch.erase_range(table, first, last); }

  void send(NodeId to, env::Lane lane, Bytes message);
  // To oneself: handed back by the loop as receive(self, ...) once durable; it dies with the process.
  void send_when_durable(NodeId to, env::Lane lane, Bytes message);
  void reply(Response response, bool last = true);  // before the store has this Turn's batch
  // After the store has it: no end of this process can take back what the answer tells of.
  void reply_when_stored(Response response, bool last = true);
  void reply_when_durable(Response response, bool last = true);
  // What this replica writes in this round it can make again from what is durable: unless somebody waits for the disk it may be stored
  // along with a later round. Everybody who reads sees it at once.
  void store_later() { may_wait_ = true; }
  // What this replica did in this Turn so far is dropped: it has found that it cannot be believed, and goes on from nothing.
  void abandon();
  // This replica stops and what it wrote in this Turn is dropped; the node goes on.
  void fail(std::string reason);

  // For the loop: begin() before each replica, end() after it; end returns false when the replica failed.
  void begin(PartitionId partition);
  bool end();

 private:
  void account();  // of what was written since the marks were set
  struct Marks {
    env::WriteBatch::Mark batch;
    std::size_t send_now = 0, send_when_durable = 0, reply_now = 0, reply_when_stored = 0, reply_when_durable = 0;
  };
  // The newest operation of this Turn's batch on (table, key), if any; slots_ follow the batch lazily.
  std::optional<std::size_t> find_in_batch(env::Table table, ByteView key);
  void index_batch();
  void insert_slot(std::size_t operation);
  bool covered_by_erased_range(env::Table table, ByteView key, std::size_t after) const;

  Inputs inputs_;
  TurnOutput& output_;
  PartitionId partition_;
  Marks marks_;
  bool failed_ = false;
  bool may_wait_ = false;
  std::vector<std::uint32_t> slots_;  // open addressing over batch operations; 0: empty, else operation + 1
  std::size_t indexed_ = 0;
  std::vector<std::size_t> erased_ranges_;
};

}  // namespace rift
