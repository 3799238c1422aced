#include "ap/refill.h"

#include <algorithm>

#include "base/coding.h"
#include "wire/keys.h"

namespace rift::ap {
namespace {

constexpr std::string_view wish_record = "refill";
constexpr std::string_view awaited_record = "catching_up";

Bytes encode_nodes(const std::set<NodeId>& nodes) {
  std::string bytes;
  for (const NodeId node : nodes) put_u32(bytes, node.value());
  return Bytes(std::move(bytes));
}

Result<std::set<NodeId>> decode_nodes(ByteView bytes) {
  std::set<NodeId> nodes;
  for (KeyReader reader(bytes); !reader.rest().empty();) nodes.insert(NodeId(TRY(reader.u32())));
  return nodes;
}

}  // namespace

Result<void> Refill::open(causal::Hlc low_water, Turn& turn) {
  const Options& options = core_.options;
  const std::string key = wire::partition_meta_key(options.partition, wish_record);
  const auto wish = TRY(turn.get(env::Table::meta, key));
  const auto awaited = TRY(turn.get(env::Table::meta, wire::partition_meta_key(options.partition, awaited_record)));
  std::set<NodeId> others(core_.placement.owners()->begin(), core_.placement.owners()->end());
  others.erase(core_.self());
  if (awaited) {
    awaited_ = TRY(decode_nodes(awaited->view()));
    std::erase_if(awaited_, [&](NodeId node) { return !others.contains(node); });
  }
  if (options.forgetful) awaited_ = others;
  if (awaited || options.forgetful) save_awaited(turn);
  token_ = core_.next_token();
  due_ = turn.now().steady;
  if (!wish && !options.unclean_start && !options.forgetful) return {};
  since_ = wish ? causal::Hlc(TRY(wire::decode_u64(*wish))) : low_water;
  if (options.unclean_start) since_ = std::min(since_, low_water);
  if (options.forgetful) since_ = causal::Hlc();
  turn.put(env::Table::meta, key, wire::encode_u64(since_.bits()));
  silent_ = std::move(others);
  if (silent_.empty()) end_wish(turn);
  return {};
}

bool Refill::can_ask() const {
  const auto reaches = [this](NodeId owner) { return core_.placement.reaches(owner); };
  return std::any_of(silent_.begin(), silent_.end(), reaches) || std::any_of(awaited_.begin(), awaited_.end(), reaches);
}

void Refill::end_wish(Turn& turn) {
  turn.erase(env::Table::meta, wire::partition_meta_key(core_.options.partition, wish_record));
}

void Refill::save_awaited(Turn& turn) {
  const std::string key = wire::partition_meta_key(core_.options.partition, awaited_record);
  const bool was = std::exchange(core_.catching_up, !awaited_.empty());
  if (core_.catching_up) {
    turn.put(env::Table::meta, key, encode_nodes(awaited_));
  } else {
    turn.erase(env::Table::meta, key);
  }
  if (was == core_.catching_up) return;
  LOG_INFO(turn.log(), core_.catching_up ? "ap.catching_up" : "ap.caught_up", "partition={}",
           core_.options.partition.value());
}

void Refill::observe(Turn& turn) {
  const auto is_stranger = [this](NodeId node) { return !core_.placement.owns(node); };
  std::erase_if(owed_, [&](const auto& owed) { return is_stranger(owed.first); });
  if (std::erase_if(silent_, is_stranger) > 0 && silent_.empty()) end_wish(turn);
  if (std::erase_if(awaited_, is_stranger) > 0) save_awaited(turn);
  if (!can_ask()) return;
  due_ = std::min(due_, turn.now().steady + core_.options.timers.delivery_delay);
  pause_ = Duration::zero();
}

Time Refill::next() const { return can_ask() ? due_ : Time::max(); }

// Also those that have written the debt down and not yet brought everything: they may have stopped since, and forgotten who asked.
void Refill::tick(Turn& turn) {
  if (turn.now().steady < next()) return;
  const Timers& timers = core_.options.timers;
  pause_ = std::min(std::max(pause_ * 2, timers.delivery_stall), timers.delivery_backoff_max);
  due_ = turn.now().steady + pause_;
  for (const NodeId owner : *core_.placement.owners()) {
    const bool is_awaited = awaited_.contains(owner);
    if ((!is_awaited && !silent_.contains(owner)) || !core_.placement.reaches(owner)) continue;
    const wire::Refill question{.token = token_, .since = is_awaited ? causal::Hlc() : since_};
    turn.send(owner, env::Lane::data, wire::encode_message(question));
  }
}

void Refill::acknowledged(NodeId from, Turn& turn) {
  if (silent_.erase(from) > 0 && silent_.empty()) end_wish(turn);
}

void Refill::on_ack(NodeId from, const wire::RefillAck& ack, Turn& turn) {
  if (ack.token == token_) acknowledged(from, turn);
}

// What it brought is on this disk: it counts no other acknowledgement.
void Refill::on_done(NodeId from, const wire::RefillDone& done, Turn& turn) {
  if (done.token != token_) return;
  acknowledged(from, turn);
  if (awaited_.erase(from) > 0) save_awaited(turn);
}

void Refill::on_refill(NodeId from, const wire::Refill& refill, Turn& turn) {
  Owed& owed = owed_[from];
  if (owed.token != refill.token) {
    MARK(turn.recorder(), "ap.refill_owed");
    book_.mark_dirty(turn, from, refill.since);
    owed = Owed{.token = refill.token, .generation = book_.dirty(from)->generation};
  }
  if (owed.done) {
    turn.send(from, env::Lane::data, wire::encode_message(wire::RefillDone{.token = refill.token}));
    return;
  }
  // It forgets the wish on this: the mark must be on disk.
  turn.send_when_durable(from, env::Lane::data, wire::encode_message(wire::RefillAck{.token = refill.token}));
}

void Refill::tell_done(Turn& turn) {
  for (auto& [node, owed] : owed_) {
    if (owed.done || book_.passed(node) < owed.generation) continue;
    owed.done = true;
    turn.send(node, env::Lane::data, wire::encode_message(wire::RefillDone{.token = owed.token}));
  }
}

}  // namespace rift::ap
