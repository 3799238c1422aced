// Clients of a cp keyspace that use more than registers, in virtual time: counters, lists, accounts, locks, ranges and keys that live briefly
// (chaos/check/objects.h), one client per node, each with a caller that tries again and op ids, so that everything is to happen exactly once.
// Remembers what it was told.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chaos/check/objects.h"
#include "chaos/sim/cluster.h"
#include "chaos/sim/sim_client.h"

namespace rift::chaos::sim {

class ObjectLoad {
 public:
  struct Options {
    std::string keyspace = "things";
    Duration period = std::chrono::milliseconds(60);  // of one client
    Duration timeout = std::chrono::seconds(1);
    Duration lease = std::chrono::milliseconds(800);
    Duration brief = std::chrono::milliseconds(700);  // time to live
  };
  ObjectLoad(Cluster& cluster, Options options) : cluster_(cluster), options_(std::move(options)) {}
  ObjectLoad(const ObjectLoad&) = delete;
  ObjectLoad& operator=(const ObjectLoad&) = delete;

  // Opens the accounts; the cluster is whole.
  Result<void> open();
  void start(Time end);
  void node_down(NodeId node);
  std::size_t open_count() const { return open_; }
  std::uint64_t done_count() const { return done_; }
  // Once everything has ended: reads what is there and holds it against what was told.
  void judge(std::vector<std::string>& failures);

 private:
  struct Actor {
    NodeId node;
    std::unique_ptr<SimClient> client;
    std::uint64_t tags = 0;
    std::optional<std::size_t> holding;  // the lock that it holds, in holdings_
  };
  using Answer = std::function<void(const Response&, const check::Attempted&)>;

  void act_again(Actor& actor);
  void act(Actor& actor);
  void add(Actor& actor);
  void append(Actor& actor);
  void transfer(Actor& actor);
  void read_bank(Actor& actor);
  void put_for_a_while(Actor& actor);
  void read_own(Actor& actor);
  void erase_range(Actor& actor);
  void lock(Actor& actor);
  void unlock(Actor& actor);
  void ask(Actor& actor, caller::Operation operation, Answer answer);
  // Waits for the answer, of a whole cluster.
  std::optional<Response> ask_and_wait(Actor& actor, const caller::Operation& operation);
  caller::Operation operation(Verb verb, const std::string& key) const;
  caller::Operation accounts() const;    // a Txn that reads them all
  caller::Operation look_at_accounts();  // that, a multi-get or a scan
  caller::Operation range_of(Verb verb, const std::string& prefix, PartitionId partition) const;
  void judge_brief_keys(Actor& actor, std::vector<std::string>& failures);
  void judge_brief_keys(Actor& actor, PartitionId partition, std::vector<std::string>& failures);
  Rng& random() { return cluster_.world().random(); }

  Cluster& cluster_;
  Options options_;
  Time end_{};
  std::vector<std::unique_ptr<Actor>> actors_;
  std::size_t open_ = 0;
  std::uint64_t done_ = 0;
  std::vector<check::Addition> additions_;
  std::vector<check::Appending> appendings_;
  std::vector<check::ListRead> list_reads_;
  std::vector<check::BankRead> bank_reads_;
  std::vector<check::Holding> holdings_;
  std::vector<std::string> early_;  // keys that were gone before their time
  std::vector<std::string> stale_;  // what a client did not see of its own doings
};

}  // namespace rift::chaos::sim
