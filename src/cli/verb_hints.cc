// rift hints: what the owners of ap keyspaces have yet to bring each other, and the wait until it is brought. rift converge: the wait until all copies
// of a keyspace agree.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/json_parts.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "cluster/agreement.h"
#include "cluster/members.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;
using std::chrono::steady_clock;

constexpr auto poll_period = std::chrono::milliseconds(100);  // asked of other processes: none of them can wake us
constexpr auto quiet_for = std::chrono::seconds(2);           // a wait that takes longer says how it stands

std::string age_of(WallTime at) {
  const auto now = std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
  const auto ms = now.time_since_epoch().count() - at.time_since_epoch().count();
  if (ms < 0) return "from a clock ahead of this one";
  if (ms < 120'000) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  if (ms < 7'200'000) return fmt::format("{} min", ms / 60'000);
  return fmt::format("{} h", ms / 3'600'000);
}

std::string size_of(std::uint64_t bytes) {
  if (bytes < 10'240) return fmt::format("{} B", bytes);
  if (bytes < 10'485'760) return fmt::format("{} KiB", bytes / 1024);
  return fmt::format("{} MiB", bytes / 1'048'576);
}

// One line of a wait that takes long, rewritten in place; on a terminal only.
class Ticker {
 public:
  Ticker() : shows_(is_terminal(STDERR_FILENO)) {}
  ~Ticker() {
    if (has_shown_) say(stderr, "\r\x1b[K");
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  void show(const std::string& text) {
    if (!shows_ || steady_clock::now() - since_ < quiet_for) return;
    has_shown_ = true;
    say(stderr, "\r\x1b[K" + text);
  }

 private:
  steady_clock::time_point since_ = steady_clock::now();
  bool shows_;
  bool has_shown_ = false;
};

struct HintsOptions {
  Target target;
  std::string keyspace;
  std::string await;
};

// One owner's debt to another, of all partitions of a keyspace together.
struct Owed {
  std::string keyspace;
  NodeId from;
  HintDebt debt;
};

struct Debts {
  std::vector<Owed> owed;
  std::uint64_t under_way = 0;           // requests of which some owner has yet to answer: they may end as a debt
  std::map<NodeId, std::string> silent;  // owners that did not answer: what they owe is unknown
  bool none() const { return owed.empty() && under_way == 0 && silent.empty(); }
};

void add(const Owed& more, std::vector<Owed>& all) {
  const auto same = std::find_if(all.begin(), all.end(), [&](const Owed& known) {
    return known.keyspace == more.keyspace && known.from == more.from && known.debt.target == more.debt.target;
  });
  if (same == all.end()) return all.push_back(more);
  const auto earlier = [](WallTime a, WallTime b) {
    if (a == WallTime() || b == WallTime()) return std::max(a, b);
    return std::min(a, b);
  };
  same->debt.keys += more.debt.keys;
  same->debt.bytes += more.debt.bytes;
  same->debt.oldest = earlier(same->debt.oldest, more.debt.oldest);
  same->debt.dirty_since = earlier(same->debt.dirty_since, more.debt.dirty_since);
}

bool is_asked_for(const HintsOptions& options, const cluster::Group& group) {
  return group.mode == Mode::ap && (options.keyspace.empty() || group.keyspace == options.keyspace);
}

Result<Debts> look(const HintsOptions& options) {
  const auto endpoints = TRY(endpoints_of(options.target));
  const auto survey = TRY(cluster::Members(endpoints).survey());
  const topology::Keyspace* named = options.keyspace.empty() ? nullptr : survey.catalog.find(options.keyspace);
  if (!options.keyspace.empty() && named == nullptr)
    return rift::fail(Code::unknown_keyspace, "no keyspace is called '" + options.keyspace + "'");
  if (named != nullptr && named->mode == Mode::cp)
    return rift::fail(Code::invalid,
                      "'" + named->name + "' is a cp keyspace: its leaders bring logs, there are no hints");
  Debts debts;
  for (const cluster::Group& group : survey.groups) {
    if (!is_asked_for(options, group)) continue;
    for (const NodeId owner : group.owners) {
      const auto& reply = survey.nodes.at(owner);
      if (!reply) debts.silent[owner] = reply.error().detail;
    }
    for (const auto& [node, reply] : survey.nodes) {  // what it keeps for owners is owed to them
      const bool may_keep = topology::may_stand_in(survey.catalog, survey.catalog.keyspaces.at(group.keyspace), node);
      if (!reply && may_keep) debts.silent[node] = reply.error().detail;
    }
    for (const auto& [node, replica] : group.replicas) {
      debts.under_way += replica.pending;
      for (const HintDebt& debt : replica.debts)
        add({.keyspace = group.keyspace, .from = node, .debt = debt}, debts.owed);
    }
  }
  return debts;
}

void print(const Debts& debts) {
  for (const Owed& owed : debts.owed) {
    const HintDebt& debt = owed.debt;
    std::string what;
    if (debt.keys > 0) {
      what = fmt::format("{} keys, oldest {} ago, {} of hints", debt.keys, age_of(debt.oldest), size_of(debt.bytes));
    }
    if (debt.dirty_since != WallTime()) {
      const bool is_all = debt.dirty_since <= WallTime() + WallTime::duration(1);
      what += what.empty() ? "" : "; and ";
      what += is_all ? "everything that it holds" : "everything written in the last " + age_of(debt.dirty_since);
    }
    fmt::print("{:<16} {} owes {}   {}\n", owed.keyspace, to_string(owed.from), to_string(debt.target), what);
  }
  if (debts.owed.empty()) fmt::print("no owner that answers owes another one anything\n");
  if (debts.under_way > 0) fmt::print("{} requests are under way\n", debts.under_way);
  for (const auto& [node, why] : debts.silent)
    fmt::print("{:<16} {} does not answer: what it owes is unknown ({})\n", "", to_string(node), why);
}

void print_json(const Debts& debts) {
  json value = {{"schema", "rift.hints/1"},
                {"owed", json::array()},
                {"under_way", json_number(debts.under_way)},
                {"silent", json::array()}};
  for (const auto& [keyspace, from, debt] : debts.owed) {
    value["owed"].push_back({{"keyspace", keyspace},
                             {"from", from.value()},
                             {"to", debt.target.value()},
                             {"keys", json_number(debt.keys)},
                             {"bytes", json_number(debt.bytes)},
                             {"oldest_ms", json_moment(debt.oldest)},
                             {"dirty_since_ms", json_moment(debt.dirty_since)}});
  }
  for (const auto& [node, why] : debts.silent) value["silent"].push_back({{"node", node.value()}, {"why", why}});
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string summary_of(const Debts& debts) {
  std::uint64_t keys = 0;
  std::size_t marks = 0;
  for (const Owed& owed : debts.owed) {
    keys += owed.debt.keys;
    marks += owed.debt.dirty_since != WallTime() ? 1U : 0U;
  }
  return fmt::format("{} keys and {} whole stretches wait, {} requests are under way, {} owners do not answer", keys,
                     marks, debts.under_way, debts.silent.size());
}

Exit hints(const Context& context, const HintsOptions& options) {
  const bool waits = !options.await.empty();
  const auto limit = waits ? parse_duration(options.await) : Result<Duration>(Duration::zero());
  if (!limit) return show_error(context.format, limit.error(), "rift hints --await 30s");
  const auto give_up = steady_clock::now() + *limit;
  Result<Debts> debts = look(options);
  {
    Ticker ticker;
    while (debts && !debts->none() && steady_clock::now() < give_up) {
      ticker.show(summary_of(*debts));
      std::this_thread::sleep_for(poll_period);
      debts = look(options);
    }
  }
  if (!debts) return show_error(context.format, debts.error(), "rift status" + options.target.flag());
  context.format == Format::json ? print_json(*debts) : print(*debts);
  return waits && !debts->none() ? Exit::not_done : Exit::done;
}

struct ConvergeOptions {
  Target target;
  std::string keyspace;
  std::string within = "60s";
};

struct Compared {
  topology::Keyspace keyspace;
  cluster::Copies copies;
  Duration took{};
};

Result<Compared> compare(const ConvergeOptions& options) {
  const auto endpoints = TRY(endpoints_of(options.target));
  const auto catalog = TRY(cluster::Members(endpoints).catalog());
  const topology::Keyspace* keyspace = catalog.find(options.keyspace);
  if (keyspace == nullptr)
    return rift::fail(Code::unknown_keyspace, "no keyspace is called '" + options.keyspace + "'");
  return Compared{.keyspace = *keyspace, .copies = cluster::read_copies(catalog, *keyspace)};
}

std::string name_of(const topology::Keyspace& keyspace, PartitionId id) {
  for (const topology::Partition& partition : keyspace.partitions) {
    if (partition.id == id) return topology::partition_name(keyspace, partition);
  }
  return keyspace.name;
}

void print(const Compared& compared) {
  const cluster::Copies& copies = compared.copies;
  const auto differing = copies.differing();
  for (const PartitionId partition : differing) {
    // Who holds the same stands together.
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> states;
    for (const auto& [node, digest] : copies.held.at(partition))
      states[{digest.keys, digest.hash}] += (states[{digest.keys, digest.hash}].empty() ? "" : " ") + to_string(node);
    fmt::print("{:<16} differs:", name_of(compared.keyspace, partition));
    for (const auto& [state, nodes] : states) fmt::print("  {} keys on {}", state.first, nodes);
    fmt::print("\n");
  }
  for (const auto& [node, why] : copies.silent)
    fmt::print("{} does not answer: what it holds is unknown ({})\n", to_string(node), why);
  if (copies.agree()) {
    fmt::print("all copies of {} agree: {} keys, deleted ones included, after {:.1f} s\n", compared.keyspace.name,
               copies.keys(), to_seconds(compared.took));
  } else {
    fmt::print("the copies of {} did not come to agree in {:.0f} s; what is owed: rift hints\n", compared.keyspace.name,
               to_seconds(compared.took));
  }
}

void print_json(const Compared& compared) {
  const cluster::Copies& copies = compared.copies;
  json value = {{"schema", "rift.converge/1"},
                {"keyspace", compared.keyspace.name},
                {"agree", copies.agree()},
                {"keys", json_number(copies.keys())},
                {"took_ms", json_number(static_cast<std::uint64_t>(to_seconds(compared.took) * 1000))},
                {"differing", json::array()},
                {"silent", json::array()}};
  for (const PartitionId partition : copies.differing()) {
    json held = json::array();
    for (const auto& [node, digest] : copies.held.at(partition)) {
      held.push_back({{"node", node.value()}, {"keys", json_number(digest.keys)}, {"hash", json_number(digest.hash)}});
    }
    value["differing"].push_back({{"partition", name_of(compared.keyspace, partition)}, {"copies", held}});
  }
  for (const auto& [node, why] : copies.silent) value["silent"].push_back({{"node", node.value()}, {"why", why}});
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

Exit converge(const Context& context, const ConvergeOptions& options) {
  const auto limit = parse_duration(options.within);
  if (!limit) return show_error(context.format, limit.error(), "rift converge carts --within 30s");
  const auto begun = steady_clock::now();
  Result<Compared> compared = compare(options);
  {
    Ticker ticker;
    while (compared && !compared->copies.agree() && steady_clock::now() - begun < *limit) {
      ticker.show(fmt::format("{} of {} partitions differ, {} owners do not answer",
                              compared->copies.differing().size(), compared->keyspace.partitions.size(),
                              compared->copies.silent.size()));
      std::this_thread::sleep_for(poll_period);
      compared = compare(options);
    }
  }
  if (!compared) return show_error(context.format, compared.error(), "rift keyspace ls" + options.target.flag());
  compared->took = std::chrono::duration_cast<Duration>(steady_clock::now() - begun);
  context.format == Format::json ? print_json(*compared) : print(*compared);
  return compared->copies.agree() ? Exit::done : Exit::not_done;
}

}  // namespace

void add_hints(CLI::App& app, Context& context) {
  auto wish = std::make_shared<HintsOptions>();
  CLI::App* verb = app.add_subcommand("hints", "What the owners of ap keyspaces have yet to bring each other");
  verb->footer(
      "A write that an owner could not be given is owed to it: a hint for the key, or, past a bound, everything since "
      "a\n"
      "time. Both are brought as soon as it can be reached.\n"
      "Examples:  rift hints\n           rift hints --ks carts --await 30s   (exit 2: something is still owed)");
  verb->add_option("--ks", wish->keyspace, "Of this keyspace alone");
  verb->add_option("--await", wish->await, "Wait so long until nothing is owed and every owner answers");
  add_target(*verb, wish->target);
  add_format(*verb, context);
  verb->callback([&context, wish] { context.exit = hints(context, *wish); });

  auto end = std::make_shared<ConvergeOptions>();
  CLI::App* wait = app.add_subcommand("converge", "Wait until all copies of a keyspace agree");
  wait->footer(
      "Reads every copy whole and compares; under a load copies differ by what is under way.\n"
      "Example:  rift converge carts --within 30s   (exit 2: they differ)");
  wait->add_option("keyspace", end->keyspace, "The keyspace")->required();
  wait->add_option("--within", end->within, "How long to wait")->capture_default_str();
  add_target(*wait, end->target);
  add_format(*wait, context);
  wait->callback([&context, end] { context.exit = converge(context, *end); });
}

}  // namespace rift::cli
