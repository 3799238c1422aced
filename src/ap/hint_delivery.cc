#include "ap/hint_delivery.h"

#include <algorithm>

#include "wire/keys.h"

namespace rift::ap {
namespace {

std::uint64_t bytes_of(const std::vector<env::KeyValue>& page) {
  std::uint64_t sum = 0;
  for (const env::KeyValue& pair : page) sum += pair.key.size() + pair.value.size();
  return sum;
}

}  // namespace

void HintDelivery::observe(Turn& turn) {
  std::erase_if(couriers_, [this](const auto& courier) { return !core_.placement.owns(courier.first); });
  for (const NodeId owner : *core_.placement.owners()) {
    if (owner == core_.self()) continue;
    Courier& courier = couriers_[owner];
    const bool was = std::exchange(courier.reachable, core_.placement.reaches(owner));
    if (was == courier.reachable) continue;
    courier.backoff = Duration::zero();
    abandon(courier, Time::max());
    if (!courier.reachable || !book_.owes(owner)) continue;
    courier.due = turn.now().steady + turn.random().between(Duration::zero(), core_.options.timers.delivery_jitter);
  }
}

Time HintDelivery::next(Time now) {
  Time first = Time::max();
  for (auto& [target, courier] : couriers_) {
    if (!courier.reachable) continue;
    if (courier.due == Time::max() && book_.owes(target)) courier.due = now + core_.options.timers.delivery_delay;
    first = std::min(first, courier.due);
  }
  return first;
}

Result<void> HintDelivery::tick(Turn& turn) {
  for (auto& [target, courier] : couriers_) {
    if (!courier.reachable || courier.due > turn.now().steady) continue;
    if (!courier.batch.empty()) {
      // Stalled: a message was lost, or the owner cannot keep up, or answers take longer than the timer.
      MARK(turn.recorder(), "ap.delivery_stalled");
      courier.backoff = std::min(std::max(courier.backoff * 2, core_.options.timers.delivery_delay),
                                 core_.options.timers.delivery_backoff_max);
      courier.due = turn.now().steady + core_.options.timers.delivery_stall + courier.backoff;
      TRY(repeat(target, courier, turn));
      continue;
    }
    TRY(proceed(target, courier, turn));
  }
  return {};
}

void HintDelivery::abandon(Courier& courier, Time again) {
  courier.batch.clear();
  courier.open = 0;
  courier.in_flight_bytes = 0;
  courier.page_bytes = 0;
  courier.token = 0;
  courier.due = again;
}

bool HintDelivery::may_go_on(Courier& courier, std::uint64_t bytes, Turn& turn) {
  const Time now = turn.now().steady;
  const Time next = core_.options.handoff->pay(now, bytes);
  if (next <= now) return true;
  MARK(turn.recorder(), "ap.handoff_throttled");
  courier.due = next;
  return false;
}

// The next page, of the rows and of what the dirty mark stands for in turn, so that neither waits for the end of the other; at rest when nothing
// is owed.
Result<void> HintDelivery::proceed(NodeId target, Courier& courier, Turn& turn) {
  for (std::size_t page = 0; page < pages_per_turn_max; ++page) {
    abandon(courier, Time::max());
    const bool has_rows = book_.rows(target) > 0;
    if (!has_rows) courier.hint_cursor.clear();
    if (!book_.owes(target)) return {};
    courier.dirty_page = !has_rows || (book_.dirty(target) && !courier.dirty_page);
    const bool more =
        courier.dirty_page ? TRY(take_dirty(target, courier, turn)) : TRY(take_hints(target, courier, turn));
    if (!courier.batch.empty()) {
      return start_batch(target, courier, turn);
    }
    if (more) {
      (courier.dirty_page ? courier.dirty_cursor : courier.hint_cursor) = courier.page_end;
    } else {
      if (courier.dirty_page) {
        TRY(finish_dirty(target, courier, turn));
      } else {
        finish_hints(target, courier, turn);
      }
      if (courier.due != Time::max()) return {};
    }
    if (!may_go_on(courier, courier.page_bytes, turn)) return {};
  }
  courier.due = turn.now().steady + Duration(1);
  return {};
}

Result<bool> HintDelivery::take_hints(NodeId target, Courier& courier, Turn& turn) {
  env::Range range = wire::hint_range(target, core_.options.partition);
  if (!courier.hint_cursor.empty()) range.first = courier.hint_cursor;
  const auto page = TRY(turn.scan(env::Table::hint, range, batch_keys_max, batch_key_bytes_max));
  if (page.empty()) return false;
  courier.page_end = page.back().key + '\0';
  courier.page_bytes = bytes_of(page);
  for (const auto& [disk_key, value] : page) {
    auto key = TRY(wire::parse_hint_key(disk_key));
    const auto row = TRY(wire::decode_hint(value));
    const auto slot = TRY(core_.records.load(turn, key.user_key));
    if (!slot.held) {
      book_.erase(turn, target, key.user_key);  // a reference to nothing owes nothing
      continue;
    }
    courier.batch.push_back(Item{.key = Bytes(std::move(key.user_key)), .row = row, .stamp = slot.held->stamp});
  }
  return true;
}

Result<bool> HintDelivery::take_dirty(NodeId target, Courier& courier, Turn& turn) {
  const auto dirty = *book_.dirty(target);
  // A mark made during the pass asks for another one after it: finish_dirty sees that.
  if (courier.dirty_cursor.empty()) {
    courier.dirty_cursor = core_.records.range().first;
    courier.dirty_generation = book_.begin_pass(target);
  }
  const env::Range range{.first = courier.dirty_cursor, .last = core_.records.range().last};
  const auto page = TRY(turn.scan(env::Table::state_ap, range, batch_keys_max, limits::scan_page_bytes_max));
  if (page.empty()) return false;
  courier.page_end = page.back().key + '\0';
  courier.page_bytes = bytes_of(page);
  for (const auto& [disk_key, value] : page) {
    const ByteView key = TRY(wire::parse_ap_data_key(disk_key));
    const auto envelope = TRY(wire::decode_envelope(value));
    if (envelope.stamp.hlc <= dirty.since) continue;
    courier.batch.push_back(Item{.key = Bytes(key), .row = std::nullopt, .stamp = envelope.stamp});
  }
  return true;
}

void HintDelivery::finish_hints(NodeId target, Courier& courier, Turn& turn) {
  // Rows behind the cursor are those that a newer write has renewed: another pass. None found from the start: the count was wrong.
  if (courier.hint_cursor.empty()) book_.no_rows(target);
  courier.hint_cursor.clear();
  if (book_.rows(target) > 0) courier.due = turn.now().steady + core_.options.timers.delivery_delay;
}

Result<void> HintDelivery::finish_dirty(NodeId target, Courier& courier, Turn& turn) {
  courier.dirty_cursor.clear();
  if (!TRY(book_.clear_dirty(turn, target, courier.dirty_generation))) return {};
  LOG_INFO(turn.log(), "ap.dirty_cleared", "partition={} target={}", core_.options.partition.value(),
           to_string(target));
  return {};
}

Result<void> HintDelivery::start_batch(NodeId target, Courier& courier, Turn& turn) {
  courier.token = core_.token;
  core_.token += 1 + courier.batch.size();
  courier.open = courier.batch.size();
  courier.next_wanted = 0;
  courier.due = turn.now().steady + core_.options.timers.delivery_stall;
  if (core_.placement.owner()) {
    offer(target, courier, turn);
    return {};
  }
  for (Item& item : courier.batch) item.state = State::wanted;
  return send_wanted(target, courier, turn);
}

// The same token and the same versions: an answer to any of the copies is an answer.
void HintDelivery::offer(NodeId target, const Courier& courier, Turn& turn) {
  wire::HintOffer message{.token = courier.token, .items = {}};
  message.items.reserve(courier.batch.size());
  bool unsynced = false;
  for (const Item& item : courier.batch) {
    message.items.push_back({.key = item.key, .stamp = item.stamp});
    unsynced = unsynced || !core_.synced(item.key);
  }
  const Bytes bytes = wire::encode_message(message);
  // No stamp is seen before the ceiling above it is on disk (trap T06).
  unsynced ? turn.send_when_durable(target, env::Lane::data, bytes) : turn.send(target, env::Lane::data, bytes);
}

Result<void> HintDelivery::repeat(NodeId target, Courier& courier, Turn& turn) {
  const auto unanswered = [](const Item& item) { return item.state == State::offered; };
  if (std::any_of(courier.batch.begin(), courier.batch.end(), unanswered)) {
    offer(target, courier, turn);
    return {};
  }
  for (std::size_t i = 0; i < courier.batch.size(); ++i) {
    if (courier.batch[i].state == State::sent) TRY(send_copy(target, courier, i, turn));
  }
  return {};
}

Result<void> HintDelivery::on_want(NodeId from, const wire::HintWant& want, Turn& turn) {
  const auto found = couriers_.find(from);
  if (found == couriers_.end() || found->second.batch.empty() || want.token != found->second.token) return {};
  Courier& courier = found->second;
  for (const std::uint32_t index : want.wanted) {
    if (index >= courier.batch.size()) {
      ++core_.counters.messages_dropped;
      return {};
    }
  }
  for (const std::uint32_t index : want.wanted) {
    if (courier.batch[index].state == State::offered) courier.batch[index].state = State::wanted;
  }
  for (Item& item : courier.batch) {
    if (item.state == State::offered) TRY(settle(from, courier, item, turn));
  }
  return progressed(from, courier, turn);
}

Result<void> HintDelivery::send_wanted(NodeId target, Courier& courier, Turn& turn) {
  for (; courier.next_wanted < courier.batch.size(); ++courier.next_wanted) {
    if (courier.batch[courier.next_wanted].state != State::wanted) continue;
    if (courier.in_flight_bytes >= in_flight_bytes_max) return {};
    TRY(send_copy(target, courier, courier.next_wanted, turn));
  }
  return {};
}

// The current state, whatever was offered (trap T27). What proves the item settled is the version of the first copy: a later one, sent again, is
// only newer.
Result<void> HintDelivery::send_copy(NodeId target, Courier& courier, std::size_t index, Turn& turn) {
  Item& item = courier.batch[index];
  auto slot = TRY(core_.records.load(turn, item.key));
  if (!slot.held) return fail(Code::corruption, "a record that a hint refers to has gone");
  if (item.state != State::sent) {
    item.state = State::sent;
    item.stamp = slot.held->stamp;
    item.bytes = item.key.size() + slot.held->payload.size();
    courier.in_flight_bytes += item.bytes;
    courier.page_bytes += item.bytes;
  }
  const Bytes message =
      wire::encode_message(wire::Store{.token = courier.token + 1 + index,
                                       .reason = item.row ? wire::StoreReason::hint : wire::StoreReason::sync,
                                       .key = item.key,
                                       .envelope = std::move(*slot.held)});
  core_.synced(item.key) ? turn.send(target, env::Lane::data, message)
                         : turn.send_when_durable(target, env::Lane::data, message);
  return {};
}

Result<void> HintDelivery::on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn) {
  const auto found = couriers_.find(from);
  if (found == couriers_.end() || found->second.batch.empty()) return {};
  Courier& courier = found->second;
  const std::uint64_t index = ack.token - courier.token - 1;
  if (index >= courier.batch.size()) return {};
  Item& item = courier.batch[index];
  if (item.state != State::sent) return {};
  // Settled only by the proof that the owner holds it, or something newer that has met it: what is lost by that is in the owner's ledger. A refusal
  // is of a copy that was not looked at, whatever the owner holds; it waits for the stall timer.
  const bool is_refused = ack.result == wire::StoreResult::refused || ack.result == wire::StoreResult::clock_skew;
  if (is_refused || ack.winner < item.stamp) return {};
  courier.in_flight_bytes -= item.bytes;
  TRY(settle(from, courier, item, turn));
  return progressed(from, courier, turn);
}

Result<void> HintDelivery::settle(NodeId target, Courier& courier, Item& item, Turn& turn) {
  item.state = State::settled;
  --courier.open;
  if (item.row) TRY(book_.settle(turn, target, item.key, *item.row));
  return {};
}

Result<void> HintDelivery::progressed(NodeId target, Courier& courier, Turn& turn) {
  courier.backoff = Duration::zero();
  courier.due = turn.now().steady + core_.options.timers.delivery_stall;
  if (courier.open > 0) return send_wanted(target, courier, turn);
  (courier.dirty_page ? courier.dirty_cursor : courier.hint_cursor) = courier.page_end;
  const std::uint64_t page_bytes = courier.page_bytes;
  abandon(courier, Time::max());
  return may_go_on(courier, page_bytes, turn) ? proceed(target, courier, turn) : Result<void>();
}

}  // namespace rift::ap
