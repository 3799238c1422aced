// The C++ SDK: a key-value client with one deadline for everything, an honest outcome and a receipt on every reply, and retries that never
// make an operation take effect twice. Underneath, operations travel in batches over one Pipe stream per node. Any number of threads may use
// one Client; callbacks run on its own thread and must not block. No gRPC, protobuf or Asio in this header.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "caller/operation.h"
#include "caller/scan.h"
#include "client/watching.h"
#include "replica/request.h"
#include "topology/catalog.h"

namespace rift {

struct ClientOptions {
  std::vector<std::string> endpoints;  // any nodes of the cluster, "host:port"; the rest is learnt from the map
  std::string pin{};                   // talk to this endpoint only, whoever owns the key or leads
  Duration deadline = std::chrono::seconds(5);  // of an operation that states none
  Duration connect_deadline = std::chrono::seconds(5);
  Duration attempt_timeout = std::chrono::seconds(1);  // then what may be sent again goes to another node
  Duration refusal_patience = Duration::max();         // refusals alone end an operation after so long
  bool exactly_once = true;  // op ids on cp writes: retries are deduplicated, resolve() can ask
  bool retry = true;         // off: one attempt each
  // Reads see at least what this client has written and read before, whichever nodes answer. cp: those of level ONE. ap: gets of the 4,096 keys that
  // gets, puts and dels used last (a multi_get or scan neither keeps nor asks for what was seen), and writes stand above it; where nobody in reach holds that version a read ends with `token_not_met`, not done.
  bool read_own = false;
};

struct CallOptions {
  Level level = Level::unspecified;  // the keyspace's default
  Duration deadline{};               // 0: the client's
  bool write_back = true;            // ap reads above ONE: a majority holds what is returned
  Duration ttl{};                    // put, cas, increment: deleted after so long, cp by the log's time; 0: never
  // Reads of level ONE: the answer includes everything up to Receipt::index of an earlier answer about the same partition.
  std::uint64_t token = 0;
  // ap get, put, del: Response::version of an earlier answer about the same key. A read answers nothing older, a write stands above it.
  Version seen{};
  bool mints_token =
      false;  // ap get, multi_get: the answer's version will be `seen` later: it is answered once it is on a disk
  // ap, with ClientOptions::read_own. Off: without what the client has seen of the key, which goes on from this answer.
  bool read_own = true;
};

// What a Txn demands, does then, and does otherwise. All keys must fall into one partition: a {tag} in each keeps them together.
struct TxnWish {
  std::vector<Compare> compares{};
  std::vector<Step> then_steps{};
  std::vector<Step> else_steps{};
};

struct Answer : Response {
  std::optional<OpId> op;  // cp writes: hand it to resolve() if the outcome is unknown
  std::uint32_t attempts = 0;
  bool is_done() const { return outcome == Outcome::done; }
};

class Client {
 public:
  using Callback = std::function<void(Answer)>;

  // Fetches the map once. Errors: invalid, unreachable, not_ready (the cluster is not founded).
  static Result<std::unique_ptr<Client>> connect(ClientOptions options);
  // Open operations end as not done or unknown; bounded by about a second. No call may be under way in another thread.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Answer get(const std::string& keyspace, ByteView key, const CallOptions& options = {});
  Answer put(const std::string& keyspace, ByteView key, ByteView value, const CallOptions& options = {});
  Answer del(const std::string& keyspace, ByteView key, const CallOptions& options = {});
  Answer cas(const std::string& keyspace, ByteView key, Condition condition, ByteView value,
             const CallOptions& options = {});
  // cp only. `value` of the answer is the new number.
  Answer increment(const std::string& keyspace, ByteView key, std::int64_t delta, const CallOptions& options = {});
  // cp only. results->succeeded says which list of steps ran, results->items what each came to.
  Answer txn(const std::string& keyspace, TxnWish wish, const CallOptions& options = {});
  // Each key by itself, in no order, at most put_all_in_flight and (but for one pair) put_all_bytes_in_flight at a time: the answers in the order of
  // `pairs`, some done and others not. A pair that has no answer within `options.deadline` of its own start is unknown. Not from a callback. `ended`
  // is told how many have an answer, now and then.
  static constexpr std::size_t put_all_in_flight = 256;
  static constexpr std::size_t put_all_bytes_in_flight = 16 * limits::mebi;
  std::vector<Answer> put_all(const std::string& keyspace,
                              const std::vector<std::pair<std::string, std::string>>& pairs,
                              const CallOptions& options = {}, const std::function<void(std::size_t)>& ended = {});
  // results->items in the order asked. cp: keys of one partition are of one revision; of several: each partition's of its own. ap: each key by
  // itself, at the level asked.
  Answer multi_get(const std::string& keyspace, const std::vector<std::string>& keys, const CallOptions& options = {});
  // The next page of `scan` in results->items. cp: keys are in order over all partitions. ap, at level ONE: by hash; scan.cursor() is where to go on.
  Answer next_page(caller::Scan& scan, const CallOptions& options = {});
  // Not from a callback: a keyspace that the map lacks is asked for first.
  Result<caller::Scan> scan(caller::ScanWish wish) const;
  // cp only. Deletes [first, end), an empty end is the keyspace's; each partition by itself. results->deleted counts.
  Answer del_range(const std::string& keyspace, ByteView first, ByteView end, const CallOptions& options = {});
  // cp only. Forgets the history of one partition up to `revision`; 0: of the only one.
  Answer compact(const std::string& keyspace, PartitionId partition, Revision revision,
                 const CallOptions& options = {});
  // cp only. Changes of a key or a range, for as long as the handle lives; it must not outlive the client.
  std::unique_ptr<WatchHandle> watch(caller::WatchWish wish, WatchCallbacks callbacks);
  // What became of `op`, which was about `key`: done, not done (and fenced off for good), or still unknown.
  Answer resolve(const std::string& keyspace, ByteView key, const OpId& op, const CallOptions& options = {});

  // Any thread, this client's own included. `done` is called exactly once, on the client's thread. What a callback submits while the client is being
  // destroyed ends not done (not_ready). A chain that submits from each such answer is answered eight times; the next `done` is destroyed uncalled.
  void submit(caller::Operation operation, Callback done);
  // Waits for a submit(). Not from a callback.
  Answer execute(caller::Operation operation);
  // All at once; the answers in the same order.
  std::vector<Answer> execute_all(std::vector<caller::Operation> operations);

  // The map as last fetched; never null.
  std::shared_ptr<const topology::Catalog> catalog() const;
  // Copies sent beyond the first of each operation.
  std::uint64_t resends() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift
