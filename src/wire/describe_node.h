// Field by field: the messages of node, membership and cp beside raft's (proto_codec.h says how to read this). Internal to wire.
#pragma once

#include "wire/describe_client.h"
#include "wire/describe_raft.h"
#include "wire/messages.h"

namespace rift::wire::proto {

template <class Io, Is<Hello> M>
void describe(Io& io, M& m) {
  io.message(1, m.cluster);
  io.required(2, m.node);
  io.message(3, m.disk);
  io.required(5, m.protocol_min);
  io.required(6, m.protocol_max);
  io.scalar(7, m.epoch);
  io.packed(8, m.starts);
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
  io.scalar(1, m.revision);
  io.bytes(2, m.catalog);
}

template <class Io, Is<LeaveQuestion> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.epoch);
}

template <class Io, Is<LeaveAnswer> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.epoch);
  io.scalar(2, m.config_index);
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

template <class Io, Is<SnapshotOffer> M>
void describe(Io& io, M& m) {
  io.required(1, m.term);
  io.fixed(2, m.id);
  io.fixed(3, m.wish);
  io.message(4, m.meta);
}

template <class Io, Is<SnapshotPull> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.id);
  io.required(2, m.number);
}

template <class Io, Is<StateRecord> M>
void describe(Io& io, M& m) {
  io.required(1, m.key);
  io.bytes(2, m.value);
}

template <class Io, Is<SnapshotChunk> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.id);
  io.required(2, m.number);
  io.messages(3, m.records, snapshot_records_max);
  io.fixed(4, m.sum);
  io.scalar(5, m.last);
}

template <class Io, Is<SnapshotDone> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.id);
  io.scalar(2, m.installed);
}

template <class Io, Is<SnapshotWish> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.fixed(2, m.wish);
  io.scalar(3, m.at_least);
  io.scalar(4, m.amnesiac);
}

template <class Io, Is<StateReport> M>
void describe(Io& io, M& m) {
  io.required(1, m.index);
  io.fixed(2, m.hash);
  io.scalar(3, m.known);
  io.scalar(4, m.is_answer);
}

}  // namespace rift::wire::proto
