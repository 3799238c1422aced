// The calls of the SDK that are one operation each; those that are several stand in batch.cc.
#include "client/client.h"

#include "client/operations.h"
#include "client/runner.h"

namespace rift {

using client::make;

caller::Operation client::make(const std::string& keyspace, Verb verb, ByteView key, const CallOptions& options) {
  caller::Operation operation;
  operation.keyspace = keyspace;
  operation.verb = verb;
  operation.key = Bytes(key);
  operation.level = options.level;
  operation.deadline = options.deadline;
  operation.write_back = options.write_back;
  operation.token = options.token;
  operation.seen = options.seen;
  operation.mints_token = options.mints_token;
  operation.read_own = options.read_own;
  if (options.ttl > Duration::zero()) operation.operands.ensure().ttl = options.ttl;
  return operation;
}

namespace {

class Handle final : public WatchHandle {
 public:
  explicit Handle(std::function<void()> close) : close_(std::move(close)) {}
  ~Handle() override { close_(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  std::function<void()> close_;
};

}  // namespace

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::connect(ClientOptions options) {
  if (options.endpoints.empty() && options.pin.empty()) return fail(Code::invalid, "no endpoint to connect to");
  auto impl = std::make_unique<Impl>(std::move(options));
  TRY(impl->connect());
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Answer Client::get(const std::string& keyspace, ByteView key, const CallOptions& options) {
  return execute(make(keyspace, Verb::get, key, options));
}

Answer Client::put(const std::string& keyspace, ByteView key, ByteView value, const CallOptions& options) {
  auto operation = make(keyspace, Verb::put, key, options);
  operation.value = Bytes(value);
  return execute(std::move(operation));
}

Answer Client::del(const std::string& keyspace, ByteView key, const CallOptions& options) {
  return execute(make(keyspace, Verb::del, key, options));
}

Answer Client::cas(const std::string& keyspace, ByteView key, Condition condition, ByteView value,
                   const CallOptions& options) {
  auto operation = make(keyspace, Verb::cas, key, options);
  operation.condition = std::move(condition);
  operation.value = Bytes(value);
  return execute(std::move(operation));
}

Answer Client::increment(const std::string& keyspace, ByteView key, std::int64_t delta, const CallOptions& options) {
  auto operation = make(keyspace, Verb::increment, key, options);
  operation.operands.ensure().delta = delta;
  return execute(std::move(operation));
}

Answer Client::txn(const std::string& keyspace, TxnWish wish, const CallOptions& options) {
  Bytes first;
  for (const auto* steps : {&wish.else_steps, &wish.then_steps}) {
    if (!steps->empty()) first = steps->front().key;
  }
  if (!wish.compares.empty()) first = wish.compares.front().key;
  auto operation = make(keyspace, Verb::txn, first.view(), options);
  Operands& operands = operation.operands.ensure();
  operands.compares = std::move(wish.compares);
  operands.then_steps = std::move(wish.then_steps);
  operands.else_steps = std::move(wish.else_steps);
  return execute(std::move(operation));
}

Answer Client::compact(const std::string& keyspace, PartitionId partition, Revision revision,
                       const CallOptions& options) {
  auto operation = make(keyspace, Verb::compact, {}, options);
  operation.partition = partition;
  operation.operands.ensure().revision = revision;
  return execute(std::move(operation));
}

std::unique_ptr<WatchHandle> Client::watch(caller::WatchWish wish, WatchCallbacks callbacks) {
  const std::uint64_t number = impl_->open_watch(std::move(wish), std::move(callbacks));
  return std::make_unique<Handle>([impl = impl_.get(), number] { impl->close_watch(number); });
}

Answer Client::resolve(const std::string& keyspace, ByteView key, const OpId& op, const CallOptions& options) {
  auto operation = make(keyspace, Verb::resolve, key, options);
  operation.about = op;
  return execute(std::move(operation));
}

void Client::submit(caller::Operation operation, Callback done) {
  impl_->submit(std::move(operation), std::move(done));
}
Answer Client::execute(caller::Operation operation) { return impl_->execute(std::move(operation)); }
std::vector<Answer> Client::execute_all(std::vector<caller::Operation> operations) {
  return impl_->execute_all(std::move(operations));
}
std::shared_ptr<const topology::Catalog> Client::catalog() const { return impl_->catalog(); }
std::uint64_t Client::resends() const { return impl_->resends(); }

}  // namespace rift
