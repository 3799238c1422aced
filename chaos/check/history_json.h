// A history as JSON Lines, shaped as Jepsen's: per operation an "invoke" line and one of "ok" (done), "fail" (proved to have
// had no effect) or "info" (unknown); the first six keys are exactly index, time, process, type, f, value. Faults are "info"
// lines of the process "nemesis". Schema: docs/schemas/history.json. The writer streams whole lines into a sink of the caller;
// the reader takes any bytes and answers with the line that is wrong. Called by chaos/load and cli, one thread.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "chaos/check/history.h"

namespace rift::chaos::check {

class HistoryWriter {
 public:
  using Sink = std::function<void(std::string_view line)>;  // a whole line with its newline
  explicit HistoryWriter(Sink sink) : sink_(std::move(sink)) {}

  void invoked(const Operation& op);
  void completed(const Operation& op);
  void fault(const FaultRecord& record);

 private:
  Sink sink_;
};

// The whole history as text, events in order of their index.
std::string write_history(const History& history);

// Completions are matched with invocations by process. An operation without a completion is unknown and open.
Result<History> read_history(std::string_view text);

}  // namespace rift::chaos::check
