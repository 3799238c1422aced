#include "chaos/load/recorder.h"

#include <algorithm>

#include "base/assert.h"

namespace rift::chaos::load {

Recorder::Recorder(check::HistoryWriter::Sink sink) {
  if (sink) writer_.emplace(std::move(sink));
}

Recorder::Ticket Recorder::begin(const Ask& ask, Time scheduled, Time now) {
  check::Operation& op = history_.operations.emplace_back();
  op.index = next_index_++;
  op.process = take_process(ask.client);
  op.keyspace = ask.keyspace;
  op.node = ask.node;
  op.side = side_of(ask.node);
  op.client = ask.client;
  op.sequence = ask.sequence;
  op.kind = ask.kind;
  op.key = ask.key;
  op.value = ask.value;
  op.expected = ask.expected;
  op.scheduled = scheduled;
  op.invoke = now;
  op.level = ask.level;
  ++open_;
  if (writer_) writer_->invoked(op);
  return history_.operations.size() - 1;
}

void Recorder::end(Ticket ticket, const Answer& answer, Time now) {
  ASSERT(ticket < history_.operations.size());
  check::Operation& op = history_.operations[ticket];
  ASSERT(op.complete == Time::max());
  op.completion_index = next_index_++;
  op.complete = std::max(now, op.invoke);
  op.outcome = answer.outcome;
  op.code = answer.code;
  op.held = answer.held;
  op.error = answer.error;
  if (op.kind == Kind::read) op.value = answer.outcome == Outcome::done ? answer.value : std::nullopt;
  op.has_seen = answer.has_seen;
  op.seen = answer.seen;
  op.version = answer.version;
  op.revision = answer.revision;
  --open_;
  if (answer.outcome != Outcome::unknown) idle_[op.client].push_back(op.process);
  if (writer_) writer_->completed(op);
}

void Recorder::fault(check::FaultRecord record) {
  record.index = next_index_++;
  if (writer_) writer_->fault(record);
  history_.faults.push_back(std::move(record));
}

void Recorder::set_sides(std::vector<NodeId> majority, std::vector<NodeId> minority) {
  majority_ = std::move(majority);
  minority_ = std::move(minority);
}

check::Side Recorder::side_of(NodeId node) const {
  if (std::find(majority_.begin(), majority_.end(), node) != majority_.end()) return check::Side::majority;
  return std::find(minority_.begin(), minority_.end(), node) != minority_.end() ? check::Side::minority
                                                                                : check::Side::none;
}

std::uint64_t Recorder::take_process(std::uint64_t client) {
  auto& idle = idle_[client];
  if (idle.empty()) return next_process_++;
  const std::uint64_t process = idle.back();
  idle.pop_back();
  return process;
}

}  // namespace rift::chaos::load
