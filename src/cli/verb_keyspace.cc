// rift keyspace create|alter|ls|drop.
#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "client/admin.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

struct KeyspaceOptions {
  Target target;
  std::string name;
  std::string mode;
  std::string read;
  std::string write;
  std::string durability = "fsync";
  bool atomic = false;
  bool sloppy = false;
  std::string clock = "hlc";
  std::uint32_t copies = 0;  // 0: not given, the cluster chooses
  std::uint32_t partitions = 0;
};

std::string_view name_of(topology::Durability durability) {
  switch (durability) {
    case topology::Durability::fsync:
      return "fsync";
    case topology::Durability::wal:
      return "wal";
    case topology::Durability::none:
      return "none";
  }
  return "invalid";
}

Result<topology::Durability> durability_named(const std::string& text) {
  for (const auto durability : {topology::Durability::fsync, topology::Durability::wal, topology::Durability::none}) {
    if (text == name_of(durability)) return durability;
  }
  return rift::fail(Code::invalid, "unknown durability '" + text + "'; there are fsync, wal and none");
}

std::string promises_of(const topology::Keyspace& keyspace) {
  std::string text(name_of(keyspace.durability));
  if (keyspace.atomic) text += ", atomic";
  if (keyspace.sloppy) text += ", sloppy";
  if (keyspace.wall_clock) text += ", clock wall";
  return text;
}

json to_json(const topology::Keyspace& keyspace) {
  json partitions = json::array();
  for (const auto& partition : keyspace.partitions) {
    json owners = json::array();
    for (const NodeId owner : partition.owners) owners.push_back(owner.value());
    partitions.push_back({{"id", partition.id.value()}, {"owners", owners}});
  }
  return {{"name", keyspace.name},
          {"id", keyspace.id.value()},
          {"mode", std::string(to_string(keyspace.mode))},
          {"copies", keyspace.copies},
          {"read", std::string(to_string(keyspace.read))},
          {"write", std::string(to_string(keyspace.write))},
          {"durability", name_of(keyspace.durability)},
          {"atomic", keyspace.atomic},
          {"sloppy", keyspace.sloppy},
          {"clock", keyspace.wall_clock ? "wall" : "hlc"},
          {"partitions", partitions}};
}

Exit show(const Context& context, std::string_view schema, const topology::Catalog& catalog) {
  if (context.format == Format::json) {
    json value = {{"schema", std::string(schema)},
                  {"map_epoch", std::to_string(catalog.epoch.value())},
                  {"keyspaces", json::array()}};
    for (const auto& [name, keyspace] : catalog.keyspaces) value["keyspaces"].push_back(to_json(keyspace));
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
    return Exit::done;
  }
  fmt::print("{:<16} {:<5} {:>6} {:>10}  {:<9} {:<9} {}\n", "keyspace", "mode", "copies", "partitions", "read", "write",
             "durability");
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    fmt::print("{:<16} {:<5} {:>6} {:>10}  {:<9} {:<9} {}\n", name, to_string(keyspace.mode), keyspace.copies,
               keyspace.partitions.size(), to_string(keyspace.read), to_string(keyspace.write), promises_of(keyspace));
  }
  return Exit::done;
}

Result<Level> level_named(const std::string& text) {
  if (text.empty()) return Level::unspecified;
  const auto level = parse_level(text);
  if (level) return *level;
  return rift::fail(Code::invalid, "unknown level '" + text + "'; levels are one, majority and all");
}

Result<topology::KeyspaceWish> wish_of(const KeyspaceOptions& options) {
  const auto mode = parse_mode(options.mode);
  if (!mode) return rift::fail(Code::invalid, "unknown mode '" + options.mode + "'; modes are cp and ap");
  return topology::KeyspaceWish{.name = options.name,
                                .mode = *mode,
                                .copies = options.copies,
                                .partitions = options.partitions,
                                .read = TRY(level_named(options.read)),
                                .write = TRY(level_named(options.write)),
                                .durability = TRY(durability_named(options.durability)),
                                .atomic = options.atomic,
                                .sloppy = options.sloppy,
                                .wall_clock = options.clock == "wall"};
}

Result<AdminClient> admin_of(const Target& target) {
  const Duration deadline = TRY(parse_duration(target.deadline));
  return AdminClient(TRY(admin_endpoint(target)), deadline);
}

Exit create(const Context& context, const KeyspaceOptions& options) {
  const auto wish = wish_of(options);
  if (!wish) {
    show_error(context.format, wish.error());
    return Exit::usage;
  }
  auto admin = admin_of(options.target);
  if (!admin) return show_error(context.format, admin.error(), "rift cluster up" + options.target.cluster.flag());
  const auto catalog = admin->create_keyspace(*wish);
  if (!catalog)
    return show_error(context.format, catalog.error(),
                      fmt::format("rift keyspace ls{0}   |   rift status{0}", options.target.flag()));
  return show(context, "rift.keyspace_create/1", *catalog);
}

Result<topology::KeyspaceAlteration> alteration_of(const KeyspaceOptions& options) {
  topology::KeyspaceAlteration wish{.name = options.name, .read = {}, .write = {}, .copies = options.copies};
  const Level read = TRY(level_named(options.read));
  const Level write = TRY(level_named(options.write));
  if (read != Level::unspecified) wish.read = read;
  if (write != Level::unspecified) wish.write = write;
  if (!wish.read && !wish.write && wish.copies == 0)
    return rift::fail(Code::invalid, "nothing to alter: name --read, --write or --copies");
  return wish;
}

Exit alter(const Context& context, const KeyspaceOptions& options) {
  const auto wish = alteration_of(options);
  if (!wish) {
    show_error(context.format, wish.error());
    return Exit::usage;
  }
  auto admin = admin_of(options.target);
  if (!admin) return show_error(context.format, admin.error(), "rift cluster up" + options.target.cluster.flag());
  const auto catalog = admin->alter_keyspace(*wish);
  if (!catalog)
    return show_error(context.format, catalog.error(), fmt::format("rift keyspace ls{0}", options.target.flag()));
  return show(context, "rift.keyspace_alter/1", *catalog);
}

Exit drop(const Context& context, const KeyspaceOptions& options) {
  auto admin = admin_of(options.target);
  if (!admin) return show_error(context.format, admin.error(), "rift cluster up" + options.target.cluster.flag());
  const auto catalog = admin->drop_keyspace(options.name);
  if (!catalog) return show_error(context.format, catalog.error(), "rift keyspace ls" + options.target.flag());
  return show(context, "rift.keyspace_drop/1", *catalog);
}

Exit ls(const Context& context, const KeyspaceOptions& options) {
  auto admin = admin_of(options.target);
  if (!admin) return show_error(context.format, admin.error(), "rift cluster up" + options.target.cluster.flag());
  const auto catalog = admin->catalog();
  if (!catalog) return show_error(context.format, catalog.error(), "rift status" + options.target.flag());
  return show(context, "rift.keyspace_ls/1", *catalog);
}

// An explicit 0 would mean the default to the cluster.
CLI::Validator at_least_one(const std::string& range) {
  const auto refusal = [range](const std::string& text) {
    return text.find_first_not_of('0') == std::string::npos ? text + ": " + range : std::string();
  };
  return CLI::Validator(refusal, "");
}

}  // namespace

void add_keyspace(CLI::App& app, Context& context) {
  CLI::App* keyspace = app.add_subcommand("keyspace", "Create, alter, list and drop keyspaces");
  keyspace->require_subcommand(1);
  keyspace->footer("Example:  rift keyspace create carts --mode ap --copies 5");
  const auto add = [&](const char* name, const char* help, Exit (*run_verb)(const Context&, const KeyspaceOptions&)) {
    auto options = std::make_shared<KeyspaceOptions>();
    CLI::App* verb = keyspace->add_subcommand(name, help);
    add_target(*verb, options->target);
    add_format(*verb, context);
    verb->callback([&context, options, run_verb] { context.exit = run_verb(context, *options); });
    return std::pair(verb, options);
  };
  const auto [create_verb, wish] = add("create", "Create a keyspace", create);
  create_verb->add_option("name", wish->name, "Its name")->required();
  create_verb->add_option("--mode", wish->mode, "cp: linearizable. ap: always answering")->required();
  create_verb->add_option("--copies", wish->copies, "Copies of each partition (default: 3)")
      ->check(at_least_one(fmt::format("there are 1 to {} copies, and no more than nodes", limits::members_max)));
  create_verb->add_option("--partitions", wish->partitions, "Partitions (default: 1 for cp, 16 for ap)")
      ->check(at_least_one("there is at least 1 partition"));
  create_verb->add_option("--read", wish->read, "Level of reads that name none: one, majority or all");
  create_verb->add_option("--write", wish->write, "Level of writes that name none");
  create_verb
      ->add_option("--durability", wish->durability,
                   "fsync; wal: acknowledged once the operating system has it; none (teaching): before that")
      ->check(CLI::IsMember({"fsync", "wal", "none"}))
      ->capture_default_str();
  create_verb->add_flag("--atomic", wish->atomic,
                        "ap: linearizable reads and writes of single keys, by majority and with fsync");
  create_verb->add_flag("--sloppy", wish->sloppy,
                        "ap, teaching: levels count nodes that stand in for owners out of reach");
  create_verb->add_option("--clock", wish->clock, "ap: hlc; wall (teaching): versions go by the bare wall clock")
      ->check(CLI::IsMember({"hlc", "wall"}))
      ->capture_default_str();
  const auto [alter_verb, altered] = add("alter", "Change a keyspace's levels, or the copies of a cp keyspace", alter);
  alter_verb->add_option("name", altered->name, "Its name")->required();
  alter_verb->add_option("--read", altered->read, "Level of reads that name none: one, majority or all");
  alter_verb->add_option("--write", altered->write, "Level of writes that name none");
  alter_verb->add_option("--copies", altered->copies, "Copies of each partition (cp)")
      ->check(at_least_one(fmt::format("there are 1 to {} copies, and no more than nodes", limits::members_max)));
  add("ls", "List keyspaces", ls);
  const auto [drop_verb, dropped] = add("drop", "Drop a keyspace and its data", drop);
  drop_verb->add_option("name", dropped->name, "Its name")->required();
}

}  // namespace rift::cli
