// The query round of an atomic keyspace's writes: before a write is stamped, a majority of owners have said what version of the key they hold, so
// that it stands above every write that was acknowledged before it began (Lynch, Shvartsman 1997; DESIGN 4). With reads that are written back
// that makes each key a linearizable register, without a leader and whatever the clocks say. An owner that is catching up is heard and not
// counted. Nothing is written meanwhile: a write that ends here is not done. Hands over to Writes. Part of ApReplica.
#pragma once

#include <map>
#include <vector>

#include "ap/writes.h"

namespace rift::ap {

class WriteQueries {
 public:
  WriteQueries(Core& core, Writes& writes) : core_(core), writes_(writes) {}

  Result<void> submit(const Request& request, Turn& turn);
  bool waits(std::uint64_t token) const { return queries_.contains(token); }
  Result<void> on_versions(NodeId from, const wire::VersionsReply& reply, Turn& turn);
  Result<void> on_deadline(std::uint64_t token, Turn& turn);
  void cancel(RequestId request);
  void let_go(Turn& turn);  // this node is no owner any more: every client that waits gets its last answer
  std::size_t size() const { return queries_.size(); }

 private:
  struct Query {
    Request request;
    Time deadline{};
    causal::Stamp newest;                // of all that was heard
    std::map<NodeId, bool> catching_up;  // of those that have answered
  };
  using Entry = std::map<std::uint64_t, Query>::iterator;

  void ask(std::uint64_t token, const Query& query, Turn& turn);
  Result<void> advance(Entry entry, Turn& turn);
  bool refuse_if_hopeless(const Query& query, std::size_t needed, Turn& turn);
  void end(Entry entry);

  Core& core_;
  Writes& writes_;
  std::map<std::uint64_t, Query> queries_;
  std::size_t bytes_ = 0;
};

}  // namespace rift::ap
