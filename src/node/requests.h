// Every request that is open in this node: where its answer goes, and what a forward needs to be repeated or given up. Collects the replies
// of a round, so that each sink and peer gets them in one go. Used by Node only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/time.h"
#include "replica/front.h"

namespace rift::node {

constexpr std::size_t open_requests_max = 256 * 1024;  // per node, those it has forwarded included

// Internal requests (the node's own, on `_system`) end in a callback.
using ResponseCallback = std::function<void(Response)>;

struct FromSink {
  SinkId sink;
};
struct FromPeer {
  NodeId peer;
};
using Origin = std::variant<FromSink, FromPeer, ResponseCallback>;

struct OpenRequest {
  Origin origin;
  RequestId origin_id;
  PartitionId partition;
  Verb verb = Verb::get;
  Time deadline{};
  std::optional<Request> copy;  // while it may still be forwarded
  NodeId forwarded_to;          // 0: not forwarded
  Teaching teaching{};          // of its keyspace, for every receipt
};

class Requests {
 public:
  // `life` tells this process's ids from those of its earlier lives.
  explicit Requests(std::uint32_t life) : last_id_(std::uint64_t{life} << 32) {}

  // Takes the request in: gives it the node's own id, which is returned. `teaching`: of its keyspace, where this node serves it.
  RequestId open(Origin origin, Request& request, Time deadline, bool may_forward, Teaching teaching = {});
  OpenRequest* find(RequestId id);
  // Ends it; the answer waits for the next take_*.
  void finish(Response response);
  // An answer after which more follow: it stays open.
  void tell(Response response);
  void drop(RequestId id) { open_.erase(id); }

  std::vector<RequestId> of_sink(SinkId sink) const;
  std::vector<RequestId> of_partition(PartitionId partition) const;
  std::vector<RequestId> forwarded_to(NodeId peer) const;
  std::vector<RequestId> forwards_due(Time now) const;
  std::optional<RequestId> by_origin(SinkId sink, RequestId origin_id) const;

  std::map<SinkId, std::vector<Response>> take_sink_replies() { return std::exchange(sink_replies_, {}); }
  std::vector<std::pair<NodeId, Response>> take_peer_replies() { return std::exchange(peer_replies_, {}); }
  bool has_replies() const { return !sink_replies_.empty() || !peer_replies_.empty(); }
  // A refusal before the request was taken in.
  void answer(SinkId sink, Response response) { sink_replies_[sink].push_back(std::move(response)); }
  void answer(const Origin& origin, Response response);
  std::size_t size() const { return open_.size(); }

 private:
  template <class Predicate>
  std::vector<RequestId> select(Predicate predicate) const;

  std::map<RequestId, OpenRequest> open_;  // ids only grow: insertion is at the end
  std::uint64_t last_id_;
  std::map<SinkId, std::vector<Response>> sink_replies_;
  std::vector<std::pair<NodeId, Response>> peer_replies_;
};

}  // namespace rift::node
