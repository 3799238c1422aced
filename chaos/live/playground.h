// The cluster of an interactive `rift demo`: the load of the story without an end, faults on demand, numbers of the last moments. Records no
// history and judges nothing. Main thread only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "chaos/live/story.h"
#include "chaos/live/watch.h"

namespace rift::chaos::live {

struct Numbers {
  std::uint64_t answered = 0;
  std::uint64_t refused = 0;  // not done
  std::uint64_t unknown = 0;
};

class Playground {
 public:
  static Result<std::unique_ptr<Playground>> create(LocalCluster& cluster, const StoryOptions& options);
  ~Playground();

  void run_for(Duration duration);  // drives the load
  // Each returns a line for the person at the keys.
  Result<std::string> cut();  // the cp leader goes with the minority
  Result<std::string> heal();
  Result<std::string> kill();     // the cp leader, or the first node that runs
  Result<std::string> restart();  // everything that is down

  // By keyspace and node, since the last call.
  std::map<std::string, std::map<NodeId, Numbers>> take_numbers();
  std::optional<NodeId> leader() const { return leader_; }

 private:
  Playground(LocalCluster& cluster, const StoryOptions& options, load::Generator generator);
  void submit(const load::Attempt& attempt);

  LocalCluster& cluster_;
  StoryOptions options_;
  load::Generator generator_;
  Mailbox mailbox_;
  RunClock clock_;
  Rng rng_;
  std::optional<NodeId> leader_;
  std::map<std::string, std::map<NodeId, Numbers>> numbers_;
  std::unique_ptr<LiveStore> store_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace rift::chaos::live
