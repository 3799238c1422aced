// rift status: what every node says of itself, who holds and leads what, and what can still fail. rift why-leader: the last elections of a group as
// each node remembers them.
#include <algorithm>
#include <set>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/json_parts.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "client/admin.h"
#include "cluster/members.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr auto node_limit = std::chrono::seconds(2);

json to_json(const std::map<std::string, std::uint64_t>& counters) {
  json value = json::object();
  for (const auto& [name, count] : counters) value[name] = json_number(count);
  return value;
}

json to_json(const RoleEvent& event) {
  return {{"wall_ms", json_number(static_cast<std::uint64_t>(event.at.time_since_epoch().count()))},
          {"role", event.role},
          {"term", json_number(event.term.value())},
          {"leader", event.leader.value()},
          {"reason", event.reason}};
}

json to_json(const ReplicaStatus& replica) {
  json value = {{"partition", replica.partition.value()},
                {"name", replica.name},
                {"mode", std::string(to_string(replica.mode))},
                {"role", replica.role},
                {"leader", replica.leader.value()},
                {"term", json_number(replica.term.value())},
                {"commit", json_number(replica.commit.value())},
                {"applied", json_number(replica.applied.value())},
                {"last", json_number(replica.last.value())},
                {"pending", json_number(replica.pending)},
                {"hints", json_number(replica.hints)},
                {"last_change", replica.last_change},
                {"voters", json_nodes(replica.voters)},
                {"learners", json_nodes(replica.learners)},
                {"settled", replica.settled},
                {"history", json::array()},
                {"counters", to_json(replica.counters)}};
  for (const RoleEvent& event : replica.history) value["history"].push_back(to_json(event));
  return value;
}

json to_json(const std::optional<topology::ClockSkew>& skew) {
  if (!skew) return nullptr;
  return {{"ahead_ms", std::to_string(skew->ahead.count())}, {"of", json_nodes(skew->of)}};
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
                {"incarnation", json_number(status.identity.incarnation)},
                {"ready", status.ready},
                {"not_ready_because", status.not_ready_because},
                {"map_epoch", json_number(status.epoch.value())},
                {"reaches", json_nodes(status.reachable)},
                {"clock_skew", to_json(status.clock_skew)},
                {"replicas", json::array()},
                {"counters", to_json(status.counters)}};
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
  if (status.clock_skew) {
    fmt::print("     clock {}: no writes of ap keyspaces here until it is set right\n",
               topology::to_string(*status.clock_skew));
  }
}

// "leader*", "voter", "learner", "stand-in"; of several partitions "3 copies, 1*, 2 stand-ins". Empty: it holds nothing of the keyspace.
std::string cell_of(const cluster::Survey& survey, const std::string& keyspace, NodeId node) {
  std::size_t copies = 0;
  std::size_t led = 0;
  std::size_t stands_in = 0;
  std::string role;
  for (const cluster::Group& group : survey.groups) {
    const auto replica = group.replicas.find(node);
    if (group.keyspace != keyspace || replica == group.replicas.end()) continue;
    replica->second.role == stand_in_role ? ++stands_in : ++copies;
    led += group.leader == node ? 1U : 0U;
    role = replica->second.role == "follower" ? "voter" : replica->second.role;
    if (group.leader == node) role = "leader*";
  }
  if (copies + stands_in < 2) return role;
  std::string text = copies == 0 ? "" : fmt::format("{} {}", copies, copies == 1 ? "copy" : "copies");
  if (led > 0) text += fmt::format(", {}*", led);
  if (stands_in > 0)
    text += fmt::format("{}{} stand-in{}", text.empty() ? "" : ", ", stands_in, stands_in == 1 ? "" : "s");
  return text;
}

bool answers(const cluster::Survey& survey, NodeId node) {
  const auto reply = survey.nodes.find(node);
  return reply != survey.nodes.end() && reply->second;
}

void print_table(const cluster::Survey& survey) {
  std::map<std::string, std::size_t> widths;
  for (const auto& [name, keyspace] : survey.catalog.keyspaces) {
    std::size_t& width = widths[name] = std::max<std::size_t>(name.size(), 14);
    for (const auto& [node, member] : survey.catalog.members)
      width = std::max(width, cell_of(survey, name, node).size());
  }
  fmt::print("\n{:<6}", "");
  for (const auto& [name, width] : widths) fmt::print(" {:<{}}", name, width);
  for (const auto& [node, member] : survey.catalog.members) {
    fmt::print("\n{:<6}", to_string(node));
    if (!answers(survey, node)) {
      fmt::print(" does not answer");
      continue;
    }
    for (const auto& [name, width] : widths) fmt::print(" {:<{}}", cell_of(survey, name, node), width);
  }
  fmt::print("\n\n");
  for (const auto& [name, keyspace] : survey.catalog.keyspaces)
    fmt::print("{}\n", cluster::what_can_fail(survey, keyspace));
}

json to_json(const cluster::Survey& survey) {
  json keyspaces = json::array();
  for (const auto& [name, keyspace] : survey.catalog.keyspaces) {
    json leaders = json::array();
    for (const cluster::Group& group : survey.groups) {
      if (group.keyspace == name && group.mode == Mode::cp) leaders.push_back(group.leader.value());
    }
    keyspaces.push_back({{"name", name},
                         {"mode", std::string(to_string(keyspace.mode))},
                         {"copies", keyspace.copies},
                         {"leaders", leaders},
                         {"what_can_fail", cluster::what_can_fail(survey, keyspace)}});
  }
  return keyspaces;
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
  // Of a cluster that is founded, as all its members tell it; one node by itself was asked for what it says.
  const auto survey = target.via.empty() && reached > 0 ? cluster::Members(*endpoints).survey()
                                                        : Result<cluster::Survey>(rift::fail(Code::not_ready, ""));
  if (context.format == Format::json) {
    const json value = {
        {"schema", "rift.status/1"}, {"nodes", nodes}, {"keyspaces", survey ? to_json(*survey) : json::array()}};
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  } else if (survey) {
    print_table(*survey);
  }
  return reached == 0 ? Exit::unreachable : Exit::done;
}

struct WhyOptions {
  Target target;
  std::string group;
};

struct Remembered {
  NodeId node;
  RoleEvent event;
};

std::vector<Remembered> memories_of(const cluster::Group& group) {
  std::vector<Remembered> all;
  for (const auto& [node, replica] : group.replicas) {
    for (const RoleEvent& event : replica.history) all.push_back({node, event});
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.event.at < b.event.at; });
  return all;
}

std::string clock_text(WallTime at) {
  const auto ms = at.time_since_epoch().count();
  return fmt::format("{:%F %T}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

void print_why(const cluster::Group& group) {
  fmt::print("{}: {}\n", group.name, group.leader == NodeId() ? "no leader" : "led by " + to_string(group.leader));
  for (const Remembered& memory : memories_of(group)) {
    const RoleEvent& event = memory.event;
    fmt::print("  {}  {:<4} term {:<5} {:<13} leader {:<5} {}\n", clock_text(event.at), to_string(memory.node),
               event.term.value(), event.role, event.leader == NodeId() ? "none" : to_string(event.leader),
               event.reason);
  }
}

json why_json(const cluster::Group& group) {
  json value = {{"name", group.name},
                {"partition", group.partition.value()},
                {"leader", group.leader.value()},
                {"events", json::array()}};
  for (const Remembered& memory : memories_of(group)) {
    json event = {{"node", memory.node.value()}};
    event.update(to_json(memory.event));
    value["events"].push_back(event);
  }
  return value;
}

Exit why_leader(const Context& context, const WhyOptions& options) {
  const auto endpoints = endpoints_of(options.target);
  if (!endpoints)
    return show_error(context.format, endpoints.error(), "rift cluster up" + options.target.cluster.flag());
  const auto survey = cluster::Members(*endpoints).survey();
  if (!survey) return show_error(context.format, survey.error(), "rift status" + options.target.flag());
  json groups = json::array();
  bool found = false;
  for (const cluster::Group& group : survey->groups) {
    if (group.keyspace != options.group && group.name != options.group) continue;
    if (group.mode == Mode::ap) return show_error(context.format, {Code::invalid, "an ap keyspace has no leaders"});
    found = true;
    if (context.format == Format::json) {
      groups.push_back(why_json(group));
    } else {
      print_why(group);
    }
  }
  if (!found)
    return show_error(context.format, {Code::unknown_keyspace, "no keyspace or partition is called " + options.group},
                      "rift keyspace ls" + options.target.flag());
  if (context.format == Format::json) {
    const json value = {{"schema", "rift.why_leader/1"}, {"groups", groups}};
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  return Exit::done;
}

void add_why_leader(CLI::App& app, Context& context) {
  auto options = std::make_shared<WhyOptions>();
  CLI::App* verb = app.add_subcommand("why-leader", "The last elections of a group, as each node remembers them");
  verb->footer("Example:  rift why-leader bank");
  verb->add_option("group", options->group, "A keyspace, or one partition of it: bank, bank/0")->required();
  add_target(*verb, options->target);
  add_format(*verb, context);
  verb->callback([&context, options] { context.exit = why_leader(context, *options); });
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto target = std::make_shared<Target>();
  CLI::App* verb = app.add_subcommand("status", "Who holds and leads what, and what can still fail");
  verb->footer("Example:  rift status -o json");
  add_target(*verb, *target);
  add_format(*verb, context);
  verb->callback([&context, target] { context.exit = status(context, *target); });
  add_why_leader(app, context);
}

}  // namespace rift::cli
