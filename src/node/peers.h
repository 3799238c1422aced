// Connections to and from other nodes: who is accepted (cluster, node id, disk id, starts; DESIGN 7, 8), what one says about oneself, and who is
// dialled. Decides; the network port does the moving. Used by Node only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "env/network.h"
#include "env/storage.h"
#include "node/env.h"
#include "replica/front.h"
#include "topology/catalog.h"
#include "wire/messages.h"

namespace rift::node {

class Peers {
 public:
  Peers(Env& env, const Options& options) : env_(env), options_(options) {}

  // Reads the newest start seen of each peer.
  Result<void> load(env::Reader& reader);

  void set_identity(const NodeIdentity& identity, const std::vector<std::uint64_t>& starts, MapEpoch epoch);
  // Dials new members and changed addresses, forgets those that have gone.
  void follow(const topology::Catalog& catalog);

  // Nothing: refused, and `why` says the reason. Otherwise the peer; `raised` is set when its start is new and must be stored.
  struct Verdict {
    std::optional<NodeId> peer;
    std::string why;
    bool raised = false;
  };
  Verdict judge(const wire::Hello& hello, const topology::Catalog* catalog);
  void bind(env::ConnectionId connection, NodeId peer, const DiskId& disk) { connections_[connection] = {peer, disk}; }
  void unbind(env::ConnectionId connection) { connections_.erase(connection); }
  // By the map of now: nobody, while it does not name the peer with the disk that it said. A peer that is let in again is heard again.
  std::optional<NodeId> peer_of(env::ConnectionId connection, const topology::Catalog* catalog) const;

  static std::string start_name(NodeId peer, const DiskId& disk);
  std::uint64_t start_of(NodeId peer, const DiskId& disk) const;

 private:
  Env& env_;
  const Options& options_;
  NodeIdentity identity_;
  struct Bound {
    NodeId peer;
    DiskId disk;
  };
  std::map<env::ConnectionId, Bound> connections_;
  std::map<std::string, std::uint64_t> starts_;  // the newest seen, by start_name
  std::map<NodeId, std::string> dialled_;
};

}  // namespace rift::node
