// Looks at every node again and again while a simulated cluster runs, and holds what no client can see against the rules of Raft: at
// most one leader in a term, a commit index that never goes back in one life of a node, equal state at equal applied index (I14),
// equal logs as far as they are committed. Says so in plain sentences, once per rule. Decides nothing about clients' answers.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "chaos/sim/cluster.h"

namespace rift::chaos::sim {

class Observer {
 public:
  struct Options {
    Duration every =
        std::chrono::milliseconds(5);  // often enough that a leader who lives for one round is rarely missed
    Duration logs_every = std::chrono::milliseconds(250);  // reading the logs is dear
  };
  Observer(World& world, Cluster& cluster, const Options& options)
      : world_(world), cluster_(cluster), options_(options) {}
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  // Looks for as long as the world runs; must outlive it.
  void start();
  void look();
  void compare_logs();

  const std::vector<std::string>& broken() const { return broken_; }
  Term highest_term(PartitionId partition) const;

 private:
  struct Seen {  // of one replica in one life of its node
    std::uint64_t life = 0;
    LogIndex commit{};
  };
  struct Committed {
    Term term;
    std::uint64_t hash = 0;
  };
  void look_again();
  void compare_logs_again();
  void look_at(NodeId id, const ReplicaStatus& replica);
  void compare_log(NodeId id, const ReplicaStatus& replica);
  void say(const std::string& rule, std::string sentence);

  World& world_;
  Cluster& cluster_;
  Options options_;
  std::map<std::pair<PartitionId, Term>, NodeId> leaders_;
  std::map<PartitionId, Term> terms_;
  std::map<std::pair<PartitionId, NodeId>, Seen> seen_;
  std::map<std::pair<PartitionId, LogIndex>, std::pair<std::uint64_t, NodeId>> states_;
  std::map<std::pair<PartitionId, LogIndex>, Committed> committed_;
  std::map<std::tuple<PartitionId, NodeId, std::uint64_t>, LogIndex> compared_;  // by life of the node
  std::map<std::string, std::uint64_t> said_;
  std::vector<std::string> broken_;
};

}  // namespace rift::chaos::sim
