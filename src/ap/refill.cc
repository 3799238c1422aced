#include "ap/refill.h"

#include <algorithm>

#include "wire/keys.h"

namespace rift::ap {
namespace {

constexpr std::string_view record_name = "refill";

}  // namespace

Result<void> Refill::open(causal::Hlc low_water, bool unclean, Turn& turn) {
  const std::string key = wire::partition_meta_key(core_.options.partition, record_name);
  const auto stored = TRY(turn.get(env::Table::meta, key));
  if (!stored && !unclean) return {};
  since_ = stored ? causal::Hlc(TRY(wire::decode_u64(*stored))) : low_water;
  if (unclean) since_ = std::min(since_, low_water);
  turn.put(env::Table::meta, key, wire::encode_u64(since_.bits()));
  token_ = core_.next_token();
  for (const NodeId owner : *core_.placement.owners()) {
    if (owner != core_.self()) silent_.insert(owner);
  }
  due_ = turn.now().steady;
  return {};
}

bool Refill::can_ask() const {
  return std::any_of(silent_.begin(), silent_.end(), [this](NodeId owner) { return core_.placement.reaches(owner); });
}

void Refill::end_wish(Turn& turn) {
  turn.erase(env::Table::meta, wire::partition_meta_key(core_.options.partition, record_name));
}

void Refill::observe(Turn& turn) {
  const auto is_stranger = [this](NodeId node) { return !core_.placement.owns(node); };
  std::erase_if(answered_, [&](const auto& answered) { return is_stranger(answered.first); });
  if (std::erase_if(silent_, is_stranger) > 0 && silent_.empty()) end_wish(turn);
  if (!can_ask()) return;
  due_ = std::min(due_, turn.now().steady + core_.options.timers.delivery_delay);
  pause_ = Duration::zero();
}

Time Refill::next() const { return can_ask() ? due_ : Time::max(); }

void Refill::tick(Turn& turn) {
  if (turn.now().steady < next()) return;
  const Timers& timers = core_.options.timers;
  pause_ = std::min(std::max(pause_ * 2, timers.delivery_stall), timers.delivery_backoff_max);
  due_ = turn.now().steady + pause_;
  const Bytes message = wire::encode_message(wire::Refill{.token = token_, .since = since_});
  for (const NodeId owner : silent_) {
    if (core_.placement.reaches(owner)) turn.send(owner, env::Lane::data, message);
  }
}

void Refill::on_ack(NodeId from, const wire::RefillAck& ack, Turn& turn) {
  if (silent_.empty() || ack.token != token_) return;
  silent_.erase(from);
  if (silent_.empty()) end_wish(turn);
}

void Refill::on_refill(NodeId from, const wire::Refill& refill, Turn& turn) {
  std::uint64_t& answered = answered_[from];
  if (answered != refill.token) {
    MARK(turn.recorder(), "ap.refill_owed");
    book_.mark_dirty(turn, from, refill.since);
    answered = refill.token;
  }
  // It forgets the wish on this: the mark must be on disk.
  turn.send_when_durable(from, env::Lane::data, wire::encode_message(wire::RefillAck{.token = refill.token}));
}

}  // namespace rift::ap
