// rift scan|mget|incr|compact: many keys, numbers, history (cp keyspaces).
#include <chrono>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/limits.h"
#include "cli/target.h"
#include "cli/verbs.h"

namespace rift::cli {
namespace {

struct KeysOptions {
  Target target;
  std::string keyspace;
  std::string level;
  std::vector<std::string> keys;
  std::string first;
  std::string end;
  std::string prefix;
  std::uint64_t limit = limits::scan_page_keys_max;
  bool keys_only = false;
  std::int64_t delta = 1;
  std::string ttl;
  std::uint64_t revision = 0;
  std::uint32_t partition = 0;
};

using Clock = std::chrono::steady_clock;

// Connects, runs the verb, shows what came of it.
Exit with_client(const Context& context, const KeysOptions& options, const std::function<Exit(Client&, Level)>& verb) {
  const auto level = level_of(options.level);
  if (!level) {
    show_error(context.format, level.error());
    return Exit::usage;
  }
  const auto client = connect(options.target);
  if (!client) {
    const Exit exit = show_error(context.format, client.error(),
                                 "rift cluster up" + options.target.cluster.flag() + "   |   --endpoints host:port");
    return client.error().code == Code::invalid ? Exit::usage : exit;
  }
  return verb(**client, *level);
}

Exit scan(const Context& context, const KeysOptions& options) {
  return with_client(context, options, [&](Client& client, Level level) {
    std::uint64_t left = options.limit == 0 ? ~std::uint64_t{0} : options.limit;
    const std::string first = options.prefix.empty() ? options.first : options.prefix;
    const std::string end = options.prefix.empty() ? options.end : end_of_prefix(options.prefix);
    auto scan =
        client.scan({.keyspace = options.keyspace,
                     .first = Bytes(first),
                     .end = Bytes(end),
                     .keys_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, limits::scan_page_keys_max)),
                     .keys_only = options.keys_only,
                     .level = level});
    if (!scan) return show_error(context.format, scan.error(), "rift keyspace ls" + options.target.flag());
    Exit exit = Exit::done;
    bool is_first = true;
    while (exit == Exit::done && left > 0 && (is_first || !scan->is_over())) {
      is_first = false;
      const auto start = Clock::now();
      Answer page = client.next_page(*scan);
      if (page.is_done() && page.results->items.size() > left) page.results->items.resize(left);
      if (page.is_done()) left -= page.results->items.size();
      exit = show_response({.format = context.format, .verb = "scan", .took = Clock::now() - start}, first, page);
    }
    if (exit == Exit::done && !scan->is_over()) fmt::print(stderr, "more keys follow; --limit 0 gives all\n");
    return exit;
  });
}

Exit mget(const Context& context, const KeysOptions& options) {
  return with_client(context, options, [&](Client& client, Level level) {
    const auto start = Clock::now();
    const Answer answer = client.multi_get(options.keyspace, options.keys, {.level = level});
    return show_response({.format = context.format, .verb = "mget", .took = Clock::now() - start}, options.keys.front(),
                         answer);
  });
}

Exit incr(const Context& context, const KeysOptions& options) {
  Duration ttl{};
  if (!options.ttl.empty()) {
    const auto parsed = parse_duration(options.ttl);
    if (!parsed) {
      show_error(context.format, parsed.error());
      return Exit::usage;
    }
    ttl = *parsed;
  }
  return with_client(context, options, [&](Client& client, Level level) {
    const auto start = Clock::now();
    const Answer answer =
        client.increment(options.keyspace, options.keys.front(), options.delta, {.level = level, .ttl = ttl});
    return show_response({.format = context.format, .verb = "incr", .took = Clock::now() - start}, options.keys.front(),
                         answer);
  });
}

Exit compact(const Context& context, const KeysOptions& options) {
  return with_client(context, options, [&](Client& client, Level) {
    const auto start = Clock::now();
    const Answer answer = client.compact(options.keyspace, PartitionId(options.partition), Revision(options.revision));
    return show_response({.format = context.format, .verb = "compact", .took = Clock::now() - start}, "", answer);
  });
}

}  // namespace

void add_keys(CLI::App& app, Context& context) {
  const auto add = [&](const std::string& name, const char* help, const char* example,
                       Exit (*run)(const Context&, const KeysOptions&)) {
    auto options = std::make_shared<KeysOptions>();
    CLI::App* command = app.add_subcommand(name, help);
    command->footer(std::string("Example:  ") + example);
    command->add_option("--ks", options->keyspace, "Keyspace")->required();
    add_target(*command, options->target);
    add_format(*command, context);
    command->callback([&context, options, run] { context.exit = run(context, *options); });
    return std::pair(command, options);
  };
  {
    auto [command, options] = add("scan", "List keys in their order (cp keyspaces)",
                                  "rift scan --ks bank --prefix acct:   |   rift scan --ks bank acct:1 acct:5", scan);
    command->add_option("first", options->first, "From this key on");
    command->add_option("end", options->end, "Up to this key, exclusive");
    command->add_option("--prefix", options->prefix, "Keys that begin with this");
    command->add_option("--limit", options->limit, "At most so many keys; 0: all")->capture_default_str();
    command->add_flag("--keys-only", options->keys_only, "Without the values");
    command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
  }
  {
    auto [command, options] =
        add("mget", "Read several keys at once (cp keyspaces)", "rift mget --ks bank acct:1 acct:2", mget);
    command->add_option("keys", options->keys, "Keys")->required();
    command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
  }
  {
    auto [command, options] = add("incr", "Add to a number, exactly once, and print it (cp keyspaces)",
                                  "rift incr --ks bank visits   |   rift incr --ks bank stock --by=-3", incr);
    command->add_option("key", options->keys, "Key; an absent one counts as 0")->required()->expected(1);
    command->add_option("--by", options->delta, "How much")->capture_default_str();
    command->add_option("--ttl", options->ttl, "Delete it after so long: 10s, 5m");
    command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
  }
  {
    auto [command, options] = add("compact", "Forget the history up to a revision; values stay (cp keyspaces)",
                                  "rift compact --ks bank --revision 1000", compact);
    command->add_option("--revision", options->revision, "The last one to forget")->required();
    command->add_option("--partition", options->partition,
                        "Its id, where the keyspace has several (rift keyspace ls -o json)");
  }
}

}  // namespace rift::cli
