#include "node/peers.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/limits.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {

namespace {

// Whether the start `known` is one of the disk's, or from before all that it remembers. Whoever was copied goes on under numbers of its own, which the
// other's list lacks, however often it is started again (until it has forgotten the copying, after hello_starts_max starts).
bool has_been(const std::vector<std::uint64_t>& starts, std::uint64_t known) {
  return std::find(starts.begin(), starts.end(), known) != starts.end() || (starts.back() >> 32) > (known >> 32);
}

}  // namespace

// With the disk: another disk under the same node id counts its own starts.
std::string Peers::start_name(NodeId peer, const DiskId& disk) {
  return fmt::format("peer_start/{}/{}", peer.value(), to_string(disk));
}

Result<void> Peers::load(env::Reader& reader) {
  const std::string first = wire::node_meta_key("peer_start/");
  const std::size_t prefix = wire::node_meta_key("").size();
  std::string last = first;
  last.back() = '0';  // the character after '/'
  env::Range rest{first, last};
  while (true) {
    const auto pairs = TRY(reader.scan(env::Table::meta, rest, limits::scan_page_keys_max, limits::mebi));
    if (pairs.empty()) return {};
    for (const auto& pair : pairs) starts_[pair.key.substr(prefix)] = TRY(wire::decode_u64(pair.value));
    rest.first = pairs.back().key + std::string(1, '\0');
  }
}

void Peers::set_identity(const NodeIdentity& identity, const std::vector<std::uint64_t>& starts, MapEpoch epoch) {
  identity_ = identity;
  env_.network.set_hello(wire::encode_hello(wire::Hello{.cluster = identity.cluster,
                                                        .node = identity.node,
                                                        .disk = identity.disk,
                                                        .protocol_min = wire::protocol_version,
                                                        .protocol_max = wire::protocol_version,
                                                        .epoch = epoch,
                                                        .starts = starts}));
}

void Peers::follow(const topology::Catalog& catalog) {
  std::map<NodeId, std::string> wanted;
  for (const auto& [node, member] : catalog.members) {
    if (node == identity_.node || member.state == topology::MemberState::lost) continue;
    const auto override = options_.dial.find(node);
    wanted[node] = override != options_.dial.end() ? override->second : member.peer_address;
  }
  for (const auto& [node, address] : dialled_) {
    if (!wanted.contains(node)) env_.network.forget(node);
  }
  for (const auto& [node, address] : wanted) {
    const auto it = dialled_.find(node);
    if (it == dialled_.end() || it->second != address) env_.network.dial(node, address);
  }
  dialled_ = std::move(wanted);
}

std::optional<NodeId> Peers::peer_of(env::ConnectionId connection, const topology::Catalog* catalog) const {
  const auto it = connections_.find(connection);
  if (it == connections_.end() || catalog == nullptr) return std::nullopt;
  const topology::Member* member = catalog->member(it->second.peer);
  const bool is_heard =
      member != nullptr && member->disk == it->second.disk && member->state != topology::MemberState::lost;
  if (!is_heard) return std::nullopt;
  return it->second.peer;
}

std::uint64_t Peers::start_of(NodeId peer, const DiskId& disk) const {
  const auto it = starts_.find(start_name(peer, disk));
  return it == starts_.end() ? 0 : it->second;
}

Peers::Verdict Peers::judge(const wire::Hello& hello, const topology::Catalog* catalog) {
  if (identity_.cluster.is_zero() || catalog == nullptr)
    return {.peer = std::nullopt, .why = "this node is not founded yet"};
  if (hello.cluster != identity_.cluster)
    return {.peer = std::nullopt, .why = "it belongs to cluster " + to_string(hello.cluster)};
  if (hello.protocol_min > wire::protocol_version || hello.protocol_max < wire::protocol_version) {
    return {.peer = std::nullopt,
            .why = fmt::format("it speaks protocols {}-{}", hello.protocol_min, hello.protocol_max)};
  }
  if (hello.node == identity_.node)
    return {.peer = std::nullopt,
            .why = "it comes in this node's own name: two processes are called " + to_string(identity_.node)};
  const topology::Member* member = catalog->member(hello.node);
  if (member == nullptr) return {.peer = std::nullopt, .why = to_string(hello.node) + " is not a member"};
  if (member->state == topology::MemberState::lost) {
    MARK(env_.recorder, "node.lost_disk_refused");
    return {.peer = std::nullopt,
            .why = to_string(hello.node) + " was given up as lost: the cluster went on without what its disk holds"};
  }
  if (member->disk != hello.disk) {
    return {.peer = std::nullopt,
            .why = fmt::format("{0} comes with another disk than the cluster knows; if the old one is gone for good, "
                               "`rift members replace {0}`",
                               to_string(hello.node))};
  }
  const std::uint64_t known = start_of(hello.node, hello.disk);
  if (!has_been(hello.starts, known)) {
    MARK(env_.recorder, "node.old_disk_refused");
    return {
        .peer = std::nullopt,
        .why = fmt::format("{0} comes from an old or copied disk: it knows nothing of its start {1:x}, which this node "
                           "has seen; if what "
                           "it wrote since is gone for good, `rift members replace {0}` with an empty data directory",
                           to_string(hello.node), known)};
  }
  const bool raised = hello.starts.front() != known;
  starts_[start_name(hello.node, hello.disk)] = hello.starts.front();
  return {.peer = hello.node, .why = {}, .raised = raised};
}

}  // namespace rift::node
