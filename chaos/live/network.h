// Named cuts and delays over the link proxies of one local cluster. Decides which links a cut means and what each link's shape
// is when several cuts overlap; moves no byte itself (link_net.h does). Called by the story, by `rift demo`'s keys and by the control
// socket, from any thread; the mutex is here because those are three threads and a cut touches many links.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "chaos/check/history.h"
#include "chaos/live/link_net.h"

namespace rift::chaos::live {

using Groups = std::vector<std::vector<NodeId>>;  // NodeId 0: the clients

enum class CutKind : std::uint8_t { both_ways, one_way };  // one way: what the first group sends does not arrive

struct Cut {
  std::string name;  // "cut-1"
  Groups groups;
  CutKind kind = CutKind::both_ways;
  std::vector<LinkId> links;
};

struct HealedCut {
  Cut cut;
  std::vector<check::LinkProof> links;  // what each link held, since the cut
};

struct LinkState {
  LinkId id;
  bool cut = false;
  Duration delay{};
  LinkCounters counters;
};

class Network {
 public:
  explicit Network(std::unique_ptr<LinkNet> links) : links_(std::move(links)) {}

  Result<std::string> add_link(LinkId link, const std::string& target) { return links_->add(link, target); }

  // At least two groups, disjoint, of known nodes. Nodes in no group keep all their links.
  Result<Cut> cut(const Groups& groups, CutKind kind);
  // An empty name heals every cut.
  Result<std::vector<HealedCut>> heal(const std::string& name);
  // Added to every byte that travels link.from -> link.to, on whoever's connection. 0 takes it away.
  Result<void> delay(LinkId link, Duration delay);

  std::vector<Cut> cuts() const;
  std::vector<LinkState> show() const;
  // What the links of a cut that is in force have held so far.
  std::vector<check::LinkProof> proof(const std::string& name) const;

 private:
  struct Standing {
    Cut cut;
    std::map<LinkId, LinkCounters> before;
  };
  Result<void> reshape() REQUIRES_LOCK(mutex_);
  bool is_cut(LinkId link) const REQUIRES_LOCK(mutex_);
  std::vector<check::LinkProof> proof_of(const Standing& standing) const REQUIRES_LOCK(mutex_);

  std::unique_ptr<LinkNet> links_;
  mutable Mutex mutex_;
  std::map<std::string, Standing> cuts_ GUARDED_BY(mutex_);
  std::map<LinkId, Duration> delays_ GUARDED_BY(mutex_);
  unsigned next_cut_ GUARDED_BY(mutex_) = 1;
};

// "n1,n2 / n3,n4,n5" as one text or as words; "c" stands for the clients.
Result<Groups> parse_groups(const std::string& text);
Result<NodeId> parse_node(const std::string& text);  // "n3" or "3"
std::string to_string(const Groups& groups);         // "{n1 n2} {n3 n4 n5}"

}  // namespace rift::chaos::live
