#include "chaos/live/local_cluster.h"

#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace rift::chaos::live {
namespace {

using nlohmann::json;

json text(std::uint64_t number) { return std::to_string(number); }  // 64-bit numbers are strings

std::string name_of(NodeId node) { return node == NodeId() ? "c" : rift::to_string(node); }

json to_json(const check::LinkProof& proof) {
  return {{"from", name_of(proof.from)},
          {"to", name_of(proof.to)},
          {"bytes_held", text(proof.bytes_held)},
          {"connections", text(proof.connections)}};
}

json to_json(const Cut& cut) {
  return {{"cut", cut.name},
          {"groups", to_string(cut.groups)},
          {"one_way", cut.kind == CutKind::one_way},
          {"links", text(cut.links.size())}};
}

json to_json(const HealedCut& healed) {
  json value = to_json(healed.cut);
  value["proof"] = json::array();
  for (const auto& link : healed.links) value["proof"].push_back(to_json(link));
  return value;
}

json to_json(const LinkState& link) {
  return {{"from", name_of(link.id.from)},
          {"to", name_of(link.id.to)},
          {"cut", link.cut},
          {"delay_ms", to_milliseconds(link.delay)},
          {"connections", text(link.counters.open)},
          {"bytes", text(link.counters.bytes_forward + link.counters.bytes_back)},
          {"bytes_held", text(link.counters.bytes_held)},
          {"connections_held", text(link.counters.connections_held)},
          {"connections_reset", text(link.counters.connections_reset)},
          {"connections_refused", text(link.counters.connections_refused)}};
}

// Answers repeat what was asked, and that may be any bytes.
std::string line_of(const json& answer) { return answer.dump(-1, ' ', false, json::error_handler_t::replace); }

json failure(const Error& error) {
  return {{"ok", false}, {"code", std::string(rift::to_string(error.code))}, {"why", error.detail}};
}

json outcome(const Result<void>& result) { return result ? json{{"ok", true}} : failure(result.error()); }

json status(const cluster::Supervisor& supervisor, const Network& network) {
  const cluster::Plan plan = supervisor.plan();
  json answer = {{"ok", true}, {"schema", "rift.cluster_status/1"}, {"name", plan.name}, {"dir", plan.dir}};
  answer["nodes"] = json::array();
  for (const auto& report : supervisor.report()) {
    const cluster::NodePlan* node = plan.find(report.node);
    answer["nodes"].push_back({{"node", name_of(report.node)},
                               {"state", std::string(to_string(report.state))},
                               {"pid", report.pid},
                               {"exit", report.exit_text},
                               {"listen", node->listen},
                               {"peer_listen", node->peer_listen},
                               {"http", node->http},
                               {"client_proxy", node->client_proxy}});
  }
  answer["cuts"] = json::array();
  for (const Cut& cut : network.cuts()) answer["cuts"].push_back(to_json(cut));
  return answer;
}

json do_cut(Network& network, const json& request) {
  const auto groups = parse_groups(request.value("groups", ""));
  if (!groups) return failure(groups.error());
  const auto cut = network.cut(*groups, request.value("one_way", false) ? CutKind::one_way : CutKind::both_ways);
  if (!cut) return failure(cut.error());
  json answer = to_json(*cut);
  answer["ok"] = true;
  return answer;
}

json do_heal(Network& network, const json& request) {
  const auto healed = network.heal(request.value("cut", ""));
  if (!healed) return failure(healed.error());
  json answer = {{"ok", true}, {"healed", json::array()}};
  for (const auto& cut : *healed) answer["healed"].push_back(to_json(cut));
  return answer;
}

json do_delay(Network& network, const json& request) {
  const auto from = parse_node(request.value("from", ""));
  if (!from) return failure(from.error());
  const auto to = parse_node(request.value("to", ""));
  if (!to) return failure(to.error());
  const double milliseconds = request.value("ms", -1.0);
  if (!(milliseconds >= 0 && milliseconds <= 1e6)) return failure({Code::invalid, "a delay lies between 0 and 60 s"});
  return outcome(network.delay({*from, *to}, Duration(static_cast<Duration::rep>(milliseconds * 1e6))));
}

json do_show(const Network& network) {
  json answer = {{"ok", true}, {"schema", "rift.net/1"}, {"cuts", json::array()}, {"links", json::array()}};
  for (const Cut& cut : network.cuts()) answer["cuts"].push_back(to_json(cut));
  for (const LinkState& link : network.show()) answer["links"].push_back(to_json(link));
  return answer;
}

// A plan of this folder, new or as it was, with every link led through a proxy.
Result<cluster::Plan> prepare(const LocalClusterOptions& options, const std::string& dir, Network& network) {
  const bool exists = std::filesystem::exists(dir + "/cluster.json");
  cluster::Plan plan =
      exists ? TRY(cluster::read_plan(dir)) : TRY(cluster::make_plan(options.name, dir, options.nodes));
  for (auto& node : plan.nodes) {
    node.client_proxy = TRY(network.add_link({NodeId(), node.node}, node.listen));
    node.dial.clear();
    for (const auto& peer : plan.nodes) {
      if (peer.node == node.node) continue;
      node.dial[peer.node] = TRY(network.add_link({node.node, peer.node}, peer.peer_listen));
    }
  }
  return plan;
}

}  // namespace

std::map<NodeId, std::string> direct_endpoints(const cluster::Plan& plan) {
  std::map<NodeId, std::string> endpoints;
  for (const auto& node : plan.nodes) endpoints[node.node] = node.listen;
  return endpoints;
}

std::map<NodeId, std::string> client_endpoints(const cluster::Plan& plan) {
  std::map<NodeId, std::string> endpoints;
  for (const auto& node : plan.nodes) endpoints[node.node] = node.client_proxy;
  return endpoints;
}

Result<std::unique_ptr<LocalCluster>> LocalCluster::up(LocalClusterOptions options) {
  auto result = std::unique_ptr<LocalCluster>(new LocalCluster());
  std::error_code error;
  const std::string wanted = options.dir.empty() ? cluster::default_folder(options.name) : options.dir;
  result->dir_ = std::filesystem::absolute(wanted, error).string();
  result->on_down_ = options.on_down;
  std::filesystem::create_directories(result->dir_, error);
  if (error) return rift::fail(Code::io, fmt::format("cannot make {}: {}", result->dir_, error.message()));
  result->lock_.emplace(TRY(cluster::FolderLock::take(result->dir_)));

  result->network_ = std::make_unique<Network>(TRY(LinkNet::create()));
  cluster::Plan plan = TRY(prepare(options, result->dir_, *result->network_));
  result->supervisor_ = TRY(
      cluster::Supervisor::create({.plan = std::move(plan), .binary = options.binary, .log_level = options.log_level}));
  TRY(result->save_plan());  // before the first start: the ports belong to this folder from now on
  TRY(result->supervisor_->start_all());
  TRY(result->save_plan());
  result->control_ = TRY(cluster::ControlServer::create(
      cluster::control_path(result->dir_),
      [cluster = result.get()](const std::string& line) { return cluster->handle(line); }));
  return result;
}

LocalCluster::~LocalCluster() {
  control_.reset();
  if (supervisor_) {
    supervisor_->stop_all();
    (void)save_plan();  // without pids; a failure leaves stale ones, which nobody signals
  }
}

Result<void> LocalCluster::save_plan() const { return cluster::write_plan(supervisor_->plan()); }

std::string LocalCluster::handle(const std::string& line) {
  const json request = json::parse(line, nullptr, false);
  if (!request.is_object()) return line_of(failure({Code::invalid, "a request is one JSON object per line"}));
  try {
    const std::string verb = request.value("do", "");
    if (verb == "status") return line_of(status(*supervisor_, *network_));
    if (verb == "cut") return line_of(do_cut(*network_, request));
    if (verb == "heal") return line_of(do_heal(*network_, request));
    if (verb == "delay") return line_of(do_delay(*network_, request));
    if (verb == "show") return line_of(do_show(*network_));
    if (verb == "down") {
      if (on_down_) on_down_();
      return line_of(outcome({}));
    }
    using Action = Result<void> (cluster::Supervisor::*)(NodeId);
    const std::map<std::string, Action> actions = {
        {"kill", &cluster::Supervisor::kill},   {"stop", &cluster::Supervisor::stop},
        {"pause", &cluster::Supervisor::pause}, {"resume", &cluster::Supervisor::resume},
        {"start", &cluster::Supervisor::start}, {"restart", &cluster::Supervisor::restart}};
    const auto action = actions.find(verb);
    if (action == actions.end()) return line_of(failure({Code::invalid, fmt::format("unknown request '{}'", verb)}));
    const auto node = parse_node(request.value("node", ""));
    if (!node) return line_of(failure(node.error()));
    const auto done = (supervisor_.get()->*action->second)(*node);
    if (done) (void)save_plan();
    return line_of(outcome(done));
  } catch (const json::exception& error) {  // a field of the wrong type
    return line_of(failure({Code::invalid, error.what()}));
  }
}

}  // namespace rift::chaos::live
