// Field by field: raft's messages and log entries (proto_codec.h says how to read this). Internal to wire.
#pragma once

#include "base/limits.h"
#include "raft/messages.h"
#include "wire/proto_parser.h"

namespace rift::wire::proto {

// A message of one entry each would still be below this.
constexpr std::size_t append_entries_max = limits::frame_bytes_max / 8;

template <class Io, Is<raft::Entry> M>
void describe(Io& io, M& m) {
  io.required(1, m.term);
  io.required(2, m.index);
  io.enumeration(3, m.kind);
  io.scalar(4, m.log_time);
  io.bytes(5, m.payload);
}

template <class Io, Is<raft::HardState> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.vote);
}

template <class Io, Is<raft::Config> M>
void describe(Io& io, M& m) {
  io.packed(1, m.voters);
  io.packed(2, m.learners);
  io.packed(3, m.outgoing);
}

template <class Io, Is<raft::ConfigAt> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.index);
  io.message(2, m.config);
}

template <class Io, Is<raft::SnapshotMeta> M>
void describe(Io& io, M& m) {
  io.required(1, m.index);
  io.required(2, m.term);
  io.scalar(3, m.log_time);
  io.message(4, m.config);
}

template <class Io, Is<raft::PreVote> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.last_index);
  io.scalar(3, m.last_term);
}

template <class Io, Is<raft::PreVoteReply> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.campaign);
  io.scalar(3, m.granted);
}

template <class Io, Is<raft::Vote> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.last_index);
  io.scalar(3, m.last_term);
  io.scalar(4, m.transfer);
}

template <class Io, Is<raft::VoteReply> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.granted);
}

template <class Io, Is<raft::Append> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.prev_index);
  io.scalar(3, m.prev_term);
  io.scalar(4, m.commit);
  io.messages(5, m.entries, append_entries_max);
}

template <class Io, Is<raft::AppendAck> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.accepted);
  io.scalar(3, m.match);
  io.scalar(4, m.rejected_prev);
  io.scalar(5, m.hint_index);
  io.scalar(6, m.hint_term);
}

template <class Io, Is<raft::Heartbeat> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.commit);
  io.scalar(3, m.read_position);
}

template <class Io, Is<raft::HeartbeatAck> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
  io.scalar(2, m.read_position);
  io.scalar(3, m.verified);
}

template <class Io, Is<raft::TimeoutNow> M>
void describe(Io& io, M& m) {
  io.scalar(1, m.term);
}

}  // namespace rift::wire::proto
