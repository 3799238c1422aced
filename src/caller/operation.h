// What a user of the caller asks for and gets back. Plain values, handed over by the SDK (client) or by a simulated client.
#pragma once

#include <optional>
#include <string>

#include "replica/request.h"

namespace rift::caller {

struct Operation {
  std::string keyspace{};
  Verb verb = Verb::get;
  Level level = Level::unspecified;
  Bytes key{};
  Bytes value{};
  Condition condition{};
  Boxed<Operands> operands{};
  PartitionId partition{};   // scan, watch, del_range, compact: where the keyspace has several; else by key
  std::uint64_t token = 0;   // reads: see Request::token
  Version seen{};            // ap: see Request::seen
  bool mints_token = false;  // ap: see Request::mints_token
  // ap, with Options::read_own. Off: it goes without what the caller has seen of the key, and its answer is where the caller goes on from. What was
  // lost for good could never be met.
  bool read_own = true;
  bool write_back = true;
  std::optional<OpId> about{};  // Verb::resolve: the operation asked about; `key` is that operation's key
  Duration deadline{};          // from submit; 0: Options::deadline
};

// A message for a node, at once. `request.id` names the attempt: the answer carries it.
struct Send {
  NodeId node;  // 0: the pinned endpoint
  Request request;
};

// The end of an operation, exactly one per submit.
struct Completion {
  RequestId id;            // the submitter's
  Response response;       // response.id is the submitter's too
  std::optional<OpId> op;  // set where Resolve can be asked later
  std::uint32_t attempts = 0;
};

}  // namespace rift::caller
