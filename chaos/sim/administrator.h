// Carries the verbs of an administrator out on a simulated cluster, through whichever node may be asked, and again until they are done: a node
// that dies with the question, or cannot reach a majority, answers nothing. Knows no schedule: rows and storms say when.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chaos/sim/cluster.h"

namespace rift::chaos::sim {

class Administrator {
 public:
  using Verb = std::function<void(Admin&, Admin::Done<topology::Catalog>)>;
  using Then = std::function<void()>;
  // `through` names the nodes that may be asked now.
  Administrator(Cluster& cluster, std::function<std::vector<NodeId>()> through)
      : cluster_(cluster), through_(std::move(through)) {}
  Administrator(const Administrator&) = delete;
  Administrator& operator=(const Administrator&) = delete;

  void change(Verb verb, Then then);
  void change_members(const topology::MemberChange& change, Then then);
  void set_copies(const std::string& keyspace, std::uint32_t copies, Then then);
  // `id` runs with a disk that no cluster knows: the cluster is told of it, then it is told of the cluster.
  void add(NodeId id, Then then) { bring_in(topology::MemberChange::Kind::add, id, std::move(then)); }
  void replace(NodeId id, Then then) { bring_in(topology::MemberChange::Kind::replace, id, std::move(then)); }
  // Moves its copies away; then the group of every copy lets it go, and the map forgets it.
  void remove(NodeId id, Then then);
  void forget(NodeId id, Then then);

  std::size_t open_count() const { return open_; }  // verbs that are not done yet
  const std::string& last_refusal() const { return last_refusal_; }

 private:
  struct Wish {
    Verb verb;
    Then then;
    std::uint64_t tries = 0;
    bool is_done = false;
  };
  void attempt(const std::shared_ptr<Wish>& wish);
  void end(const std::shared_ptr<Wish>& wish);
  void bring_in(topology::MemberChange::Kind kind, NodeId id, Then then);
  void join(NodeId id, const Then& then);
  void after(Duration delay, Task task) { cluster_.world().after(delay, std::move(task)); }

  Cluster& cluster_;
  std::function<std::vector<NodeId>()> through_;
  std::size_t open_ = 0;
  std::string last_refusal_;
};

}  // namespace rift::chaos::sim
