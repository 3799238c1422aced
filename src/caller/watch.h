// Watch: the client's side of one watch, without I/O: a stream per partition, taken up again at another node, from the revision after the last
// one delivered, whenever it breaks, is silent or is refused for the moment. So no event is missed and none comes twice. What it cannot heal it
// says by name and ends: `compacted`, a keyspace that is gone, a request that no node would take. The SDK drives it over gRPC, a simulated client
// over its network: both hand in what was answered and the time, and carry out what take_sends() and take_cancels() say. Not thread-safe.
//
// As for Caller, a connection that could not be made is an answer with code `unreachable`, a broken one `disconnected`.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "caller/operation.h"
#include "topology/catalog.h"

namespace rift::caller {

struct WatchWish {
  std::string keyspace{};
  Bytes first{};
  Bytes end{};              // of the range; empty: to the end of the keyspace
  bool single_key = false;  // `first` alone
  // Where to begin. With neither: from now on.
  // - `resume`: after the last revision known of each partition, as WatchBatch names it. One that the keyspace does not have ends the watch,
  //   `invalid`: the position is of another keyspace, and what is missing since is not known.
  // - `from`: in each partition that `resume` does not name. Without it such a partition is told from its first revision on: nothing was ever
  //   heard of it, so that nothing of it may be left out.
  Revision from{};
  std::map<PartitionId, Revision> resume{};
};

// The last revision that such a watch takes for known in this partition; nothing: it begins now.
std::optional<Revision> known_of(const WatchWish& wish, PartitionId partition);

// What has come of one partition. Those of one partition are in order, between partitions there is none.
struct WatchBatch {
  PartitionId partition{};
  std::vector<Event> events{};  // whole revisions; may be none: the watch stands, and has come so far
  Revision revision{};          // everything up to here has been delivered
};

struct WatchCancel {
  NodeId node;
  RequestId id;
};

struct WatchOptions {
  bool pinned = false;  // everything goes to node 0, the pinned endpoint
  // A node says something every two seconds, if only how far it has come; one that is silent for so long is left.
  Duration silence_max = std::chrono::seconds(5);
  Duration back_off_min = std::chrono::milliseconds(20);
  Duration back_off_max = std::chrono::milliseconds(500);
  // Ids of its requests: from here on. Unique among everything that shares a connection with it.
  std::uint64_t first_id = std::uint64_t{1} << 63;
};

class Watch {
 public:
  Watch(WatchOptions options, WatchWish wish, Rng rng);

  // The map, whenever there is a newer one. The first call starts the watch.
  void observe(const std::shared_ptr<const topology::Catalog>& catalog, Time now);
  // Response::id is that of the Send. Of another watch, or of a stream that was left: ignored.
  void receive(Response response, Time now);
  void tick(Time now);  // due at wake_at()
  // Nothing more is delivered; what is open is cancelled.
  void stop();

  std::vector<Send> take_sends() { return std::exchange(sends_, {}); }
  std::vector<WatchCancel> take_cancels() { return std::exchange(cancels_, {}); }
  std::vector<WatchBatch> take_batches() { return std::exchange(batches_, {}); }
  bool take_map_wish() { return std::exchange(map_wish_, false); }
  // The refusal that ended it; its results name the compacted revision. After it nothing comes.
  const std::optional<Response>& ended() const { return ended_; }
  // The last revision delivered of each partition: WatchWish::resume of a watch that is to go on here.
  std::map<PartitionId, Revision> position() const;

  std::optional<Time> wake_at() const;
  std::uint64_t resumes() const { return resumes_; }  // streams opened beyond the first of each partition

 private:
  struct Stream {
    std::optional<Revision> told{};  // nothing: not even where `now` is
    RequestId id{};                  // 0: not open
    NodeId node{};
    std::uint32_t opened = 0;
    std::uint32_t failures = 0;  // in a row
    Time wake{};                 // open: silence ends; else: open it
  };

  const topology::Keyspace* keyspace() const;
  void open(PartitionId partition, Stream& stream, Time now);
  NodeId choose(PartitionId partition, const Stream& stream) const;
  void deliver(PartitionId partition, Stream& stream, Response response, Time now);
  void resume_later(Stream& stream, Time now);
  void end(Response response);

  WatchOptions options_;
  WatchWish wish_;
  Rng rng_;
  std::shared_ptr<const topology::Catalog> catalog_;
  std::map<PartitionId, Stream> streams_;
  std::uint64_t first_owner_;
  std::uint64_t next_id_;
  std::uint64_t resumes_ = 0;
  bool has_looked_again_ = false;  // the keyspace was missing, and the map has been asked for since
  bool map_wish_ = false;
  std::optional<Time> map_due_;
  std::vector<Send> sends_;
  std::vector<WatchCancel> cancels_;
  std::vector<WatchBatch> batches_;
  std::optional<Response> ended_;
};

}  // namespace rift::caller
