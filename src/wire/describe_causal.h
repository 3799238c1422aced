// Field by field: stamps, envelopes and the messages of ap (proto_codec.h says how to read this). Internal to wire.
#pragma once

#include "base/limits.h"
#include "causal/version.h"
#include "wire/messages.h"
#include "wire/proto_parser.h"

namespace rift::wire::proto {

template <class Io, Is<causal::Dot> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.node);
  io.fixed(2, m.incarnation);
  io.scalar(3, m.sequence);
}

template <class Io, Is<causal::Stamp> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.hlc);
  io.message(2, m.dot);
}

template <class Io, Is<causal::Actor> M>
void describe(Io& io, M& m) {
  io.required(1, m.node);
  io.fixed(2, m.incarnation);
  io.required(3, m.sequence);
}

template <class Io, Is<causal::Envelope> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.kind);
  io.message(2, m.stamp);
  io.bytes(3, m.payload);
  io.messages(4, m.context, limits::context_actors_max);
  io.scalar(5, m.expiry);
}

template <class Io, Is<Store> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.enumeration(2, m.reason);
  io.required(3, m.key);
  io.message(4, m.envelope);
}

template <class Io, Is<StoreAck> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.enumeration(2, m.result);
  io.message(3, m.winner);
}

template <class Io, Is<Versions> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.required(2, m.key);
}

template <class Io, Is<VersionsReply> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.scalar(2, m.found);
  io.message(3, m.stamp);
  io.scalar(4, m.tombstone);
  io.scalar(5, m.catching_up);
}

template <class Io, Is<Fetch> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.required(2, m.key);
}

// The envelope is there exactly if it was found: an absent one has no valid kind.
template <class Io, Is<FetchReply> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  std::optional<causal::Envelope> envelope;
  if (m.found) envelope = m.envelope;
  io.maybe_message(2, envelope);
  if constexpr (!std::is_const_v<M>) {
    m.found = envelope.has_value();
    m.envelope = envelope.value_or(causal::Envelope());
  }
  io.scalar(3, m.catching_up);
}

template <class Io, Is<HintOffer::Item> M>
void describe(Io& io, M& m) {
  io.required(1, m.key);
  io.message(2, m.stamp);
}

template <class Io, Is<HintOffer> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.messages(2, m.items, hint_offer_keys_max);
}

template <class Io, Is<HintWant> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.packed(2, m.wanted);
}

template <class Io, Is<Refill> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
  io.fixed(2, m.since);
}

template <class Io, Is<RefillAck> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
}

template <class Io, Is<RefillDone> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.token);
}

}  // namespace rift::wire::proto
