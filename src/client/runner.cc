#include "client/runner.h"

#include <random>

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include "base/assert.h"
#include "client/steady.h"

namespace rift::client {
namespace {

constexpr std::size_t completions_per_flush_max = 32;  // what their callbacks submit leaves while the next are called
constexpr std::size_t closing_refusals_max = 8;        // one after the other, each submitted from the answer before
constexpr Duration map_deadline = std::chrono::milliseconds(700);
constexpr Duration connect_retry = std::chrono::milliseconds(50);

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

// An address that the map does not have: nothing was sent.
Response no_address(const caller::Send& one) {
  return refuse(one.request.id, Code::unreachable, "the map has no address for " + to_string(one.node));
}

}  // namespace

Runner::Runner(ClientOptions options)
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
      map_fetch_(loop_, [this](Result<topology::Catalog> map) { map_fetched(std::move(map)); }),
      peers_(loop_, [this](std::vector<Response> responses) { receive(std::move(responses)); }),
      timer_(loop_) {
  loop_.start();
}

Runner::~Runner() {
  loop_.mailbox()->post([this] { stop(); });
  Waiter stopped;
  loop_.mailbox()->post([&stopped] { stopped.set({}); });
  stopped.wait();
  loop_.stop();
}

Result<void> Runner::connect() {
  loop_.mailbox()->post([this] { fetch_map(); });
  const Time until = steady_now() + options_.connect_deadline;
  Lock lock(mutex_);
  while (catalog_ == nullptr) {
    const Duration left = until - steady_now();
    if (left <= Duration::zero()) return tl::unexpected<Error>(last_error_);
    map_arrived_.wait_for(mutex_, left);
  }
  return {};
}

void Runner::submit(caller::Operation operation, Client::Callback done) {
  if (!loop_.is_inside()) {
    loop_.mailbox()->post([this, operation = std::move(operation), done = std::move(done)]() mutable {
      submit(std::move(operation), std::move(done));
    });
    return;
  }
  if (is_closed_) return;
  const RequestId id(next_operation_++);
  callbacks_.emplace(id.value(), std::move(done));
  // Answered in turn like all others, not from in here: a callback that asks again on every answer would never return.
  if (is_stopping_) {
    completions_.push_back(
        {.id = id, .response = refuse(id, Code::not_ready, "the client is closing"), .op = {}, .attempts = 0});
    return;
  }
  caller_.submit(id, std::move(operation), steady_now());
}

Answer Runner::execute(caller::Operation operation) {
  ASSERT(!loop_.is_inside());
  Waiter waiter;
  submit(std::move(operation), [&waiter](Answer reply) { waiter.set(std::move(reply)); });
  return waiter.wait();
}

std::vector<Answer> Runner::execute_all(std::vector<caller::Operation> operations) {
  ASSERT(!loop_.is_inside());
  std::deque<Waiter> waiters(operations.size());
  for (std::size_t i = 0; i < operations.size(); ++i)
    submit(std::move(operations[i]), [&waiters, i](Answer reply) { waiters[i].set(std::move(reply)); });
  std::vector<Answer> answers;
  for (Waiter& waiter : waiters) answers.push_back(waiter.wait());
  return answers;
}

std::uint64_t Runner::open_watch(caller::WatchWish wish, WatchCallbacks callbacks) {
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

void Runner::close_watch(std::uint64_t number) {
  ASSERT(!loop_.is_inside());
  Waiter closed;
  loop_.mailbox()->post([this, number, &closed] {
    watches_.remove(number);
    closed.set({});
  });
  closed.wait();
}

std::shared_ptr<const topology::Catalog> Runner::catalog() const {
  Lock lock(mutex_);
  return catalog_;
}

Result<std::shared_ptr<const topology::Catalog>> Runner::refresh_map(Time until) {
  ASSERT(!loop_.is_inside());
  Lock lock(mutex_);
  const std::uint64_t wanted = fetches_begun_ + 1;
  while (fetched_ < wanted) {
    const Duration left = until - steady_now();
    if (left <= Duration::zero()) return tl::unexpected<Error>(last_error_);
    loop_.mailbox()->post([this] { fetch_map(); });  // nothing, while one is under way
    map_arrived_.wait_for(mutex_, std::min(left, connect_retry));
  }
  return catalog_;
}

std::uint64_t Runner::resends() const {
  Lock lock(mutex_);
  return resends_;
}

// After each drain of the queue: what the caller wants is carried out until it wants nothing more.
void Runner::pump() {
  if (is_stopping_) return;
  const Time now = steady_now();
  if (const auto wake = caller_.wake_at(); wake && *wake <= now) {
    // Before the caller gives up on them: what has not left is known not to have taken effect.
    peers_.expire(now);
    caller_.tick(now);
  }
  if (const auto wake = watches_.wake_at(); wake && *wake <= now) watches_.tick(now);
  while (carry_sends(now) || carry_completions() || carry_watches(now)) peers_.flush();
  const bool watch_wants_map = watches_.take_map_wish();
  if (caller_.take_map_wish() || watch_wants_map || (next_fetch_ && *next_fetch_ <= now)) fetch_map();
  peers_.flush();
  if (const auto wake = wake_at()) timer_.ring_at(*wake, now);
  Lock lock(mutex_);
  resends_ = caller_.resends();
}

bool Runner::carry_sends(Time now) {
  auto sends = caller_.take_sends();
  for (caller::Send& one : sends) {
    if (!send(one, now)) caller_.receive(no_address(one), now);
  }
  return !sends.empty();
}

bool Runner::send(caller::Send& one, Time now) {
  const std::string address = address_of(one.node);
  if (address.empty()) return false;
  peers_.send(address, std::move(one.request), now);
  return true;
}

void Runner::receive(std::vector<Response> responses) {
  const Time now = steady_now();
  for (Response& response : responses) {
    if (WatchRuns::is_mine(response.id)) {
      watches_.receive(std::move(response), now);
    } else {
      caller_.receive(std::move(response), now);
    }
  }
}

bool Runner::carry_completions() {
  for (caller::Completion& completion : caller_.take_completions()) completions_.push_back(std::move(completion));
  std::size_t carried = 0;
  for (; !completions_.empty() && carried < completions_per_flush_max; ++carried) carry_one_completion();
  return carried > 0;
}

void Runner::carry_one_completion() {
  caller::Completion completion = std::move(completions_.front());
  completions_.pop_front();
  const auto it = callbacks_.find(completion.id.value());
  ASSERT(it != callbacks_.end());
  const Client::Callback done = std::move(it->second);
  callbacks_.erase(it);
  Answer reply;
  static_cast<Response&>(reply) = std::move(completion.response);
  reply.op = completion.op;
  reply.attempts = completion.attempts;
  done(std::move(reply));
}

bool Runner::carry_watches(Time now) {
  return watches_.carry(
      {.send =
           [&](caller::Send one) {
             if (!send(one, now)) watches_.receive(no_address(one), now);
           },
       .cancel = [&](const caller::WatchCancel& one) { peers_.cancel(address_of(one.node), one.id); }});
}

std::optional<Time> Runner::wake_at() const {
  auto wake = caller_.wake_at();
  for (const auto& other : {next_fetch_, watches_.wake_at()}) {
    if (other && (!wake || *other < *wake)) wake = other;
  }
  return wake;
}

void Runner::fetch_map() {
  next_fetch_.reset();
  if (map_fetch_.is_running() || is_stopping_) return;
  {
    Lock lock(mutex_);
    ++fetches_begun_;
  }
  const std::vector<std::string> addresses = known_addresses();
  map_fetch_.start(peers_.channel(addresses[next_address_++ % addresses.size()]), map_deadline);
}

void Runner::map_fetched(Result<topology::Catalog> map) {
  const Time now = steady_now();
  if (map && map->members.empty()) map = fail(Code::not_ready, "the cluster is not founded yet");
  if (map) {
    caller_.observe(std::make_shared<const topology::Catalog>(std::move(*map)), now);
    watches_.observe(caller_.catalog(), now);
  }
  Lock lock(mutex_);
  if (map) {
    fetched_ = fetches_begun_;
    catalog_ = caller_.catalog();
    map_arrived_.notify_all();
    return;
  }
  last_error_ = map.error();
  if (catalog_ == nullptr) next_fetch_ = now + connect_retry;
}

std::string Runner::address_of(NodeId node) const {
  if (!options_.pin.empty()) return options_.pin;
  const topology::Member* member = caller_.catalog() != nullptr ? caller_.catalog()->member(node) : nullptr;
  return member != nullptr ? member->client_address : std::string();
}

std::vector<std::string> Runner::known_addresses() const {
  if (!options_.pin.empty()) return {options_.pin};
  std::vector<std::string> addresses = options_.endpoints;
  if (caller_.catalog() != nullptr) {
    for (const auto& [node, member] : caller_.catalog()->members) {
      if (!member.client_address.empty()) addresses.push_back(member.client_address);
    }
  }
  return addresses;
}

void Runner::stop() {
  is_stopping_ = true;
  caller_.stop(steady_now());
  watches_.stop();
  for (caller::Completion& completion : caller_.take_completions()) completions_.push_back(std::move(completion));
  // A round is everything open, the next what its callbacks have submitted.
  for (std::size_t round = 0; round < 1 + closing_refusals_max; ++round) {
    for (std::size_t left = completions_.size(); left > 0; --left) carry_one_completion();
  }
  is_closed_ = true;  // and what their destructors may still submit goes the same way
  completions_.clear();
  std::exchange(callbacks_, {}).clear();
  peers_.close();
  map_fetch_.cancel();
  timer_.cancel();
}

}  // namespace rift::client
