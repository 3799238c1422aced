// Field by field: requests, responses and the commands in a log entry (proto_codec.h says how to read this). Internal to wire.
#pragma once

#include "base/limits.h"
#include "replica/request.h"
#include "wire/proto_parser.h"
#include "wire/records.h"

namespace rift::wire::proto {

template <class Io, Is<Uuid> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.high);
  io.fixed(2, m.low);
}

template <class Io, Is<OpId> M>
void describe(Io& io, M& m) {
  io.fixed(1, m.client.high);
  io.fixed(2, m.client.low);
  io.scalar(3, m.sequence);
  io.scalar(4, m.floor);
  io.scalar(5, m.first);
  io.scalar(6, m.retry);
}

template <class Io, Is<Condition> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.kind);
  io.scalar(2, m.version);
  io.bytes(3, m.value);
}

template <class Io, Is<Compare> M>
void describe(Io& io, M& m) {
  io.bytes(1, m.key);
  io.message(2, m.condition);
}

template <class Io, Is<Step> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.verb);
  io.bytes(2, m.key);
  io.bytes(3, m.value);
  io.scalar(4, m.delta);
  io.scalar(5, m.ttl);
}

template <class Io, Is<Operands> M>
void describe(Io& io, M& m) {
  io.bytes(1, m.range_end);
  io.scalar(2, m.single_key);
  io.scalar(3, m.delta);
  io.scalar(4, m.ttl);
  io.scalar(5, m.revision);
  io.scalar(6, m.keys_max);
  io.scalar(7, m.keys_only);
  io.messages(8, m.compares, limits::txn_operations_max);
  io.messages(9, m.then_steps, limits::batch_ops_max);
  io.messages(10, m.else_steps, limits::txn_operations_max);
  io.bytes(11, m.cursor);
}

template <class Io, Is<Command> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.verb);
  io.bytes(2, m.key);
  io.bytes(3, m.value);
  io.message(4, m.condition);
  io.maybe_message(5, m.op);
  io.maybe_message(6, m.operands);
}

template <class Io, Is<Version> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.create_revision);
  io.scalar(2, m.modify_revision);
  io.scalar(3, m.version);
  io.fixed(4, m.hlc);
  io.scalar(5, m.dot_node);
  io.fixed(6, m.dot_incarnation);
  io.scalar(7, m.dot_sequence);
}

template <class Io, Is<Request> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.id);
  io.bytes(2, m.keyspace);
  io.scalar(3, m.partition);
  io.scalar(4, m.epoch);
  io.enumeration(5, m.verb);
  io.enumeration(6, m.level);
  io.bytes(7, m.key);
  io.bytes(8, m.value);
  io.message(9, m.condition);
  io.maybe_message(10, m.op);
  io.scalar(11, m.budget);
  io.scalar(12, m.forwarded);
  io.scalar(13, m.write_back);
  io.maybe_message(14, m.operands);
  io.scalar(15, m.token);
  io.message(16, m.seen);
  io.scalar(17, m.mints_token);
}

template <class Io, Is<Teaching> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.sloppy);
  io.scalar(2, m.wall_clock);
  io.scalar(3, m.no_durability);
}

template <class Io, Is<Receipt> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.asked);
  io.enumeration(2, m.reached);
  io.packed(3, m.acknowledged_by);
  io.scalar(4, m.served_by);
  io.scalar(5, m.leader);
  io.scalar(6, m.term);
  io.scalar(7, m.index);
  io.enumeration(8, m.read_path);
  io.maybe(9, m.staleness_bound);
  io.scalar(10, m.hints_left);
  io.scalar(11, m.superseded);
  io.scalar(12, m.duplicate);
  io.scalar(13, m.wal_durability);
  io.scalar(14, m.epoch);
  io.scalar(15, m.map_age);
  io.scalar(16, m.refounded);
  io.message(17, m.superseded_by);
  io.packed(18, m.hinted);
  io.scalar(19, m.degraded);
  io.message(20, m.teaching);
  io.packed(21, m.stand_ins);
}

template <class Io, Is<Item> M>
void describe(Io& io, M& m) {
  io.bytes(1, m.key);
  io.scalar(2, m.found);
  io.bytes(3, m.value);
  io.message(4, m.version);
}

template <class Io, Is<Event> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.kind);
  io.scalar(2, m.revision);
  io.bytes(3, m.key);
  io.bytes(4, m.value);
  io.message(5, m.version);
}

template <class Io, Is<Results> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.succeeded);
  io.messages(2, m.items, limits::batch_ops_max);
  io.bytes(3, m.next_key);
  io.scalar(4, m.revision);
  io.scalar(5, m.compacted);
  io.scalar(6, m.deleted);
  io.messages(7, m.events, limits::watch_events_max);
}

template <class Io, Is<Response> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.id);
  io.enumeration(2, m.code);
  io.enumeration(3, m.outcome);
  io.scalar(4, m.found);
  io.bytes(5, m.value);
  io.message(6, m.version);
  io.bytes(7, m.why);
  io.bytes(8, m.hint);
  io.message(9, m.receipt);
  io.scalar(10, m.more);
  io.maybe_message(11, m.results);
}

}  // namespace rift::wire::proto
