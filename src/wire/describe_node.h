// Field by field: the messages of node, membership and cp beside raft's (proto_codec.h says how to read this). Internal to wire.
#pragma once

#include "wire/describe_client.h"
#include "wire/messages.h"

namespace rift::wire::proto {

template <class Io, Is<Hello> M>
void describe(Io& io, M& m) {
  io.message(1, m.cluster);
  io.required(2, m.node);
  io.message(3, m.disk);
  io.fixed(4, m.incarnation);
  io.required(5, m.protocol_min);
  io.required(6, m.protocol_max);
  io.scalar(7, m.epoch);
}

template <class Io, Is<Forward> M>
void describe(Io& io, M& m) {
  io.message(1, m.request);
}

template <class Io, Is<ForwardReply> M>
void describe(Io& io, M& m) {
  io.message(1, m.response);
}

template <class Io, Is<MapPull> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.epoch);
}

template <class Io, Is<MapPush> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.epoch);
}

template <class Io, Is<Ping> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.sequence);
  io.scalar(2, m.sent);
}

template <class Io, Is<PingAck> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.sequence);
  io.scalar(2, m.sent);
  io.scalar(3, m.wall);
}

template <class Io, Is<ReadPosition> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.token);
}

template <class Io, Is<ReadPositionReply> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.token);
  io.scalar(3, m.granted);
  io.scalar(4, m.index);
}

template <class Io, Is<LogDurable> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.index);
  io.scalar(3, m.index_term);
}

}  // namespace rift::wire::proto
