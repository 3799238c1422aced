// The watches of one Client: drives caller::Watch for each, over the client's streams. Its ids have the top bit set, so that they never meet those
// of the caller's operations. Polling thread only; the callbacks of a watch run there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "caller/watch.h"
#include "client/watching.h"

namespace rift::client {

class WatchRuns {
 public:
  static bool is_mine(RequestId id) { return (id.value() >> 63) != 0; }

  void add(std::uint64_t number, caller::WatchOptions options, caller::WatchWish wish, WatchCallbacks callbacks,
           Rng rng, const std::shared_ptr<const topology::Catalog>& catalog, Time now);
  void remove(std::uint64_t number);  // its callbacks are not called again

  void observe(const std::shared_ptr<const topology::Catalog>& catalog, Time now);
  void receive(Response response, Time now);
  void tick(Time now);
  void stop();
  // Hands on what the watches want sent, cancelled and told. True: something was.
  struct Carry {
    std::function<void(caller::Send)> send;
    std::function<void(caller::WatchCancel)> cancel;
  };
  bool carry(const Carry& carry);

  bool take_map_wish();
  std::optional<Time> wake_at() const;

 private:
  struct Run {
    caller::Watch watch;
    WatchCallbacks callbacks;
    bool is_told_end = false;
  };
  bool carry_one(Run& run, const Carry& carry);

  std::map<std::uint64_t, std::shared_ptr<Run>> runs_;  // by number; a callback may remove its own
  std::vector<caller::WatchCancel> cancels_;            // of those removed
};

}  // namespace rift::client
