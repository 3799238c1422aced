// The vocabulary of faults, as data: what can be done to a cluster, to whom, and when. Not how it is done: chaos/live does it to
// processes and proxies, chaos/sim to simulated ones. A schedule names nodes by what they are (the leader's side); resolve()
// turns that into node numbers at the moment it is due, and the resolved fault is what goes into the history. Pure values.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/time.h"

namespace rift::chaos::fault {

// A directed link: what `from` sends to `to`.
struct Link {
  NodeId from;
  NodeId to;
  friend auto operator<=>(const Link&, const Link&) = default;
};

struct Split {
  std::vector<std::vector<NodeId>> groups;  // links between groups are cut both ways
  friend bool operator==(const Split&, const Split&) = default;
};
struct OneWay {
  std::vector<NodeId> from;  // what these send ...
  std::vector<NodeId> to;    // ... does not reach those
  friend bool operator==(const OneWay&, const OneWay&) = default;
};
struct Delay {
  std::vector<Link> links;
  Duration delay{};
  friend bool operator==(const Delay&, const Delay&) = default;
};
struct Heal {  // every cut and delay
  friend bool operator==(const Heal&, const Heal&) = default;
};
struct Kill {  // SIGKILL: what was written survives in the page cache, it is no power loss
  NodeId node;
  friend bool operator==(const Kill&, const Kill&) = default;
};
struct Restart {
  NodeId node;
  friend bool operator==(const Restart&, const Restart&) = default;
};
struct Pause {
  NodeId node;
  friend bool operator==(const Pause&, const Pause&) = default;
};
struct Resume {
  NodeId node;
  friend bool operator==(const Resume&, const Resume&) = default;
};
using Fault = std::variant<Split, OneWay, Delay, Heal, Kill, Restart, Pause, Resume>;

// A split whose smaller side holds the leader of `keyspace`; the others of that side are drawn.
struct SplitLeaderToMinority {
  std::string keyspace;
  std::size_t minority_size = 2;
  friend bool operator==(const SplitLeaderToMinority&, const SplitLeaderToMinority&) = default;
};
using Plan = std::variant<Fault, SplitLeaderToMinority>;

// What is known of the cluster when a plan is due.
struct Facts {
  struct Leader {
    std::string keyspace;
    NodeId node;
  };
  std::vector<NodeId> nodes;
  std::vector<Leader> leaders;
};
Result<Fault> resolve(const Plan& plan, const Facts& facts, Rng& rng);

// Directed links that the fault stops, in order; empty for faults of processes.
std::vector<Link> cut_links(const Fault& fault);

std::string_view name_of(const Fault& fault);  // "split", "one_way", ...: the `f` of the history
std::string describe(const Fault& fault);      // "split {n1 n2 n3} | {n4 n5}"

}  // namespace rift::chaos::fault
