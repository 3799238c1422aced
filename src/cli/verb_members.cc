// rift members list|add|remove|promote|transfer|replace|recover: who takes part in the cluster.
#include <algorithm>

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "chaos/live/network.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "cluster/members.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;
using cluster::Members;
using topology::MemberChange;

struct MembersOptions {
  Target target;
  std::string node;
  std::string address;
  std::string keyspace;
  std::string to;
  std::string instead_of;
  std::vector<std::string> lost;
  bool accept_loss = false;
  std::string limit = "60s";
};

std::string hint_of(const MembersOptions& options) { return "rift members list" + options.target.flag(); }

Result<Members> members_of(const MembersOptions& options) {
  return Members(TRY(endpoints_of(options.target)), TRY(parse_duration(options.limit)));
}

std::string role_of(const topology::Catalog& catalog, const topology::Member& member) {
  if (member.state == topology::MemberState::leaving) return "leaving";
  if (member.state == topology::MemberState::lost) return "lost";
  const topology::Keyspace& system = *catalog.find(topology::system_keyspace_name);
  const auto& owners = system.partitions.front().owners;
  const auto rank = std::find(owners.begin(), owners.end(), member.node) - owners.begin();
  return static_cast<std::size_t>(rank) < system.copies ? "voter" : "learner";
}

std::size_t copies_of(const topology::Catalog& catalog, NodeId node) {
  std::size_t copies = 0;
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    for (const auto& partition : keyspace.partitions)
      copies += static_cast<std::size_t>(std::count(partition.owners.begin(), partition.owners.end(), node));
  }
  return copies;
}

json to_json(const topology::Catalog& catalog, const topology::Member& member) {
  return {{"node", member.node.value()},
          {"role", role_of(catalog, member)},
          {"client_address", member.client_address},
          {"peer_address", member.peer_address},
          {"disk", to_string(member.disk)},
          {"copies", copies_of(catalog, member.node)}};
}

Exit show(const Context& context, std::string_view verb, const topology::Catalog& catalog) {
  if (context.format == Format::json) {
    json value = {{"schema", fmt::format("rift.members_{}/1", verb)},
                  {"cluster", to_string(catalog.cluster)},
                  {"map_epoch", std::to_string(catalog.epoch.value())},
                  {"members", json::array()}};
    for (const auto& [node, member] : catalog.members) value["members"].push_back(to_json(catalog, member));
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
    return Exit::done;
  }
  fmt::print("{:<6} {:<8} {:<22} {:<22} {:>6}  {}\n", "node", "map", "clients", "peers", "copies", "disk");
  for (const auto& [node, member] : catalog.members) {
    fmt::print("{:<6} {:<8} {:<22} {:<22} {:>6}  {}\n", to_string(node), role_of(catalog, member),
               member.client_address, member.peer_address, copies_of(catalog, node), to_string(member.disk));
  }
  return Exit::done;
}

template <class Verb>
Exit run_members(const Context& context, const MembersOptions& options, std::string_view name, Verb verb) {
  const auto members = members_of(options);
  if (!members) return show_error(context.format, members.error(), "rift cluster up" + options.target.cluster.flag());
  const auto catalog = verb(*members);
  if (!catalog) return show_error(context.format, catalog.error(), hint_of(options));
  return show(context, name, *catalog);
}

Exit list(const Context& context, const MembersOptions& options) {
  return run_members(context, options, "list", [](const Members& members) { return members.catalog(); });
}

Exit add(const Context& context, const MembersOptions& options) {
  return run_members(context, options, "add", [&](const Members& members) { return members.add(options.address); });
}

Exit remove(const Context& context, const MembersOptions& options) {
  return run_members(context, options, "remove", [&](const Members& members) -> Result<topology::Catalog> {
    const NodeId node = TRY(chaos::live::parse_node(options.node));
    return members.remove(node, [](const std::string& what) {
      if (is_terminal(2)) say(stderr, what + "\n");
    });
  });
}

Exit promote(const Context& context, const MembersOptions& options) {
  return run_members(context, options, "promote", [&](const Members& members) -> Result<topology::Catalog> {
    MemberChange change;
    change.kind = MemberChange::Kind::promote;
    change.node = TRY(chaos::live::parse_node(options.node));
    if (!options.instead_of.empty()) change.instead_of = TRY(chaos::live::parse_node(options.instead_of));
    return members.change(change);
  });
}

Exit replace(const Context& context, const MembersOptions& options) {
  return run_members(context, options, "replace", [&](const Members& members) -> Result<topology::Catalog> {
    const NodeId node = TRY(chaos::live::parse_node(options.node));
    return members.replace(node, options.address);
  });
}

Exit transfer(const Context& context, const MembersOptions& options) {
  return run_members(context, options, "transfer", [&](const Members& members) -> Result<topology::Catalog> {
    const NodeId to = TRY(chaos::live::parse_node(options.to));
    TRY(members.transfer(options.keyspace, to));
    return members.catalog();
  });
}

Result<cluster::LossPlan> plan_of(const Members& members, const MembersOptions& options) {
  std::vector<NodeId> lost;
  for (const std::string& name : options.lost) lost.push_back(TRY(chaos::live::parse_node(name)));
  return cluster::plan_loss(TRY(members.survey()), lost);
}

// Explained first, always; done only with --accept-loss.
Exit recover(const Context& context, const MembersOptions& options) {
  const auto members = members_of(options);
  if (!members) return show_error(context.format, members.error(), "rift cluster up" + options.target.cluster.flag());
  const auto plan = plan_of(*members, options);
  if (!plan) return show_error(context.format, plan.error(), hint_of(options));
  std::string text;
  for (const std::string& line : plan->consequences) text += line + "\n";
  say(stderr,
      text + "Who is called lost must never run again on the disk it had: it would serve those who reach only it.\n");
  if (!options.accept_loss) {
    return show_error(context.format, {Code::invalid, "nothing was changed: the loss was not accepted"},
                      "the same with --accept-loss");
  }
  const auto catalog = members->recover(*plan, [](const std::string& what) { say(stderr, what + "\n"); });
  if (!catalog) return show_error(context.format, catalog.error(), hint_of(options));
  return show(context, "recover", *catalog);
}

}  // namespace

void add_members(CLI::App& app, Context& context) {
  CLI::App* members = app.add_subcommand("members", "Add, remove and replace nodes, and move leaders");
  members->require_subcommand(1);
  members->footer("Example:  rift members add 127.0.0.1:7006");
  const auto add_verb = [&](const char* name, const char* help,
                            Exit (*run_verb)(const Context&, const MembersOptions&)) {
    auto options = std::make_shared<MembersOptions>();
    CLI::App* verb = members->add_subcommand(name, help);
    add_target(*verb, options->target);
    add_format(*verb, context);
    verb->callback([&context, options, run_verb] { context.exit = run_verb(context, *options); });
    return std::pair(verb, options);
  };
  add_verb("list", "Every member: its part in _system, addresses, copies, disk", list);
  const auto [add_it, added] = add_verb("add", "A node that runs and is not founded becomes a member", add);
  add_it->add_option("address", added->address, "Where it serves clients, host:port")->required();
  const auto [remove_it, removed] = add_verb("remove", "Its copies go to others, then it is forgotten", remove);
  remove_it->add_option("node", removed->node, "n3")->required();
  remove_it->add_option("--limit", removed->limit, "How long to wait for the groups")->capture_default_str();
  const auto [promote_it, promoted] = add_verb("promote", "A learner of _system becomes a voter of it", promote);
  promote_it->add_option("node", promoted->node, "n6")->required();
  promote_it->add_option("--instead-of", promoted->instead_of,
                         "The voter that becomes a learner: there are five at most");
  const auto [transfer_it, transferred] =
      add_verb("transfer", "Another node leads the keyspace's partitions, or one of them", transfer);
  transfer_it->add_option("keyspace", transferred->keyspace, "Its name, or a partition: bank/0")->required();
  transfer_it->add_option("to", transferred->to, "n2")->required();
  const auto [replace_it, replaced] =
      add_verb("replace", "A member came back with an empty or another disk; the old one is gone for good", replace);
  replace_it->add_option("node", replaced->node, "n3")->required();
  replace_it->add_option("--at", replaced->address, "Where it serves clients now (default: where it did before)");
  const auto [recover_it, recovered] =
      add_verb("recover", "After a majority is gone for good: go on from the survivors, with what they hold", recover);
  recover_it->add_option("--lost", recovered->lost, "The members that will never come back: n3,n4")
      ->delimiter(',')
      ->required();
  recover_it->add_flag("--accept-loss", recovered->accept_loss,
                       "Do it: what only the lost held is gone (without this it is only explained)");
  recover_it->add_option("--limit", recovered->limit, "How long to wait for the groups")->capture_default_str();
}

}  // namespace rift::cli
