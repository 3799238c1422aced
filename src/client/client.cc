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
#include "client/watch_runs.h"
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
  std::vector<Answer> execute_all(std::vector<caller::Operation> operations);
  std::uint64_t open_watch(caller::WatchWish wish, WatchCallbacks callbacks);
  void close_watch(std::uint64_t number);
  std::shared_ptr<const topology::Catalog> catalog() const;
  std::uint64_t resends() const;
  Duration deadline() const { return options_.deadline; }

 private:
  struct Peer {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<client::Stream> stream;
  };

  void pump();
  bool carry_sends(Time now);
  bool carry_completions();
  bool carry_watches(Time now);
  std::optional<Time> wake_at() const;
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
  client::WatchRuns watches_;
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
  std::uint32_t next_watch_ GUARDED_BY(mutex_) = 1;
};

Client::Impl::Impl(ClientOptions options)
    : options_(std::move(options)),
      loop_(std::make_unique<grpc::CompletionQueue>(), [this] { pump(); }),
      caller_({.deadline = options_.deadline,
               .attempt_timeout = options_.attempt_timeout,
               .refusal_patience = options_.refusal_patience,
               .pinned = !options_.pin.empty(),
               .deduplicate = options_.exactly_once,
               .retry = options_.retry,
               .read_own = options_.read_own},
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

std::vector<Answer> Client::Impl::execute_all(std::vector<caller::Operation> operations) {
  ASSERT(!loop_.is_inside());
  std::deque<Waiter> waiters(operations.size());
  for (std::size_t i = 0; i < operations.size(); ++i)
    submit(std::move(operations[i]), [&waiters, i](Answer reply) { waiters[i].set(std::move(reply)); });
  std::vector<Answer> answers;
  for (Waiter& waiter : waiters) answers.push_back(waiter.wait());
  return answers;
}

std::uint64_t Client::Impl::open_watch(caller::WatchWish wish, WatchCallbacks callbacks) {
  std::uint64_t number = 0;
  {
    Lock lock(mutex_);
    number = next_watch_++ & 0x7fff'ffffU;
  }
  loop_.mailbox()->post([this, number, wish = std::move(wish), callbacks = std::move(callbacks)]() mutable {
    if (is_stopping_) return;
    watches_.add(number, {.pinned = !options_.pin.empty()}, std::move(wish), std::move(callbacks), Rng(random_seed()),
                 caller_.catalog(), steady_now());
  });
  return number;
}

void Client::Impl::close_watch(std::uint64_t number) {
  ASSERT(!loop_.is_inside());
  Waiter closed;
  loop_.mailbox()->post([this, number, &closed] {
    watches_.remove(number);
    closed.set({});
  });
  closed.wait();
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
  if (const auto wake = watches_.wake_at(); wake && *wake <= now) watches_.tick(now);
  while (carry_sends(now) || carry_completions() || carry_watches(now)) flush_streams();
  const bool watch_wants_map = watches_.take_map_wish();
  if (caller_.take_map_wish() || watch_wants_map || (next_fetch_ && *next_fetch_ <= now)) fetch_map(now);
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

bool Client::Impl::carry_watches(Time now) {
  const auto send = [&](caller::Send one) {
    const std::string address = address_of(one.node);
    if (address.empty()) {
      watches_.receive(refuse(one.request.id, Code::unreachable, "the map has no address for " + to_string(one.node)),
                       now);
      return;
    }
    Peer& to = peer(address);
    to.stream->send(std::move(one.request), now);
    touched_.insert(to.stream.get());
  };
  const auto cancel = [&](const caller::WatchCancel& one) {
    const auto to = peers_.find(address_of(one.node));
    if (to == peers_.end()) return;
    to->second.stream->cancel(one.id);
    touched_.insert(to->second.stream.get());
  };
  return watches_.carry({.send = send, .cancel = cancel});
}

std::optional<Time> Client::Impl::wake_at() const {
  auto wake = caller_.wake_at();
  for (const auto& other : {next_fetch_, watches_.wake_at()}) {
    if (other && (!wake || *other < *wake)) wake = other;
  }
  return wake;
}

void Client::Impl::flush_streams() {
  for (client::Stream* stream : std::exchange(touched_, {})) stream->flush();
}

void Client::Impl::timer_rang(bool) { armed_.reset(); }

void Client::Impl::arm_timer(Time now) {
  const auto wake = wake_at();
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
  if (map) {
    caller_.observe(std::make_shared<const topology::Catalog>(std::move(*map)), now);
    watches_.observe(caller_.catalog(), now);
  }
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
    for (Response& response : responses) {
      if (client::WatchRuns::is_mine(response.id)) {
        watches_.receive(std::move(response), now);
      } else {
        caller_.receive(std::move(response), now);
      }
    }
  });
  return peers_.emplace(address, std::move(made)).first->second;
}

void Client::Impl::stop() {
  caller_.stop(steady_now());
  watches_.stop();
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
  operation.token = options.token;
  if (options.ttl > Duration::zero()) operation.operands.ensure().ttl = options.ttl;
  return operation;
}

class Handle final : public WatchHandle {
 public:
  explicit Handle(std::function<void()> close) : close_(std::move(close)) {}
  ~Handle() override { close_(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  std::function<void()> close_;
};

// Several answers as one: done when all are; else the first that is not, but unknown before not done, for something may have happened.
std::size_t worst_of(const std::vector<Answer>& answers) {
  std::size_t worst = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].outcome > answers[worst].outcome) worst = i;
  }
  return worst;
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

Answer Client::multi_get(const std::string& keyspace, const std::vector<std::string>& keys,
                         const CallOptions& options) {
  const auto map = catalog();
  const topology::Keyspace* known = map->find(keyspace);
  std::map<PartitionId, std::vector<std::size_t>> groups;  // places of the keys of each partition
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool is_placed = known != nullptr && !known->partitions.empty();
    groups[is_placed ? topology::place(*known, keys[i]).id : PartitionId()].push_back(i);
  }
  std::vector<caller::Operation> operations;
  for (const auto& [partition, places] : groups) {
    auto operation = make(keyspace, Verb::multi_get, keys[places.front()], options);
    for (const std::size_t place : places) {
      operation.operands.ensure().then_steps.push_back(Step{.verb = Verb::get, .key = Bytes(keys[place]), .value = {}});
    }
    operations.push_back(std::move(operation));
  }
  Answer none;
  if (operations.empty()) static_cast<Response&>(none) = refuse({}, Code::invalid, "no keys to read");
  if (operations.empty()) return none;
  std::vector<Answer> answers = execute_all(std::move(operations));
  const std::size_t worst = worst_of(answers);
  if (!answers[worst].is_done()) return std::move(answers[worst]);
  std::vector<Item> items(keys.size());
  std::size_t answer = 0;
  for (const auto& [partition, places] : groups) {
    Boxed<Results>& results = answers[answer++].results;
    for (std::size_t i = 0; results && i < std::min(places.size(), results->items.size()); ++i)
      items[places[i]] = std::move(results->items[i]);
  }
  Answer whole = std::move(answers.front());
  whole.results.ensure().items = std::move(items);
  if (answers.size() > 1) whole.results->revision = Revision();  // each partition has its own
  return whole;
}

Result<caller::Scan> Client::scan(caller::ScanWish wish) const {
  const auto map = catalog();
  const topology::Keyspace* keyspace = map->find(wish.keyspace);
  if (keyspace == nullptr) return fail(Code::unknown_keyspace, "no keyspace is called " + wish.keyspace);
  if (wish.keys_max == 0 || wish.keys_max > limits::scan_page_keys_max)
    wish.keys_max = static_cast<std::uint32_t>(limits::scan_page_keys_max);
  return caller::Scan(std::move(wish), *keyspace);
}

// A page may be a step through deleted keys only: then the next is asked for, within the one deadline.
Answer Client::next_page(caller::Scan& scan, const CallOptions& options) {
  const Time deadline = steady_now() + (options.deadline > Duration::zero() ? options.deadline : impl_->deadline());
  Answer whole;
  while (!scan.is_over()) {
    auto operations = scan.wanted();
    for (caller::Operation& operation : operations) {
      operation.deadline = std::max<Duration>(deadline - steady_now(), std::chrono::milliseconds(1));
      operation.token = options.token;
    }
    std::vector<PartitionId> partitions;
    for (const caller::Operation& operation : operations) partitions.push_back(operation.partition);
    std::vector<Answer> answers = execute_all(std::move(operations));
    if (!answers.empty()) {
      const std::size_t worst = worst_of(answers);
      if (!answers[worst].is_done()) return std::move(answers[worst]);
      for (std::size_t i = 0; i < answers.size(); ++i)
        scan.take(partitions[i], answers[i].results ? std::move(*answers[i].results) : Results{});
      whole = std::move(answers.front());
    }
    whole.results.emplace().items = scan.page();
    if (!whole.results->items.empty()) break;
  }
  whole.results.ensure();
  const auto revisions = scan.revisions();
  if (revisions.size() == 1) whole.results->revision = revisions.begin()->second;
  return whole;
}

Answer Client::del_range(const std::string& keyspace, ByteView first, ByteView end, const CallOptions& options) {
  const auto map = catalog();
  const topology::Keyspace* known = map->find(keyspace);
  const Time deadline = steady_now() + (options.deadline > Duration::zero() ? options.deadline : impl_->deadline());
  std::uint64_t deleted = 0;
  Answer last;
  if (known == nullptr)
    static_cast<Response&>(last) = refuse({}, Code::unknown_keyspace, "no keyspace is called " + keyspace);
  if (known == nullptr) return last;
  for (const topology::Partition& partition : known->partitions) {
    for (Bytes next(first); true;) {
      auto operation = make(keyspace, Verb::del_range, next.view(), options);
      operation.operands.ensure().range_end = Bytes(end);
      operation.partition = partition.id;
      operation.deadline = std::max<Duration>(deadline - steady_now(), std::chrono::milliseconds(1));
      last = execute(std::move(operation));
      if (last.results) deleted += last.results->deleted;
      last.results.ensure().deleted = deleted;
      // What went before has happened: not done would be untrue.
      if (!last.is_done() && deleted > 0) {
        last.why = "not all of the range: " + last.why;
        last.outcome = Outcome::unknown;
      }
      if (!last.is_done()) return last;
      next = std::exchange(last.results->next_key, {});
      if (next.empty()) break;
    }
  }
  return last;
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
