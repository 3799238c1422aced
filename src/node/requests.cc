#include "node/requests.h"

#include "base/overloaded.h"

namespace rift::node {

RequestId Requests::open(Origin origin, Request& request, Time deadline, bool may_forward, Teaching teaching) {
  const RequestId id(++last_id_);
  OpenRequest open{.origin = std::move(origin),
                   .origin_id = request.id,
                   .partition = request.partition,
                   .verb = request.verb,
                   .deadline = deadline,
                   .copy = std::nullopt,
                   .forwarded_to = NodeId(),
                   .teaching = teaching};
  request.id = id;
  if (may_forward) open.copy = request;
  open_.emplace_hint(open_.end(), id, std::move(open));
  return id;
}

OpenRequest* Requests::find(RequestId id) {
  const auto it = open_.find(id);
  return it == open_.end() ? nullptr : &it->second;
}

void Requests::finish(Response response) {
  const auto it = open_.find(response.id);
  if (it == open_.end()) return;  // its sink has gone
  response.id = it->second.origin_id;
  const Origin origin = std::move(it->second.origin);
  open_.erase(it);
  answer(origin, std::move(response));
}

void Requests::tell(Response response) {
  const auto it = open_.find(response.id);
  if (it == open_.end()) return;
  response.id = it->second.origin_id;
  response.more = true;
  answer(it->second.origin, std::move(response));
}

void Requests::answer(const Origin& origin, Response response) {
  std::visit(overloaded{[&](const FromSink& from) { sink_replies_[from.sink].push_back(std::move(response)); },
                        [&](const FromPeer& from) { peer_replies_.emplace_back(from.peer, std::move(response)); },
                        [&](const ResponseCallback& callback) { callback(std::move(response)); }},
             origin);
}

template <class Predicate>
std::vector<RequestId> Requests::select(Predicate predicate) const {
  std::vector<RequestId> ids;
  for (const auto& [id, open] : open_) {
    if (predicate(open)) ids.push_back(id);
  }
  return ids;
}

std::vector<RequestId> Requests::of_sink(SinkId sink) const {
  return select([&](const OpenRequest& open) {
    const auto* from = std::get_if<FromSink>(&open.origin);
    return from != nullptr && from->sink == sink;
  });
}

std::vector<RequestId> Requests::of_partition(PartitionId partition) const {
  return select([&](const OpenRequest& open) { return open.partition == partition && open.forwarded_to == NodeId(); });
}

std::vector<RequestId> Requests::forwarded_to(NodeId peer) const {
  return select([&](const OpenRequest& open) { return open.forwarded_to == peer; });
}

std::vector<RequestId> Requests::forwards_due(Time now) const {
  return select([&](const OpenRequest& open) { return open.forwarded_to != NodeId() && open.deadline <= now; });
}

std::optional<RequestId> Requests::by_origin(SinkId sink, RequestId origin_id) const {
  for (const auto& [id, open] : open_) {
    const auto* from = std::get_if<FromSink>(&open.origin);
    if (from != nullptr && from->sink == sink && open.origin_id == origin_id) return id;
  }
  return std::nullopt;
}

}  // namespace rift::node
