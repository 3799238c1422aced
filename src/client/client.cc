#include "client/client.h"

#include <deque>
#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include "base/assert.h"
#include "base/mutex.h"
#include "caller/caller.h"
#include "client/channel.h"
#include "client/map_fetch.h"
#include "client/stream.h"
#include "rpc/loop.h"

namespace rift {
namespace {

constexpr std::size_t completions_per_flush_max = 32;  // what their callbacks submit leaves while the next are called
constexpr Duration map_deadline = std::chrono::milliseconds(700);
constexpr Duration connect_retry = std::chrono::milliseconds(50);

Time steady_now() {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

// A reply that a thread waits for.
class Waiter {
 public:
  void set(Answer reply) {
    Lock lock(mutex_);
    reply_ = std::move(reply);
    is_set_.notify_one();
  }
  Answer wait() {
    Lock lock(mutex_);
    while (!reply_) is_set_.wait(mutex_);
    return std::move(*reply_);
  }

 private:
  Mutex mutex_;  // the user's thread waits for the polling thread
  CondVar is_set_;
  std::optional<Answer> reply_ GUARDED_BY(mutex_);
};

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientOptions options);
  ~Impl();

  Result<void> connect();
  void submit(caller::Operation operation, Callback done);
  Answer execute(caller::Operation operation);
  std::shared_ptr<const topology::Catalog> catalog() const;
  std::uint64_t resends() const;

 private:
  struct Peer {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<client::Stream> stream;
  };

  void pump();
  bool carry_sends(Time now);
  bool carry_completions();
  void flush_streams();
  void timer_rang(bool ok);
  void arm_timer(Time now);
  void fetch_map(Time now);
  void map_fetched(Result<topology::Catalog> map);
  std::string address_of(NodeId node) const;
  std::vector<std::string> known_addresses() const;
  Peer& peer(const std::string& address);
  void stop();

  ClientOptions options_;
  rpc::Loop loop_;
  caller::Caller caller_;
  client::MapFetch map_fetch_;
  std::map<std::string, Peer> peers_;
  std::set<client::Stream*> touched_;
  std::unordered_map<std::uint64_t, Callback> callbacks_;
  std::deque<caller::Completion> completions_;  // taken from the caller, to be called
  std::uint64_t next_operation_ = 1;
  std::size_t next_address_ = 0;
  std::optional<Time> next_fetch_;  // while connecting
  grpc::Alarm timer_;
  std::optional<Time> armed_;
  rpc::Tag<Impl> timer_rang_{this, &Impl::timer_rang};
  bool is_stopping_ = false;

  mutable Mutex mutex_;  // what other threads look at
  mutable CondVar map_arrived_;
  std::shared_ptr<const topology::Catalog> catalog_ GUARDED_BY(mutex_);
  Error last_error_ GUARDED_BY(mutex_){Code::unreachable, "no connection"};
  std::uint64_t resends_ GUARDED_BY(mutex_) = 0;
};

Client::Impl::Impl(ClientOptions options)
    : options_(std::move(options)),
      loop_(std::make_unique<grpc::CompletionQueue>(), [this] { pump(); }),
      caller_({.deadline = options_.deadline,
               .attempt_timeout = options_.attempt_timeout,
               .refusal_patience = options_.refusal_patience,
               .pinned = !options_.pin.empty(),
               .deduplicate = options_.exactly_once,
               .retry = options_.retry},
              Rng(random_seed())),
      map_fetch_(loop_, [this](Result<topology::Catalog> map) { map_fetched(std::move(map)); }) {
  loop_.start();
}

Client::Impl::~Impl() {
  loop_.mailbox()->post([this] { stop(); });
  Waiter stopped;
  loop_.mailbox()->post([&stopped] { stopped.set({}); });
  stopped.wait();
  loop_.stop();
}

Result<void> Client::Impl::connect() {
  loop_.mailbox()->post([this] { fetch_map(steady_now()); });
  const Time until = steady_now() + options_.connect_deadline;
  Lock lock(mutex_);
  while (catalog_ == nullptr) {
    const Duration left = until - steady_now();
    if (left <= Duration::zero()) return tl::unexpected<Error>(last_error_);
    map_arrived_.wait_for(mutex_, left);
  }
  return {};
}

void Client::Impl::submit(caller::Operation operation, Callback done) {
  if (!loop_.is_inside()) {
    loop_.mailbox()->post([this, operation = std::move(operation), done = std::move(done)]() mutable {
      submit(std::move(operation), std::move(done));
    });
    return;
  }
  if (is_stopping_) {
    Answer reply;
    static_cast<Response&>(reply) = refuse(RequestId(), Code::not_ready, "the client is closing");
    return done(std::move(reply));
  }
  const RequestId id(next_operation_++);
  callbacks_.emplace(id.value(), std::move(done));
  caller_.submit(id, std::move(operation), steady_now());
}

Answer Client::Impl::execute(caller::Operation operation) {
  ASSERT(!loop_.is_inside());
  Waiter waiter;
  submit(std::move(operation), [&waiter](Answer reply) { waiter.set(std::move(reply)); });
  return waiter.wait();
}

std::shared_ptr<const topology::Catalog> Client::Impl::catalog() const {
  Lock lock(mutex_);
  return catalog_;
}

std::uint64_t Client::Impl::resends() const {
  Lock lock(mutex_);
  return resends_;
}

// After each drain of the queue: what the caller wants is carried out until it wants nothing more.
void Client::Impl::pump() {
  if (is_stopping_) return;
  const Time now = steady_now();
  if (const auto wake = caller_.wake_at(); wake && *wake <= now) {
    // Before the caller gives up on them: what has not left is known not to have taken effect.
    for (auto& [address, peer] : peers_) peer.stream->expire(now);
    caller_.tick(now);
  }
  while (carry_sends(now) || carry_completions()) flush_streams();
  if (caller_.take_map_wish() || (next_fetch_ && *next_fetch_ <= now)) fetch_map(now);
  flush_streams();
  arm_timer(now);
  Lock lock(mutex_);
  resends_ = caller_.resends();
}

bool Client::Impl::carry_sends(Time now) {
  auto sends = caller_.take_sends();
  for (caller::Send& send : sends) {
    const std::string address = address_of(send.node);
    if (address.empty()) {
      caller_.receive(refuse(send.request.id, Code::unreachable, "the map has no address for " + to_string(send.node)),
                      now);
      continue;
    }
    Peer& to = peer(address);
    to.stream->send(std::move(send.request), now);
    touched_.insert(to.stream.get());
  }
  return !sends.empty();
}

bool Client::Impl::carry_completions() {
  for (caller::Completion& completion : caller_.take_completions()) completions_.push_back(std::move(completion));
  std::size_t carried = 0;
  for (; !completions_.empty() && carried < completions_per_flush_max; ++carried) {
    caller::Completion completion = std::move(completions_.front());
    completions_.pop_front();
    const auto it = callbacks_.find(completion.id.value());
    ASSERT(it != callbacks_.end());
    const Callback done = std::move(it->second);
    callbacks_.erase(it);
    Answer reply;
    static_cast<Response&>(reply) = std::move(completion.response);
    reply.op = completion.op;
    reply.attempts = completion.attempts;
    done(std::move(reply));
  }
  return carried > 0;
}

void Client::Impl::flush_streams() {
  for (client::Stream* stream : std::exchange(touched_, {})) stream->flush();
}

void Client::Impl::timer_rang(bool) { armed_.reset(); }

void Client::Impl::arm_timer(Time now) {
  auto wake = caller_.wake_at();
  if (next_fetch_ && (!wake || *next_fetch_ < *wake)) wake = next_fetch_;
  if (!wake) return;
  if (armed_) {
    if (*wake < *armed_) timer_.Cancel();  // rings at once, and is armed again
    return;
  }
  armed_ = wake;
  const Duration left = std::max(*wake - now, Duration::zero());
  timer_.Set(loop_.queue(), gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(left.count(), GPR_TIMESPAN)),
             static_cast<rpc::Event*>(&timer_rang_));
}

void Client::Impl::fetch_map(Time) {
  next_fetch_.reset();
  if (map_fetch_.is_running() || is_stopping_) return;
  const std::vector<std::string> addresses = known_addresses();
  map_fetch_.start(peer(addresses[next_address_++ % addresses.size()]).channel, map_deadline);
}

void Client::Impl::map_fetched(Result<topology::Catalog> map) {
  const Time now = steady_now();
  if (map && map->members.empty()) map = fail(Code::not_ready, "the cluster is not founded yet");
  if (map) caller_.observe(std::make_shared<const topology::Catalog>(std::move(*map)), now);
  Lock lock(mutex_);
  if (map) {
    catalog_ = caller_.catalog();
    map_arrived_.notify_all();
    return;
  }
  last_error_ = map.error();
  if (catalog_ == nullptr) next_fetch_ = now + connect_retry;
}

std::string Client::Impl::address_of(NodeId node) const {
  if (!options_.pin.empty()) return options_.pin;
  const topology::Member* member = caller_.catalog() != nullptr ? caller_.catalog()->member(node) : nullptr;
  return member != nullptr ? member->client_address : std::string();
}

std::vector<std::string> Client::Impl::known_addresses() const {
  if (!options_.pin.empty()) return {options_.pin};
  std::vector<std::string> addresses = options_.endpoints;
  if (caller_.catalog() != nullptr) {
    for (const auto& [node, member] : caller_.catalog()->members) {
      if (!member.client_address.empty()) addresses.push_back(member.client_address);
    }
  }
  return addresses;
}

Client::Impl::Peer& Client::Impl::peer(const std::string& address) {
  const auto it = peers_.find(address);
  if (it != peers_.end()) return it->second;
  Peer made;
  made.channel = client::make_channel(address);
  made.stream = std::make_unique<client::Stream>(loop_, made.channel, [this](std::vector<Response> responses) {
    const Time now = steady_now();
    for (Response& response : responses) caller_.receive(std::move(response), now);
  });
  return peers_.emplace(address, std::move(made)).first->second;
}

void Client::Impl::stop() {
  caller_.stop(steady_now());
  while (carry_completions()) {
  }
  is_stopping_ = true;
  for (auto& [address, peer] : peers_) peer.stream->close();
  map_fetch_.cancel();
  timer_.Cancel();
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::connect(ClientOptions options) {
  if (options.endpoints.empty() && options.pin.empty()) return fail(Code::invalid, "no endpoint to connect to");
  auto impl = std::make_unique<Impl>(std::move(options));
  TRY(impl->connect());
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

namespace {

caller::Operation make(const std::string& keyspace, Verb verb, ByteView key, const CallOptions& options) {
  caller::Operation operation;
  operation.keyspace = keyspace;
  operation.verb = verb;
  operation.key = Bytes(key);
  operation.level = options.level;
  operation.deadline = options.deadline;
  operation.write_back = options.write_back;
  return operation;
}

}  // namespace

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

Answer Client::resolve(const std::string& keyspace, ByteView key, const OpId& op, const CallOptions& options) {
  auto operation = make(keyspace, Verb::resolve, key, options);
  operation.about = op;
  return execute(std::move(operation));
}

void Client::submit(caller::Operation operation, Callback done) {
  impl_->submit(std::move(operation), std::move(done));
}
Answer Client::execute(caller::Operation operation) { return impl_->execute(std::move(operation)); }
std::shared_ptr<const topology::Catalog> Client::catalog() const { return impl_->catalog(); }
std::uint64_t Client::resends() const { return impl_->resends(); }

}  // namespace rift
