#include "ap/records.h"

#include "base/limits.h"
#include "causal/merge.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::ap {
namespace {

// The year 2500. No clock of this protocol makes a later stamp; one from a peer would leave the key, and the clock that follows it, without room
// for what comes after (trap T03).
constexpr causal::Hlc hlc_max = causal::Hlc::from_wall(WallTime(std::chrono::milliseconds(16'725'225'600'000)));

}  // namespace

Result<Slot> Records::load(Turn& turn, ByteView key) const {
  Slot slot{.disk_key = wire::ap_data_key(partition_, generation_, key), .held = std::nullopt};
  const auto bytes = TRY(turn.get(env::Table::state_ap, slot.disk_key));
  if (bytes) slot.held = TRY(wire::decode_envelope(*bytes));
  return slot;
}

void Records::store(Turn& turn, const Slot& slot, const causal::Envelope& envelope) const {
  turn.put(env::Table::state_ap, slot.disk_key, wire::encode(envelope));
}

void Records::erase(Turn& turn, ByteView key) const {
  turn.erase(env::Table::state_ap, wire::ap_data_key(partition_, generation_, key));
}

Merged Records::merge(Turn& turn, Slot& slot, const causal::Envelope& envelope) const {
  Merged merged;
  if (slot.held && !causal::wins(envelope.stamp, slot.held->stamp)) {
    if (!causal::covers(*slot.held, envelope.stamp.dot)) merged.lost = envelope;
    return merged;
  }
  if (slot.held && !causal::covers(envelope, slot.held->stamp.dot)) merged.lost = std::move(slot.held);
  store(turn, slot, envelope);
  slot.held = envelope;
  merged.stored = true;
  return merged;
}

env::Range Records::range() const { return wire::ap_data_range(partition_, generation_); }

bool plausible(const causal::Stamp& stamp) {
  return stamp.hlc <= hlc_max && stamp.dot.node != NodeId() && stamp.dot.sequence != 0;
}

bool plausible(const causal::Envelope& envelope) {
  return plausible(envelope.stamp) && envelope.payload.size() <= limits::value_bytes_max &&
         envelope.context.size() <= limits::context_actors_max && envelope.expiry >= WallTime();
}

bool has_room_above(const causal::Stamp& stamp) { return stamp.hlc < hlc_max; }

Version version_of(const causal::Stamp& stamp) {
  Version version;
  version.hlc = stamp.hlc.bits();
  version.dot_node = stamp.dot.node;
  version.dot_incarnation = stamp.dot.incarnation;
  version.dot_sequence = stamp.dot.sequence;
  return version;
}

causal::Stamp stamp_of(const Version& version) {
  return {.hlc = causal::Hlc(version.hlc),
          .dot = {.node = version.dot_node, .incarnation = version.dot_incarnation, .sequence = version.dot_sequence}};
}

}  // namespace rift::ap
