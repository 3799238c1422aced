// The load's Store on a real cluster: one SDK client per node, pinned to it through its client proxy, one attempt per operation (the
// story measures attempts, so nothing is tried again). Owned by the story's thread; the SDK's threads only post answers to it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "chaos/live/mailbox.h"
#include "chaos/load/store.h"
#include "client/client.h"

namespace rift::chaos::live {

// Steady time since the run began, the one clock of a story.
class RunClock {
 public:
  RunClock() : start_(std::chrono::steady_clock::now()) {}
  Time now() const { return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start_)); }

 private:
  std::chrono::steady_clock::time_point start_;
};

class LiveStore final : public load::Store {
 public:
  static Result<std::unique_ptr<LiveStore>> connect(const std::map<NodeId, std::string>& endpoints, Mailbox& mailbox,
                                                    const RunClock& clock);
  void submit(const load::Ask& ask, Done done) override;

 private:
  LiveStore(Mailbox& mailbox, const RunClock& clock) : mailbox_(mailbox), clock_(clock) {}

  Mailbox& mailbox_;
  const RunClock& clock_;
  std::map<NodeId, std::unique_ptr<Client>> clients_;
};

// What a client may conclude, as the history wants it.
load::Answer to_answer(const load::Ask& ask, const Response& response);
// Opaque, equal exactly for the same write, empty for none.
std::string version_text(const Version& version);

}  // namespace rift::chaos::live
