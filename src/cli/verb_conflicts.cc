// rift conflicts: the writes that last-writer-wins has thrown away although the winner's writer had not seen them, as the ledgers of all nodes tell
// them. rift inspect: one key as each of its owners holds it, and what they owe each other of it.
#include <algorithm>
#include <map>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/node_list.h"
#include "cli/json_parts.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "client/admin.h"
#include "cluster/members.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr auto node_limit = std::chrono::seconds(5);
constexpr std::size_t shown_bytes_max = 60;
constexpr std::size_t pages_max = 1'000;  // of one ledger, which is bounded far below

std::string moment_text(WallTime at) {
  const auto ms = at.time_since_epoch().count();
  return fmt::format("{:%F %T}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

WallTime written_at(const Version& version) { return WallTime(std::chrono::milliseconds(version.hlc >> 16U)); }

std::string shown(std::string_view bytes) {
  const std::string text(bytes.substr(0, shown_bytes_max));
  return json_text(text) + (bytes.size() > shown_bytes_max ? fmt::format("... ({} bytes)", bytes.size()) : "");
}

std::string shown(const KeptVersion& kept) {
  const std::string what = kept.deleted   ? "a delete"
                           : kept.omitted ? "(too large to be kept)"
                                          : shown(kept.value.view());
  return fmt::format("{}   written {} through {}", what, moment_text(written_at(kept.version)),
                     to_string(kept.version.dot_node));
}

struct ConflictsOptions {
  Target target;
  std::string keyspace;
  std::string key;
};

// One loss, however many owners have seen the two versions meet.
struct Told {
  std::string keyspace;
  ConcurrentLoss loss;
  std::vector<NodeId> seen_by;
};

struct Losses {
  std::vector<Told> told;  // the oldest first
  std::map<NodeId, std::string> silent;
};

bool is_same(const ConcurrentLoss& a, const ConcurrentLoss& b) {
  return a.partition == b.partition && a.key == b.key && a.loser.version == b.loser.version;
}

// What one node's ledger has of the keyspace, page by page.
Result<void> read_ledger(const topology::Member& member, const std::string& keyspace, const std::string& only_key,
                         std::map<std::tuple<PartitionId, std::string, std::uint64_t, std::uint64_t>, Told>& all) {
  AdminClient admin(member.client_address, node_limit);
  std::string cursor;
  for (std::size_t number = 0; number < pages_max; ++number) {
    LossPage page = TRY(admin.conflicts(keyspace, cursor, limits::scan_page_keys_max));
    for (ConcurrentLoss& loss : page.losses) {
      if (!only_key.empty() && loss.key != only_key) continue;
      const Version& loser = loss.loser.version;
      Told& told = all[{loss.partition, loss.key, loser.dot_incarnation, loser.dot_sequence}];
      const bool is_new = told.keyspace.empty();
      if (is_new || (is_same(told.loss, loss) && loss.seen_at < told.loss.seen_at)) told.loss = loss;
      told.keyspace = keyspace;
      told.seen_by.push_back(member.node);
    }
    if (page.next.empty()) return {};
    if (page.next <= cursor) return rift::fail(Code::corruption, "its pages do not go forward");
    cursor = std::move(page.next);
  }
  return {};
}

Result<Losses> gather(const ConflictsOptions& options) {
  const auto endpoints = TRY(endpoints_of(options.target));
  const auto catalog = TRY(cluster::Members(endpoints).catalog());
  const topology::Keyspace* named = options.keyspace.empty() ? nullptr : catalog.find(options.keyspace);
  if (!options.keyspace.empty() && named == nullptr)
    return rift::fail(Code::unknown_keyspace, "no keyspace is called '" + options.keyspace + "'");
  if (named != nullptr && named->mode == Mode::cp)
    return rift::fail(Code::invalid,
                      "'" + named->name + "' is a cp keyspace: its writes have one order, none is thrown away");
  Losses losses;
  std::map<std::tuple<PartitionId, std::string, std::uint64_t, std::uint64_t>, Told> all;
  for (const auto& [name, keyspace] : catalog.keyspaces) {
    if (keyspace.mode == Mode::cp || (named != nullptr && name != named->name)) continue;
    for (const auto& [node, member] : catalog.members) {
      if (const auto read = read_ledger(member, name, options.key, all); !read)
        losses.silent[node] = read.error().detail;
    }
  }
  for (auto& [place, told] : all) losses.told.push_back(std::move(told));
  std::stable_sort(losses.told.begin(), losses.told.end(),
                   [](const Told& a, const Told& b) { return a.loss.seen_at < b.loss.seen_at; });
  return losses;
}

void print(const Losses& losses) {
  for (const auto& [keyspace, loss, seen_by] : losses.told) {
    fmt::print("{}  {}\n", keyspace, shown(loss.key));
    fmt::print("  lost   {}\n", shown(loss.loser));
    fmt::print("  kept   {}\n", shown(loss.winner));
    fmt::print("  met    {} on {}\n", moment_text(loss.seen_at), names_of(seen_by));
  }
  if (losses.told.empty()) {
    fmt::print("no ledger that could be read tells of a loss in the last 24 hours\n");
  } else {
    fmt::print(
        "{} acknowledged writes lost to a write whose writer had not seen them; write the lost value again where it "
        "matters\n",
        losses.told.size());
  }
  for (const auto& [node, why] : losses.silent)
    fmt::print("{} does not answer: what only its ledger tells is missing here ({})\n", to_string(node), why);
}

json to_json(const KeptVersion& kept) {
  json value = {{"version", json_version(kept.version)},
                {"written_ms", json_moment(written_at(kept.version))},
                {"deleted", kept.deleted},
                {"omitted", kept.omitted}};
  if (!kept.deleted && !kept.omitted) put_bytes(value, "value", kept.value.view());
  return value;
}

json silent_json(const std::map<NodeId, std::string>& silent) {
  json value = json::array();
  for (const auto& [node, why] : silent) value.push_back({{"node", node.value()}, {"why", why}});
  return value;
}

void print_json(const Losses& losses) {
  json value = {{"schema", "rift.conflicts/1"}, {"losses", json::array()}, {"silent", silent_json(losses.silent)}};
  for (const auto& [keyspace, loss, seen_by] : losses.told) {
    json entry = {{"keyspace", keyspace},
                  {"loser", to_json(loss.loser)},
                  {"winner", to_json(loss.winner)},
                  {"seen_ms", json_moment(loss.seen_at)},
                  {"seen_by", json_nodes(seen_by)}};
    put_bytes(entry, "key", loss.key);
    value["losses"].push_back(std::move(entry));
  }
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

Exit conflicts(const Context& context, const ConflictsOptions& options) {
  const auto losses = gather(options);
  if (!losses) return show_error(context.format, losses.error(), "rift status" + options.target.flag());
  context.format == Format::json ? print_json(*losses) : print(*losses);
  return losses->silent.empty() ? Exit::done : Exit::not_done;
}

struct InspectOptions {
  Target target;
  std::string keyspace;
  std::string key;
};

struct Xray {
  std::string keyspace;
  Mode mode = Mode::ap;
  std::string partition;  // "carts/3"
  std::map<NodeId, KeyView> views;
  std::map<NodeId, std::string> silent;         // owners
  std::map<NodeId, std::string> silent_others;  // who may keep a copy for them
};

Result<Xray> look_at(const InspectOptions& options) {
  const auto endpoints = TRY(endpoints_of(options.target));
  const auto catalog = TRY(cluster::Members(endpoints).catalog());
  const topology::Keyspace* keyspace = catalog.find(options.keyspace);
  if (keyspace == nullptr)
    return rift::fail(Code::unknown_keyspace, "no keyspace is called '" + options.keyspace + "'");
  if (options.key.empty() || options.key.size() > limits::key_bytes_max)
    return rift::fail(Code::invalid, "a key has 1 to 4096 bytes");
  const topology::Partition& partition = topology::place(*keyspace, options.key);
  Xray xray{.keyspace = keyspace->name,
            .mode = keyspace->mode,
            .partition = topology::partition_name(*keyspace, partition),
            .views = {},
            .silent = {},
            .silent_others = {}};
  for (const NodeId owner : partition.owners) {
    const topology::Member* member = catalog.member(owner);
    auto view = member == nullptr
                    ? Result<KeyView>(rift::fail(Code::unreachable, "the map does not say where it is"))
                    : AdminClient(member->client_address, node_limit).inspect_key(keyspace->name, options.key);
    if (view) {
      xray.views.emplace(owner, std::move(*view));
    } else {
      xray.silent[owner] = view.error().detail;
    }
  }
  // Who is no owner is told of where it keeps the key for them.
  for (const auto& [node, member] : catalog.members) {
    if (holds(partition.owners, node) || !topology::may_stand_in(catalog, *keyspace, node)) continue;
    auto view = AdminClient(member.client_address, node_limit).inspect_key(keyspace->name, options.key);
    if (!view) xray.silent_others[node] = view.error().detail;
    if (view && view->found) xray.views.emplace(node, std::move(*view));
  }
  return xray;
}

bool is_newer(const Version& a, const Version& b) {
  const auto place = [](const Version& v) {
    return std::tuple(v.modify_revision, v.hlc, v.dot_node, v.dot_incarnation, v.dot_sequence);
  };
  return place(a) > place(b);
}

const KeyView* newest_of(const Xray& xray) {
  const KeyView* newest = nullptr;
  for (const auto& [node, view] : xray.views) {
    if (view.found && (newest == nullptr || is_newer(view.version, newest->version))) newest = &view;
  }
  return newest;
}

std::string state_of(Mode mode, const KeyView& view) {
  if (!view.found) return "nothing";
  const std::string what =
      view.deleted ? "a delete" : fmt::format("{} bytes, hash {:016x}", view.value_bytes, view.value_hash);
  if (mode == Mode::cp) return fmt::format("revision {}: {}", view.version.modify_revision.value(), what);
  return fmt::format("{} through {} (sequence {}): {}", moment_text(written_at(view.version)),
                     to_string(view.version.dot_node), view.version.dot_sequence, what);
}

std::string rest_of(Mode mode, const KeyView& view) {
  std::string text;
  if (mode == Mode::cp) text += fmt::format("   applied to index {}", view.applied.value());
  if (view.expiry != WallTime()) text += fmt::format("   expires {}", moment_text(view.expiry));
  if (!view.hinted.empty()) text += fmt::format("   keeps a hint for {}", names_of(view.hinted));
  if (!view.dirty.empty()) text += fmt::format("   owes everything since before it to {}", names_of(view.dirty));
  if (view.pending > 0) text += fmt::format("   {} requests under way in the partition", view.pending);
  return text;
}

void print(const InspectOptions& options, const Xray& xray) {
  fmt::print("{}  {}\n", xray.partition, shown(options.key));
  const KeyView* newest = newest_of(xray);
  std::size_t holders = 0, owners = xray.silent.size();
  for (const auto& [node, view] : xray.views) {
    const bool is_newest = newest != nullptr && view.found && view.version == newest->version;
    const bool is_owner = view.role != stand_in_role;
    holders += is_newest && is_owner ? 1U : 0U;
    owners += is_owner ? 1U : 0U;
    const std::string mark = newest == nullptr || is_newest ? " " : "!";
    fmt::print("{} {:<4} {:<12} {}{}\n", mark, to_string(node), view.role.empty() ? "no replica" : view.role,
               state_of(xray.mode, view), rest_of(xray.mode, view));
  }
  for (const auto& [node, why] : xray.silent) fmt::print("? {:<4} does not answer ({})\n", to_string(node), why);
  for (const auto& [node, why] : xray.silent_others)
    fmt::print("? {:<4} does not answer, and may keep a copy for the owners ({})\n", to_string(node), why);
  if (newest == nullptr) {
    fmt::print("no owner that answers holds it\n");
  } else {
    fmt::print("{} of {} owners hold the newest version\n", holders, owners);
  }
}

json to_json(NodeId node, const KeyView& view) {
  json seen = json::array();
  for (const KeyView::Seen& actor : view.seen) {
    seen.push_back({{"node", actor.node.value()},
                    {"incarnation", json_number(actor.incarnation)},
                    {"sequence", json_number(actor.sequence)}});
  }
  return {{"node", node.value()},
          {"role", view.role},
          {"leader", view.leader.value()},
          {"applied", json_number(view.applied.value())},
          {"pending", json_number(view.pending)},
          {"found", view.found},
          {"version", json_version(view.version)},
          {"deleted", view.deleted},
          {"value_bytes", json_number(view.value_bytes)},
          {"value_hash", json_number(view.value_hash)},
          {"expires_ms", json_moment(view.expiry)},
          {"seen", seen},
          {"hinted", json_nodes(view.hinted)},
          {"dirty", json_nodes(view.dirty)}};
}

std::map<NodeId, std::string> all_silent(const Xray& xray) {
  std::map<NodeId, std::string> all = xray.silent;
  all.insert(xray.silent_others.begin(), xray.silent_others.end());
  return all;
}

void print_json(const InspectOptions& options, const Xray& xray) {
  json value = {{"schema", "rift.inspect/1"},  {"keyspace", xray.keyspace}, {"mode", std::string(to_string(xray.mode))},
                {"partition", xray.partition}, {"owners", json::array()},   {"silent", silent_json(all_silent(xray))}};
  put_bytes(value, "key", options.key);
  for (const auto& [node, view] : xray.views) value["owners"].push_back(to_json(node, view));
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

Exit inspect(const Context& context, const InspectOptions& options) {
  const auto xray = look_at(options);
  if (!xray) return show_error(context.format, xray.error(), "rift keyspace ls" + options.target.flag());
  context.format == Format::json ? print_json(options, *xray) : print(options, *xray);
  return xray->views.empty() ? Exit::unreachable : Exit::done;
}

}  // namespace

void add_conflicts(CLI::App& app, Context& context) {
  auto wish = std::make_shared<ConflictsOptions>();
  CLI::App* verb = app.add_subcommand("conflicts", "Acknowledged writes that lost to one that had not seen them");
  verb->footer(
      "In an ap keyspace two sides of a cut accept writes of one key; afterwards the later one stays. What was thrown "
      "away\n"
      "so is kept for a day, both versions whole, and told here. Exit 2: a node did not answer.\n"
      "Examples:  rift conflicts\n           rift conflicts --ks carts cart:7 -o json");
  verb->add_option("key", wish->key, "Of this key alone");
  verb->add_option("--ks", wish->keyspace, "Of this keyspace alone");
  add_target(*verb, wish->target);
  add_format(*verb, context);
  verb->callback([&context, wish] { context.exit = conflicts(context, *wish); });

  auto asked = std::make_shared<InspectOptions>();
  CLI::App* look = app.add_subcommand("inspect", "One key as each of its owners holds it");
  look->footer(
      "Asks every owner for its own copy: the version, who is owed it, what is under way. `!`: older than the newest.\n"
      "Example:  rift inspect --ks carts cart:7");
  look->add_option("key", asked->key, "The key")->required();
  look->add_option("--ks", asked->keyspace, "Keyspace")->required();
  add_target(*look, asked->target);
  add_format(*look, context);
  look->callback([&context, asked] { context.exit = inspect(context, *asked); });
}

}  // namespace rift::cli
