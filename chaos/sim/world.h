// Virtual time and everything that is random in a simulated run: an event heap ordered by (time, sequence), one seed, and a rolling trace
// hash over what happened. One thread. Two runs of one seed must give the same hash: a difference is a failing test (DESIGN 9).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "base/marks.h"
#include "base/rng.h"
#include "base/task.h"
#include "base/time.h"

namespace rift::chaos::sim {

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  Time now() const { return now_; }
  Rng& random() { return random_; }
  Recorder& recorder() { return recorder_; }

  void at(Time when, Task task);
  void after(Duration delay, Task task) { at(now_ + delay, std::move(task)); }
  // Runs events up to and including `end`; time ends there.
  void run_until(Time end);
  void run_for(Duration duration) { run_until(now_ + duration); }

  // What happens, in words, while it happens: for whoever replays a seed to understand it. Silent unless somebody listens; never part of the trace.
  using Narrator = std::function<void(Time now, std::string_view text)>;
  void set_narrator(Narrator narrator) { narrator_ = std::move(narrator); }
  bool is_narrated() const { return narrator_ != nullptr; }
  void tell(std::string_view text) {
    if (narrator_) narrator_(now_, text);
  }

  // Folds an event into the trace: what happened, to whom, with which bytes.
  void trace(std::string_view what, std::uint64_t who, std::string_view bytes = {});
  std::uint64_t trace_hash() const { return trace_hash_; }
  std::uint64_t events() const { return events_; }

 private:
  Rng random_;
  Narrator narrator_;
  Recorder recorder_;
  Time now_{};
  std::map<std::pair<Time, std::uint64_t>, Task> heap_;
  std::uint64_t sequence_ = 0;
  std::uint64_t trace_hash_ = 0x9e3779b97f4a7c15ULL;
  std::uint64_t events_ = 0;
};

}  // namespace rift::chaos::sim
