#include "tests/kit/turn_harness.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::kit {

TurnHarness::TurnHarness(Options options, Factory factory)
    : options_(std::move(options)), factory_(std::move(factory)), random_(options_.seed) {
  places_.store = &store_;
  log_ = options_.log_to_stderr ? MUST(make_process_log(LogLevel::debug, options_.log_prefix, "")) : make_null_log();
}

TurnHarness::~TurnHarness() = default;

Turn TurnHarness::make_turn() {
  return Turn(Turn::Inputs{.now = options_.now,
                           .reader = store_,
                           .pressure = store_.pressure(),
                           .random = random_,
                           .log = *log_,
                           .recorder = &recorder_,
                           .places = &places_},
              output_);
}

Result<void> TurnHarness::start() {
  ASSERT(replica_ == nullptr);
  failure_.reset();
  ++rounds_;
  Turn turn = make_turn();
  turn.begin(options_.partition);
  auto made = factory_(store_, turn);
  if (!made) {
    output_.clear();
    return fail(made.error().code, made.error().detail);
  }
  replica_ = std::move(*made);
  turn.end();
  carry_out();
  receive_own();
  return {};
}

void TurnHarness::round(const std::function<void(Replica&, Turn&)>& verbs) {
  if (!running()) return;
  ++rounds_;
  Turn turn = make_turn();
  turn.begin(options_.partition);
  verbs(*replica_, turn);
  turn.end();
  carry_out();
  receive_own();
}

void TurnHarness::carry_out() {
  if (!output_.failures.empty()) failure_ = output_.failures.front().second;
  for (const auto& [partition, at] : output_.wakes) wake_ = wake_ ? std::min(*wake_, at) : at;
  for (Outgoing& message : output_.send_now) leave(std::move(message));
  for (Reply& reply : output_.reply_now) leave(std::move(reply));
  const bool writes = !output_.batch.empty();
  if (writes) MUST(store_.apply(output_.batch));
  for (Reply& reply : output_.reply_when_stored) leave(std::move(reply));
  if (writes || !output_.send_when_durable.empty() || !output_.reply_when_durable.empty()) {
    held_.push_back(
        Held{.sends = std::move(output_.send_when_durable), .replies = std::move(output_.reply_when_durable)});
    store_.sync([this] {
      Held held = std::move(held_.front());
      held_.pop_front();
      release(std::move(held));
    });
  }
  output_.clear();
}

void TurnHarness::release(Held held) {
  for (Outgoing& message : held.sends) leave(std::move(message));
  for (Reply& reply : held.replies) leave(std::move(reply));
}

void TurnHarness::leave(Outgoing message) {
  if (message.to == options_.self) {
    own_.push_back(std::move(message));
  } else {
    sent_.push_back(std::move(message));
  }
}

void TurnHarness::leave(Reply reply) {
  if (reply.last) ++last_replies_[reply.response.id];
  replies_.push_back(std::move(reply.response));
}

void TurnHarness::receive_own() {
  while (!own_.empty() && running()) {
    const Outgoing message = std::move(own_.front());
    own_.pop_front();
    ++rounds_;
    Turn turn = make_turn();
    turn.begin(options_.partition);
    replica_->receive(options_.self, message.lane, message.message, turn);
    turn.end();
    carry_out();
  }
}

std::vector<RequestId> TurnHarness::submit(std::vector<Request> requests) {
  std::vector<RequestId> ids;
  for (Request& request : requests) {
    if (request.id == RequestId()) request.id = RequestId(next_request_++);
    if (request.partition == PartitionId()) request.partition = options_.partition;
    ids.push_back(request.id);
  }
  round([&](Replica& replica, Turn& turn) { replica.submit(requests, turn); });
  return ids;
}

RequestId TurnHarness::submit(Request request) {
  std::vector<Request> one;
  one.push_back(std::move(request));
  return submit(std::move(one)).front();
}

void TurnHarness::receive(NodeId from, env::Lane lane, const Bytes& message) {
  round([&](Replica& replica, Turn& turn) { replica.receive(from, lane, message, turn); });
}

void TurnHarness::tick() {
  wake_.reset();
  round([](Replica& replica, Turn& turn) { replica.tick(turn); });
}

void TurnHarness::observe(topology::ViewPtr view) {
  round([&](Replica& replica, Turn& turn) { replica.observe(view, turn); });
}

void TurnHarness::cancel(std::vector<RequestId> requests) {
  round([&](Replica& replica, Turn& turn) { replica.cancel(requests, turn); });
}

void TurnHarness::sync() {
  store_.finish_syncs();
  receive_own();
}

bool TurnHarness::sync_one() {
  const bool finished = store_.finish_sync();
  receive_own();
  return finished;
}

void TurnHarness::settle(std::size_t rounds_max) {
  for (std::size_t i = 0; store_.syncs_open() > 0; ++i) {
    ASSERT(i < rounds_max);
    sync();
  }
}

void TurnHarness::advance_to(Now now) {
  options_.now = now;
  if (wake_ && *wake_ <= now.steady) tick();
}

void TurnHarness::advance(Duration by) {
  const Time end = options_.now.steady + by;
  const WallTime wall = options_.now.wall;
  const Time begin = options_.now.steady;
  const auto at = [&](Time t) {
    return Now{.steady = t, .wall = wall + std::chrono::duration_cast<std::chrono::milliseconds>(t - begin)};
  };
  while (running() && wake_ && *wake_ <= end) advance_to(at(std::max(*wake_, options_.now.steady)));
  options_.now = at(end);
}

std::optional<Response> TurnHarness::take_reply(RequestId id) {
  const auto it =
      std::find_if(replies_.begin(), replies_.end(), [id](const Response& reply) { return reply.id == id; });
  if (it == replies_.end()) return std::nullopt;
  Response reply = std::move(*it);
  replies_.erase(it);
  return reply;
}

std::vector<Outgoing> TurnHarness::held_sends() const {
  std::vector<Outgoing> sends;
  for (const Held& held : held_) sends.insert(sends.end(), held.sends.begin(), held.sends.end());
  return sends;
}

std::vector<Response> TurnHarness::held_replies() const {
  std::vector<Response> replies;
  for (const Held& held : held_) {
    for (const Reply& reply : held.replies) replies.push_back(reply.response);
  }
  return replies;
}

std::size_t TurnHarness::replies_last(RequestId id) const {
  const auto it = last_replies_.find(id);
  return it == last_replies_.end() ? 0 : it->second;
}

void TurnHarness::crash(Crash kind, std::optional<std::size_t> batches_kept) {
  replica_.reset();
  failure_.reset();
  held_.clear();
  own_.clear();
  wake_.reset();
  switch (kind) {
    case Crash::kill:
      store_.kill();
      break;
    case Crash::power_loss:
      store_.lose_power(batches_kept.value_or(store_.synced()));
      break;
  }
}

}  // namespace rift::kit
