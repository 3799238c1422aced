#include "ap/answers.h"

namespace rift::ap {
namespace {

bool valid_key(ByteView key) { return !key.empty() && key.size() <= limits::key_bytes_max; }

}  // namespace

void Answers::answer(NodeId to, bool wait_for_disk, const wire::Message& message, Turn& turn) {
  Bytes bytes = wire::encode_message(message);
  wait_for_disk ? turn.send_when_durable(to, env::Lane::data, std::move(bytes))
                : turn.send(to, env::Lane::data, std::move(bytes));
}

std::optional<wire::StoreResult> Answers::obstacle(const wire::Store& store, Turn& turn) {
  const auto hlc = store.envelope.stamp.hlc;
  const bool foreground = store.reason == wire::StoreReason::write || store.reason == wire::StoreReason::stand_in;
  // A copy from beyond the drift bound must not raise this node's clock, and as a client's write it is refused before it can poison the key
  // (traps T02, T03). One that another owner has stored already must be taken, or the owners would differ for ever.
  if (!core_.options.stamper->observe(hlc, turn.now().wall)) {
    if (foreground && !core_.placement.keyspace().wall_clock) {
      ++core_.counters.clock_skew_refused;
      return wire::StoreResult::clock_skew;
    }
    ++core_.counters.beyond_drift;
  }
  const bool takes_space = store.envelope.kind == causal::Kind::value;
  if (takes_space && turn.pressure() != env::Pressure::none) return wire::StoreResult::refused;
  return std::nullopt;
}

Result<bool> Answers::on_store(NodeId from, const wire::Store& store, Turn& turn) {
  if (!valid_key(store.key) || !plausible(store.envelope)) {
    ++core_.counters.messages_dropped;
    return false;
  }
  wire::StoreAck ack{.token = store.token, .result = wire::StoreResult::stored, .winner = {}};
  auto slot = TRY(core_.records.load(turn, store.key));
  if (const auto refused = obstacle(store, turn)) {
    ack.result = *refused;
    ack.winner = slot.stamp();
    answer(from, !core_.synced(store.key), ack, turn);
    return false;
  }
  const bool stored = TRY(core_.take(turn, store.key, slot, store.envelope));
  if (stored) {
    ++core_.counters.copies_stored;
  } else if (slot.stamp() == store.envelope.stamp) {
    ack.result = wire::StoreResult::had_it;
  } else {
    ack.result = wire::StoreResult::superseded;
    ++core_.counters.copies_superseded;
  }
  ack.winner = slot.stamp();
  const bool frees_a_hint = store.reason == wire::StoreReason::hint || store.reason == wire::StoreReason::sync;
  // Also for a copy that was here already, while the batch that brought it may not be on disk yet.
  answer(from, !core_.synced(store.key) && (frees_a_hint || core_.placement.durable()), ack, turn);
  return stored;
}

Result<void> Answers::on_versions(NodeId from, const wire::Versions& versions, Turn& turn) {
  if (!valid_key(versions.key)) {
    ++core_.counters.messages_dropped;
    return {};
  }
  const auto slot = TRY(core_.records.load(turn, versions.key));
  const wire::VersionsReply reply{.token = versions.token,
                                  .found = slot.held.has_value(),
                                  .stamp = slot.stamp(),
                                  .tombstone = slot.held && slot.held->kind == causal::Kind::tombstone,
                                  .catching_up = core_.catching_up};
  answer(from, !core_.synced(versions.key), reply, turn);
  return {};
}

Result<void> Answers::on_fetch(NodeId from, const wire::Fetch& fetch, Turn& turn) {
  if (!valid_key(fetch.key)) {
    ++core_.counters.messages_dropped;
    return {};
  }
  auto slot = TRY(core_.records.load(turn, fetch.key));
  const wire::FetchReply reply{.token = fetch.token,
                               .found = slot.held.has_value(),
                               .envelope = slot.held ? std::move(*slot.held) : causal::Envelope(),
                               .catching_up = core_.catching_up};
  answer(from, !core_.synced(fetch.key), reply, turn);
  return {};
}

Result<void> Answers::on_offer(NodeId from, const wire::HintOffer& offer, Turn& turn) {
  wire::HintWant want{.token = offer.token, .wanted = {}};
  bool wait_for_disk = false;
  if (offer.items.size() > wire::hint_offer_keys_max) {
    ++core_.counters.messages_dropped;
    return {};
  }
  for (std::uint32_t i = 0; i < offer.items.size(); ++i) {
    const auto& item = offer.items[i];
    if (!valid_key(item.key) || !plausible(item.stamp)) {
      ++core_.counters.messages_dropped;
      return {};
    }
    const auto slot = TRY(core_.records.load(turn, item.key));
    if (slot.stamp() < item.stamp) {
      want.wanted.push_back(i);
    } else {
      wait_for_disk = wait_for_disk || !core_.synced(item.key);
    }
  }
  // What is not wanted will be forgotten by the other side: it must be on disk here.
  answer(from, wait_for_disk, want, turn);
  return {};
}

}  // namespace rift::ap
