#include "server/metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace rift::server {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) >= 0x20) out.push_back(c);
  }
  return out;
}

void add_gauge(prometheus::Registry& registry, const std::string& name, const std::string& help,
               const std::map<std::string, std::string>& labels, double value) {
  prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels).Set(value);
}

// Counters of a node that can fall: what is there now, not what has been.
bool is_level(std::string_view name) { return name == "open_requests" || name == "timers"; }

void add_node_counter(prometheus::Registry& registry, const std::string& name, std::uint64_t value) {
  if (is_level(name))
    return add_gauge(registry, "rift_node_" + name, "now in the node: " + name, {}, static_cast<double>(value));
  prometheus::BuildCounter()
      .Name("rift_node_" + name + "_total")
      .Help("node counter " + name)
      .Register(registry)
      .Add({})
      .Increment(static_cast<double>(value));
}

std::map<std::string, std::string> labels_of(const ReplicaStatus& replica) {
  return {{"partition", std::to_string(replica.partition.value())}, {"mode", std::string(to_string(replica.mode))}};
}

}  // namespace

std::string metrics_text(const NodeStatus& status) {
  prometheus::Registry registry;
  add_gauge(registry, "rift_ready", "1 when this node serves requests", {}, status.ready ? 1 : 0);
  add_gauge(registry, "rift_map_epoch", "version of the cluster map that this node has applied", {},
            static_cast<double>(status.epoch.value()));
  add_gauge(registry, "rift_reachable_nodes", "members that answer pings, this node included", {},
            static_cast<double>(status.reachable.size()));
  add_gauge(
      registry, "rift_clock_skew_seconds",
      "how far this node's clock is ahead of most members' (negative: behind), beyond the drift bound; 0: it is within",
      {}, status.clock_skew ? to_seconds(status.clock_skew->ahead) : 0);
  for (const auto& [name, value] : status.counters) add_node_counter(registry, name, value);
  for (const ReplicaStatus& replica : status.replicas) {
    const auto labels = labels_of(replica);
    add_gauge(registry, "rift_replica_pending", "requests or writes in flight", labels,
              static_cast<double>(replica.pending));
    add_gauge(registry, "rift_replica_hints", "keys kept for owners that have not acknowledged them", labels,
              static_cast<double>(replica.hints));
    if (replica.mode == Mode::cp) {
      add_gauge(registry, "rift_raft_term", "current term", labels, static_cast<double>(replica.term.value()));
      add_gauge(registry, "rift_raft_commit_index", "last committed log index", labels,
                static_cast<double>(replica.commit.value()));
      add_gauge(registry, "rift_raft_is_leader", "1 on the leader", labels, replica.role == "leader" ? 1 : 0);
    }
  }
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

std::string status_json(const NodeStatus& status) {
  std::string replicas;
  for (const ReplicaStatus& replica : status.replicas) {
    replicas += fmt::format(
        R"({}{{"partition":{},"mode":"{}","role":"{}","leader":"{}","term":"{}","commit":"{}","applied":"{}","pending":"{}","hints":"{}"}})",
        replicas.empty() ? "" : ",", replica.partition.value(), to_string(replica.mode), escape(replica.role),
        replica.leader == NodeId() ? "" : to_string(replica.leader), replica.term.value(), replica.commit.value(),
        replica.applied.value(), replica.pending, replica.hints);
  }
  std::string reachable;
  for (const NodeId node : status.reachable)
    reachable += fmt::format(R"({}"{}")", reachable.empty() ? "" : ",", to_string(node));
  const std::string skew = status.clock_skew ? topology::to_string(*status.clock_skew) : std::string();
  return fmt::format(
      R"({{"schema":"rift.node_status/1","node":"{}","cluster":"{}","ready":{},"not_ready_because":"{}","epoch":"{}","reachable":[{}],"clock_skew":"{}","replicas":[{}]}})"
      "\n",
      to_string(status.identity.node), to_string(status.identity.cluster), status.ready,
      escape(status.not_ready_because), status.epoch.value(), reachable, skew, replicas);
}

}  // namespace rift::server
