// rift status: what every node says of itself.
#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/target.h"
#include "cli/verbs.h"
#include "client/admin.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr auto node_limit = std::chrono::seconds(2);

json number(std::uint64_t value) { return std::to_string(value); }

json to_json(const std::map<std::string, std::uint64_t>& counters) {
  json value = json::object();
  for (const auto& [name, count] : counters) value[name] = number(count);
  return value;
}

json to_json(const ReplicaStatus& replica) {
  return {{"partition", replica.partition.value()},
          {"mode", std::string(to_string(replica.mode))},
          {"role", replica.role},
          {"leader", replica.leader.value()},
          {"term", number(replica.term.value())},
          {"commit", number(replica.commit.value())},
          {"applied", number(replica.applied.value())},
          {"last", number(replica.last.value())},
          {"pending", number(replica.pending)},
          {"hints", number(replica.hints)},
          {"last_change", replica.last_change},
          {"counters", to_json(replica.counters)}};
}

json to_json(const std::string& endpoint, const Result<StatusReply>& reply) {
  if (!reply) {
    return {{"endpoint", endpoint},
            {"reachable", false},
            {"code", std::string(to_string(reply.error().code))},
            {"why", reply.error().detail}};
  }
  const NodeStatus& status = reply->status;
  json value = {{"endpoint", endpoint},
                {"reachable", true},
                {"node", status.identity.node.value()},
                {"cluster", to_string(status.identity.cluster)},
                {"disk", to_string(status.identity.disk)},
                {"incarnation", number(status.identity.incarnation)},
                {"ready", status.ready},
                {"not_ready_because", status.not_ready_because},
                {"map_epoch", number(status.epoch.value())},
                {"reaches", json::array()},
                {"replicas", json::array()},
                {"counters", to_json(status.counters)}};
  for (const NodeId node : status.reachable) value["reaches"].push_back(node.value());
  for (const ReplicaStatus& replica : status.replicas) value["replicas"].push_back(to_json(replica));
  return value;
}

std::string node_names(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : " ") + to_string(node);
  return text;
}

void print_node(const std::string& endpoint, const Result<StatusReply>& reply) {
  if (!reply) {
    fmt::print("{:<4} {:<18} UNREACHABLE   {}\n", "?", endpoint, reply.error().detail);
    return;
  }
  const NodeStatus& status = reply->status;
  fmt::print("{:<4} {:<18} {:<10} map {}   reaches {}\n", to_string(status.identity.node), endpoint,
             status.ready ? "ready" : "NOT READY", status.epoch.value(), node_names(status.reachable));
  if (!status.ready) fmt::print("     why   {}\n", status.not_ready_because);
  std::uint64_t ap_replicas = 0;
  std::uint64_t pending = 0;
  std::uint64_t hints = 0;
  for (const ReplicaStatus& replica : status.replicas) {
    if (replica.mode == Mode::ap) {
      ++ap_replicas;
      pending += replica.pending;
      hints += replica.hints;
      continue;
    }
    fmt::print("     partition {:<4} cp  {:<10} leader {:<4} term {:<4} commit {}  applied {}\n",
               replica.partition.value(), replica.role, replica.leader == NodeId() ? "none" : to_string(replica.leader),
               replica.term.value(), replica.commit.value(), replica.applied.value());
  }
  if (ap_replicas > 0) fmt::print("     {} partitions ap   pending {}   hints {}\n", ap_replicas, pending, hints);
}

Exit status(const Context& context, const Target& target) {
  const auto endpoints = target.via.empty()
                             ? endpoints_of(target)
                             : admin_endpoint(target).map([](const std::string& e) { return std::vector{e}; });
  if (!endpoints) return show_error(context.format, endpoints.error(), "rift cluster up" + target.cluster.flag());
  std::size_t reached = 0;
  json nodes = json::array();
  for (const std::string& endpoint : *endpoints) {
    const auto reply = AdminClient(endpoint, node_limit).status();
    reached += reply ? 1U : 0U;
    if (context.format == Format::json) {
      nodes.push_back(to_json(endpoint, reply));
    } else {
      print_node(endpoint, reply);
    }
  }
  if (context.format == Format::json) {
    const json value = {{"schema", "rift.status/1"}, {"nodes", nodes}};
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  return reached == 0 ? Exit::unreachable : Exit::done;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto target = std::make_shared<Target>();
  CLI::App* verb = app.add_subcommand("status", "Show what every node says of itself and its replicas");
  verb->footer("Example:  rift status -o json");
  add_target(*verb, *target);
  add_format(*verb, context);
  verb->callback([&context, target] { context.exit = status(context, *target); });
}

}  // namespace rift::cli
