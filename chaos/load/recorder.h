// Writes down what clients asked and were told, in memory and, if wanted, as a stream of JSON Lines while the run goes on.
// Assigns indexes in order of events and process numbers as Jepsen does: a process has one operation at a time and is retired
// after an unknown one, since that operation may still be going on. No clock: every event brings its time. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "chaos/check/history_json.h"
#include "chaos/load/store.h"

namespace rift::chaos::load {

class Recorder {
 public:
  explicit Recorder(check::HistoryWriter::Sink sink = nullptr);

  using Ticket = std::size_t;
  Ticket begin(const Ask& ask, Time scheduled, Time now);
  void end(Ticket ticket, const Answer& answer, Time now);
  void fault(check::FaultRecord record);  // its index is assigned here

  // From now on operations are marked with the side their node is on; empty lists: no split.
  void set_sides(std::vector<NodeId> majority, std::vector<NodeId> minority);

  std::size_t open_count() const { return open_; }
  const check::History& history() const { return history_; }

 private:
  check::Side side_of(NodeId node) const;
  std::uint64_t take_process(std::uint64_t client);

  check::History history_;
  std::optional<check::HistoryWriter> writer_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> idle_;  // processes by client
  std::uint64_t next_process_ = 0;
  std::uint64_t next_index_ = 0;
  std::size_t open_ = 0;
  std::vector<NodeId> majority_;
  std::vector<NodeId> minority_;
};

}  // namespace rift::chaos::load
