#include "cli/bench_cluster.h"

#include <algorithm>

#include <grpcpp/grpcpp.h>

#include "client/admin.h"
#include "client/client.h"
#include "etcd/rpc.grpc.pb.h"

namespace rift::cli {
namespace {

constexpr Duration settle_limit = std::chrono::seconds(15);

bool is_of(const topology::Keyspace& keyspace, PartitionId id) {
  return std::any_of(keyspace.partitions.begin(), keyspace.partitions.end(), [&](const auto& p) { return p.id == id; });
}

}  // namespace

Result<void> prepare_keyspace(const BenchOptions& options) {
  AdminClient admin(options.endpoints.front(), settle_limit);
  const topology::KeyspaceWish wish{.name = options.keyspace, .mode = options.mode};
  const auto made = admin.create_keyspace(wish);
  if (!made && made.error().code != Code::already_exists) return tl::unexpected<Error>(made.error());
  const auto client = TRY(Client::connect({.endpoints = options.endpoints, .deadline = settle_limit}));
  const Answer first = client->put(options.keyspace, "bench/start", "x");
  if (!first.is_done()) return fail(first.code, "the keyspace takes no writes: " + first.why);
  const topology::Keyspace* keyspace = client->catalog()->find(options.keyspace);
  if (keyspace != nullptr && keyspace->mode != options.mode) {
    return fail(Code::invalid,
                "keyspace " + options.keyspace + " exists and is " + std::string(to_string(keyspace->mode)));
  }
  return {};
}

Result<ClusterState> look_at_rift(const BenchOptions& options) {
  ClusterState state;
  const auto catalog = TRY(AdminClient(options.endpoints.front()).catalog());
  const topology::Keyspace* keyspace = catalog.find(options.keyspace);
  if (keyspace == nullptr) return fail(Code::unknown_keyspace, "no keyspace is called " + options.keyspace);
  const topology::Partition& first = keyspace->partitions.front();
  std::map<PartitionId, std::uint64_t> terms;
  for (const auto& [node, member] : catalog.members) {
    const auto reply = TRY(AdminClient(member.client_address).status());
    for (const auto& [name, count] : reply.status.counters) state.counters[name] += count;
    for (const ReplicaStatus& replica : reply.status.replicas) {
      if (!is_of(*keyspace, replica.partition)) continue;
      terms[replica.partition] = std::max(terms[replica.partition], replica.term.value());
      if (replica.partition == first.id && replica.role == "leader") state.leader = member.client_address;
    }
  }
  for (const auto& [partition, term] : terms) state.term += term;
  if (state.leader.empty() && !first.owners.empty()) {
    const topology::Member* owner = catalog.member(first.owners.front());
    if (owner != nullptr) state.leader = owner->client_address;
  }
  if (state.leader.empty()) return fail(Code::no_leader, "nobody leads " + options.keyspace);
  return state;
}

Result<ClusterState> look_at_etcd(const BenchOptions& options) {
  ClusterState state;
  for (const std::string& endpoint : options.endpoints) {
    const auto stub =
        etcdserverpb::Maintenance::NewStub(grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    etcdserverpb::StatusResponse answer;
    const grpc::Status status = stub->Status(&context, etcdserverpb::StatusRequest(), &answer);
    if (!status.ok()) return fail(Code::unreachable, "etcd at " + endpoint + ": " + status.error_message());
    state.term = std::max(state.term, answer.raft_term());
    if (answer.leader() != 0 && answer.leader() == answer.header().member_id()) state.leader = endpoint;
  }
  if (state.leader.empty()) return fail(Code::no_leader, "no endpoint of etcd leads");
  return state;
}

}  // namespace rift::cli
