// rift cluster: local clusters as a background supervisor with child processes, and the founding of any cluster.
#include <filesystem>

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "chaos/live/local_cluster.h"
#include "cli/supervise.h"
#include "cli/verbs.h"
#include "cluster/found.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr auto up_limit = std::chrono::seconds(60);

struct ClusterOptions {
  ClusterChoice cluster;
  std::uint32_t nodes = 5;
  bool foreground = false;
  std::string node;
  std::vector<std::string> endpoints;
  std::string log_level = "info";
  bool allow_teaching = false;
};

std::vector<std::string> listen_addresses(const cluster::Plan& plan) {
  std::vector<std::string> addresses;
  for (const auto& node : plan.nodes) addresses.push_back(node.listen);
  return addresses;
}

json ready_line(const std::string& dir, const cluster::Plan& plan, const cluster::Founded& founded) {
  json value = {{"schema", "rift.cluster_up/1"},
                {"event", "ready"},
                {"name", plan.name},
                {"dir", dir},
                {"cluster", to_string(founded.cluster)}};
  if (!founded.left_out.empty()) value["left_out"] = founded.left_out;
  value["nodes"] = json::array();
  for (const auto& node : plan.nodes) {
    value["nodes"].push_back(
        {{"node", to_string(node.node)}, {"listen", node.listen}, {"http", node.http}, {"pid", node.pid}});
  }
  return value;
}

void print_ready(const Context& context, const ClusterChoice& cluster, const json& value) {
  if (context.format == Format::json) {
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
    return;
  }
  fmt::print("cluster {}   {} nodes   {}\n", value.at("name").get<std::string>(), value.at("nodes").size(),
             value.at("dir").get<std::string>());
  for (const json& node : value.at("nodes")) {
    fmt::print("  {}   {}   http {}   pid {}\n", node.at("node").get<std::string>(),
               node.at("listen").get<std::string>(), node.at("http").get<std::string>(), node.at("pid").get<int>());
  }
  for (const json& why : value.value("left_out", json::array())) fmt::print("  left out: {}\n", why.get<std::string>());
  fmt::print("next     rift keyspace create bank --mode cp{0}   |   rift status{0}   |   rift cluster down{0}\n",
             cluster.flag());
}

// Harness errors are usage errors to the shell: no request of a client has failed (CONTRACTS 5).
Exit harness_error(const Context& context, const Error& error, std::string_view hint = {}) {
  show_error(context.format, error, hint);
  return error.code == Code::unreachable ? Exit::unreachable : Exit::usage;
}

std::string status_or_down(const ClusterChoice& cluster) {
  return fmt::format("rift cluster status{0}   |   rift cluster down{0}", cluster.flag());
}

Exit run_foreground(const Context& context, const ClusterOptions& options) {
  StopSignal::block();
  auto up = chaos::live::LocalCluster::up({.name = options.cluster.name,
                                           .dir = options.cluster.dir,
                                           .nodes = options.nodes,
                                           .log_level = options.log_level,
                                           .on_down = [] { StopSignal::request(); }});
  if (!up) return harness_error(context, up.error(), status_or_down(options.cluster));
  const cluster::Plan plan = (*up)->plan();
  // Who lost its disk is left out, not refused: the others have to run for `rift members replace`.
  const auto founded = cluster::found_or_resume(listen_addresses(plan), {.allow_teaching = options.allow_teaching});
  if (!founded) return harness_error(context, founded.error());
  const auto ready = cluster::wait_until_ready(founded->endpoints);
  if (!ready) return harness_error(context, ready.error());
  print_ready(context, options.cluster, ready_line((*up)->dir(), plan, *founded));
  std::fflush(stdout);
  StopSignal::wait();
  return Exit::done;
}

Exit up(const Context& context, const ClusterOptions& options) {
  if (options.foreground) return run_foreground(context, options);
  const std::string dir = options.cluster.folder();
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) return harness_error(context, {Code::io, fmt::format("cannot make {}: {}", dir, error.message())});
  const std::string log = dir + "/supervisor.log";
  std::vector<std::string> words = {"cluster",
                                    "up",
                                    "--foreground",
                                    "-o",
                                    "json",
                                    "--name",
                                    options.cluster.name,
                                    "--dir",
                                    dir,
                                    "--nodes",
                                    std::to_string(options.nodes),
                                    "--log-level",
                                    options.log_level};
  if (options.allow_teaching) words.emplace_back("--allow-teaching");
  const auto line = start_detached(words, log, up_limit);
  if (!line) return harness_error(context, line.error(), log);
  const json value = json::parse(*line, nullptr, false);
  if (!value.is_object() || value.value("event", "") != "ready") {
    const std::string why = value.is_object() ? value.value("why", *line) : *line;
    const Code code = value.is_object() ? code_named(value.value("code", "")) : Code::io;
    return harness_error(context, {code, why}, status_or_down(options.cluster));
  }
  print_ready(context, options.cluster, value);
  return Exit::done;
}

Exit down(const Context& context, const ClusterOptions& options) {
  const std::string dir = options.cluster.folder();
  const auto status = ask_supervisor(dir, {.verb = "status"});
  if (!status) return harness_error(context, status.error());
  const auto plan = cluster::read_plan(dir);
  const auto answer = ask_supervisor(dir, {.verb = "down"});
  if (!answer) return harness_error(context, answer.error());
  if (plan) wait_for_exit(plan->supervisor_pid, up_limit);
  if (context.format == Format::json) {
    fmt::print("{{\"schema\":\"rift.cluster_down/1\",\"dir\":{}}}\n", json_text(dir));
  } else {
    fmt::print("stopped; its data stays in {}\n", dir);
  }
  return Exit::done;
}

Exit status(const Context& context, const ClusterOptions& options) {
  const auto answer = ask_supervisor(options.cluster.folder(), {.verb = "status"});
  if (!answer) return harness_error(context, answer.error(), "rift cluster up" + options.cluster.flag());
  json value = json::parse(*answer);
  value.erase("ok");
  if (context.format == Format::json) {
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
    return Exit::done;
  }
  fmt::print("cluster {}   {}\n", value.at("name").get<std::string>(), value.at("dir").get<std::string>());
  for (const json& node : value.at("nodes")) {
    fmt::print("  {:<4} {:<8} {:<18} peers {:<18} http {:<18} {}\n", node.at("node").get<std::string>(),
               node.at("state").get<std::string>(), node.at("listen").get<std::string>(),
               node.at("peer_listen").get<std::string>(), node.at("http").get<std::string>(),
               node.at("pid").get<int>() != 0 ? fmt::format("pid {}", node.at("pid").get<int>())
                                              : node.at("exit").get<std::string>());
  }
  for (const json& cut : value.at("cuts")) {
    fmt::print("  {}   {}\n", cut.at("cut").get<std::string>(), cut.at("groups").get<std::string>());
  }
  return Exit::done;
}

Exit act_on_node(const Context& context, const ClusterOptions& options, const std::string& verb) {
  const auto answer = ask_supervisor(options.cluster.folder(), {.verb = verb, .fields = {{"node", options.node}}});
  if (!answer) {
    const std::string remedy = remedy_for(options.cluster, options.node);
    const std::string other = answer.error().code == Code::unreachable ? "rift cluster up" : "rift cluster status";
    return harness_error(context, answer.error(), remedy.empty() ? other + options.cluster.flag() : remedy);
  }
  if (context.format == Format::json) {
    fmt::print("{{\"schema\":\"rift.cluster_node/1\",\"did\":\"{}\",\"node\":{}}}\n", verb, json_text(options.node));
  } else {
    fmt::print("{}   {}\n", verb, options.node);
  }
  return Exit::done;
}

Exit init(const Context& context, const ClusterOptions& options) {
  const auto id = cluster::found_cluster(options.endpoints, {.allow_teaching = options.allow_teaching});
  if (!id) return harness_error(context, id.error());
  if (context.format == Format::json) {
    fmt::print("{{\"schema\":\"rift.cluster_init/1\",\"cluster\":\"{}\"}}\n", to_string(*id));
  } else {
    fmt::print("cluster {} founded on {} nodes\n", to_string(*id), options.endpoints.size());
  }
  return Exit::done;
}

bool is_about_a_node(std::string_view verb) { return verb != "up" && verb != "down" && verb != "status"; }

}  // namespace

void add_cluster(CLI::App& app, Context& context) {
  CLI::App* cluster = app.add_subcommand("cluster", "Local clusters: nodes as child processes behind link proxies");
  cluster->require_subcommand(1);
  const auto add = [&](const char* name, const char* help,
                       std::function<Exit(const Context&, const ClusterOptions&)> run_verb) {
    auto options = std::make_shared<ClusterOptions>();  // its own: the verbs beside it read the environment too
    CLI::App* verb = cluster->add_subcommand(name, help);
    add_format(*verb, context);
    verb->callback([&context, options, run_verb = std::move(run_verb)] { context.exit = run_verb(context, *options); });
    return std::pair(verb, options);
  };
  const auto add_local = [&](const char* name, const char* help,
                             std::function<Exit(const Context&, const ClusterOptions&)> run_verb) {
    auto added = add(name, help, std::move(run_verb));
    add_cluster_choice(*added.first, added.second->cluster);
    added.first->footer(fmt::format("Example:  rift cluster {}{}", name, is_about_a_node(name) ? " n2" : ""));
    return added;
  };
  const auto [up_verb, up_options] =
      add_local("up", "Start a cluster in the background, and found it if it is new", up);
  up_verb->add_option("--nodes", up_options->nodes, "Nodes of a new cluster")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  const auto add_teaching = [](CLI::App& verb, ClusterOptions& of) {
    verb.add_flag(
        "--allow-teaching", of.allow_teaching,
        "Of a new cluster: its ap keyspaces may be teaching variants, which lose acknowledged writes on purpose");
  };
  add_teaching(*up_verb, *up_options);
  up_verb->add_flag("--foreground", up_options->foreground, "Stay in the foreground; ctrl-c stops it");
  up_verb->add_option("--log-level", up_options->log_level, "debug, info, warn or error")->capture_default_str();
  add_local("down", "Stop a cluster; its data stays", down);
  add_local("status", "Show its processes and cuts", status);

  const std::pair<const char*, const char*> actions[] = {
      {"kill", "Kill a node's process (SIGKILL)"},
      {"pause", "Stop its process from running (SIGSTOP)"},
      {"resume", "Let it run again (SIGCONT)"},
      {"restart", "Stop it if it runs, and start it from its own disk"}};
  for (const auto& [name, help] : actions) {
    const auto [verb, options] = add_local(
        name, help,
        [name = std::string(name)](const Context& c, const ClusterOptions& o) { return act_on_node(c, o, name); });
    verb->add_option("node", options->node, "n1, n2, ...")->required();
  }
  const auto [init_verb, init_options] =
      add("init", "Found a cluster on nodes that `rift serve` runs; repeating it changes nothing", init);
  init_verb->footer("Example:  rift cluster init 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003");
  add_teaching(*init_verb, *init_options);
  init_verb->add_option("endpoints", init_options->endpoints, "Client address of every founding node")
      ->required()
      ->delimiter(',');
}

}  // namespace rift::cli
