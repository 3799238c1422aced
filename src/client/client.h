// The C++ SDK: a key-value client with one deadline for everything, an honest outcome and a receipt on every reply, and retries that never
// make an operation take effect twice. Underneath, operations travel in batches over one Pipe stream per node. Any number of threads may use
// one Client; callbacks run on its own thread and must not block. No gRPC, protobuf or Asio in this header.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "caller/operation.h"
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
};

struct CallOptions {
  Level level = Level::unspecified;  // the keyspace's default
  Duration deadline{};               // 0: the client's
  bool write_back = true;            // ap reads above ONE: a majority holds what is returned
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
  // What became of `op`, which was about `key`: done, not done (and fenced off for good), or still unknown.
  Answer resolve(const std::string& keyspace, ByteView key, const OpId& op, const CallOptions& options = {});

  // Any thread, this client's own included. `done` is called exactly once, on the client's thread.
  void submit(caller::Operation operation, Callback done);
  // Waits for a submit(). Not from a callback.
  Answer execute(caller::Operation operation);

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
