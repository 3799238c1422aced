// A load in progress: hands due attempts of the generator to the store and their answers to the recorder. The driver owns the
// clock and calls run_due() whenever next_due() has come, live from a thread's loop, simulated from virtual time. Not for two
// threads. The load must outlive every answer that is still to come: the driver waits until open_count() is 0.
#pragma once

#include <map>
#include <optional>

#include "chaos/load/generator.h"
#include "chaos/load/recorder.h"

namespace rift::chaos::load {

class Load {
 public:
  Load(Generator generator, Recorder& recorder, Store& store);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  std::optional<Time> next_due() const { return generator_.next_due(); }
  // Submits everything that is due at `now`. An attempt past the client's bound of open ones is recorded as refused by the
  // client itself: it was wanted and not served.
  void run_due(Time now);
  void hold_still() { generator_.hold_still(); }  // to be called just before the heal

  std::size_t open_count() const { return recorder_.open_count(); }
  const Generator& generator() const { return generator_; }

 private:
  void submit(const Attempt& attempt, Time now);
  void finish(Recorder::Ticket ticket, const Attempt& attempt, const Answer& answer, Time now);

  Generator generator_;
  Recorder& recorder_;
  Store& store_;
  std::size_t open_per_client_max_;
  std::map<std::uint64_t, std::size_t> open_by_client_;
};

}  // namespace rift::chaos::load
