// The members of a running cluster, in the steps that each verb of `rift members` takes, and what its nodes say of their groups. Each change is
// one of the catalog, made through any node that answers; the groups follow by themselves. An interrupted verb is finished by repeating it, and one that
// fails after its first step says so with an unknown outcome.
// Blocking; any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "client/admin.h"

namespace rift::cluster {

// One group as its nodes tell it: the word of its leader in the highest term where there is one.
struct Group {
  PartitionId partition;
  std::string keyspace;
  std::string name;  // "bank/0"
  Mode mode = Mode::cp;
  std::vector<NodeId> owners;  // the catalog's wish
  NodeId leader;               // 0: nobody says that it leads
  bool settled = false;
  std::vector<NodeId> voters;
  std::vector<NodeId> learners;
  std::map<NodeId, ReplicaStatus> replicas;  // by node, of those that answered
  std::map<NodeId, PeerProgress> peers;      // as the leader sees them
};

struct Survey {
  topology::Catalog catalog;
  std::map<NodeId, Result<StatusReply>> nodes;  // every member
  std::vector<Group> groups;                    // in the catalog's order
};

// What it would mean to accept that the disks of `lost` are gone: which groups have no majority left and from whom each would go on, and in words
// what may be lost.
struct LossPlan {
  topology::AcceptedLoss loss;
  std::vector<std::string> consequences;  // a line each
};

class Members {
 public:
  // Any nodes of the cluster; the map names the others.
  explicit Members(std::vector<std::string> endpoints, Duration limit = std::chrono::seconds(30))
      : endpoints_(std::move(endpoints)), limit_(limit) {}

  Result<topology::Catalog> catalog() const;
  Result<topology::Catalog> change(const topology::MemberChange& change) const;
  Result<Survey> survey() const;

  // The unfounded node at `address` becomes a member.
  Result<topology::Catalog> add(const std::string& address) const;
  // `node` has come back with an empty or another disk: at `address`, or where the map knows it if that is empty.
  Result<topology::Catalog> replace(NodeId node, std::string address) const;
  // Its partitions go to others; it is forgotten once no group names it. `tell` hears what is waited for.
  Result<topology::Catalog> remove(NodeId node, const std::function<void(const std::string&)>& tell) const;
  // Leadership of every partition of the keyspace, or of the partition "bank/0" alone, goes to `to`; done when it leads.
  Result<void> transfer(const std::string& which, NodeId to) const;
  // As planned; then the lost are forgotten as soon as no group names them. Who is called lost must not run any more: it would still serve those who
  // reach only it.
  Result<topology::Catalog> recover(const LossPlan& plan, const std::function<void(const std::string&)>& tell) const;

 private:
  Result<void> wait_until_leads(const std::string& which, NodeId to) const;
  Result<topology::Catalog> accept(const LossPlan& plan) const;
  Result<topology::Catalog> forget_when_free(NodeId node, const std::function<void(const std::string&)>& tell) const;
  Result<IdentityReply> identity_of(const std::string& address) const;
  Result<topology::Catalog> admit(const topology::MemberChange& wish, const std::string& address) const;

  std::vector<std::string> endpoints_;
  Duration limit_;
};

// The groups that `to` does not lead yet, of the keyspace or of the one partition that `which` names. Refused, before any is told: unknown_keyspace,
// no_leader, and invalid where `to` has no vote in one of them.
Result<std::vector<Group>> to_hand_over(const Survey& survey, const std::string& which, NodeId to);

// Errors: invalid: a stranger, one that answers, or one that does neither and may hold more than the survivor of its group; not_ready: a group is
// changing its members.
Result<LossPlan> plan_loss(const Survey& survey, const std::vector<NodeId>& lost);

// The groups whose members, as far as somebody says, still include `node`, and those for whose owners it keeps writes, or may.
std::vector<std::string> groups_with(const Survey& survey, NodeId node);

// "bank: 2 of 3 copies up; one more failure stops writes". Of the partitions that stand worst, and how many those are; of the sides of a cut: the
// leader's, or the one with most copies.
std::string what_can_fail(const Survey& survey, const topology::Keyspace& keyspace);

}  // namespace rift::cluster
