// The cluster of a trial that cuts the network: `rift serve` processes with a proxy in every link between them, in a folder of their own, founded, with
// one ap keyspace; and what they owe each other. Gone with the object; the folder stays when keep_folder() was called. Used by the trials that
// split an ap keyspace, on the main thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chaos/live/local_cluster.h"
#include "cluster/agreement.h"
#include "topology/catalog.h"

namespace rift::cli {

class SplitNodes {
 public:
  static constexpr const char* keyspace = "trial";

  struct Options {
    std::uint32_t nodes = 5;
    std::uint32_t copies = 3;
    std::uint32_t partitions = 16;
    bool keep = false;
  };
  static Result<std::unique_ptr<SplitNodes>> create(const Options& options);
  ~SplitNodes();
  SplitNodes(const SplitNodes&) = delete;
  SplitNodes& operator=(const SplitNodes&) = delete;

  std::vector<std::string> endpoints() const;  // past the proxies: clients are on no side
  const topology::Keyspace& placement() const { return *catalog_.find(keyspace); }
  const std::string& folder() const { return folder_; }
  void keep_folder() { keep_ = true; }
  bool keeps_folder() const { return keep_; }

  // Cuts both ways between the groups; heals all.
  Result<void> cut(const chaos::live::Groups& groups);
  Result<void> heal();

  // Hints and dirty marks that the nodes hold, all together. An error if one does not answer.
  Result<std::uint64_t> owed() const;
  // Until nothing is owed, or timeout.
  Result<void> wait_until_settled(Duration limit) const;

  struct Used {
    double cpu_seconds = 0;           // of all nodes, user and system
    std::uint64_t bytes_between = 0;  // through the links between them, both ways, that were delivered
  };
  Result<Used> used() const;

  // Reads every copy whole. An error if a node does not answer.
  Result<cluster::Copies> compare() const;

 private:
  SplitNodes(std::string folder, bool keep) : folder_(std::move(folder)), keep_(keep) {}
  Result<void> start(const Options& options);
  bool runs_every_copy() const;

  std::string folder_;
  std::unique_ptr<chaos::live::LocalCluster> cluster_;
  topology::Catalog catalog_;
  bool keep_;
};

}  // namespace rift::cli
