// rift scan|mget|incr|compact: many keys, numbers (cp), history (cp).
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
  std::string cursor;
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

// Leaves the first `most` items; the key of the one after them, or nothing.
std::string cut_page(Results& page, std::uint64_t most) {
  if (page.items.size() <= most) return {};
  std::string next = page.items[most].key.to_string();
  page.items.resize(most);
  return next;
}

// The key with which the next page begins, or nothing: also where it cannot be read now.
std::string look_ahead(Client& client, caller::Scan& scan) {
  while (!scan.is_over()) {
    const Answer page = client.next_page(scan);
    if (!page.is_done()) return {};
    if (!page.results->items.empty()) return page.results->items.front().key.to_string();
  }
  return {};
}

// An ap keyspace: no key comes before another, a cursor says where to go on.
Exit scan_by_hash(const Context& context, const KeysOptions& options, Client& client, caller::ScanWish wish) {
  std::uint64_t left = options.limit == 0 ? ~std::uint64_t{0} : options.limit;
  const std::string first = wish.first.to_string();
  auto scan = client.scan(std::move(wish));
  if (!scan) {
    show_error(context.format, scan.error(), "rift keyspace ls" + options.target.flag());
    return exit_of(scan.error());
  }
  Exit exit = Exit::done;
  do {
    const auto start = Clock::now();
    scan->limit_page(static_cast<std::uint32_t>(std::min<std::uint64_t>(left, limits::scan_page_keys_max)));
    Answer page = client.next_page(*scan);
    if (page.is_done()) {
      left -= page.results->items.size();
      page.results->next_key = Bytes(scan->cursor());
    }
    exit = show_response(
        {.format = context.format, .verb = "scan", .took = Clock::now() - start, .keys_only = options.keys_only}, first,
        page);
  } while (exit == Exit::done && left > 0 && !scan->is_over());
  if (exit == Exit::done && !scan->is_over())
    fmt::print(stderr, "more keys follow: --cursor {}; --limit 0 gives all\n", scan->cursor());
  return exit;
}

bool is_ap(const Client& client, const std::string& keyspace) {
  const auto map = client.catalog();
  const topology::Keyspace* known = map->find(keyspace);
  return known != nullptr && known->mode == Mode::ap;
}

Exit scan(const Context& context, const KeysOptions& options) {
  return with_client(context, options, [&](Client& client, Level level) {
    const std::string first = options.prefix.empty() ? options.first : options.prefix;
    const std::string end = options.prefix.empty() ? options.end : end_of_prefix(options.prefix);
    if (!options.cursor.empty() || is_ap(client, options.keyspace)) {
      return scan_by_hash(context, options, client,
                          {.keyspace = options.keyspace,
                           .first = Bytes(first),
                           .end = Bytes(end),
                           .keys_only = options.keys_only,
                           .level = level,
                           .cursor = options.cursor});
    }
    std::uint64_t left = options.limit == 0 ? ~std::uint64_t{0} : options.limit;
    // One more than is shown: where to go on.
    const auto keys_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, limits::scan_page_keys_max - 1) + 1);
    auto scan = client.scan({.keyspace = options.keyspace,
                             .first = Bytes(first),
                             .end = Bytes(end),
                             .keys_max = keys_max,
                             .keys_only = options.keys_only,
                             .level = level});
    if (!scan) return show_error(context.format, scan.error(), "rift keyspace ls" + options.target.flag());
    Exit exit = Exit::done;
    std::string next;
    do {
      const auto start = Clock::now();
      Answer page = client.next_page(*scan);
      if (page.is_done()) {
        next = cut_page(*page.results, left);
        left -= page.results->items.size();
        if (left == 0 && next.empty()) next = look_ahead(client, *scan);
        page.results->next_key = Bytes(next);
      }
      exit = show_response(
          {.format = context.format, .verb = "scan", .took = Clock::now() - start, .keys_only = options.keys_only},
          first, page);
    } while (exit == Exit::done && left > 0 && !scan->is_over());
    if (exit == Exit::done && !next.empty())
      fmt::print(stderr, "more keys follow, from {} on; --limit 0 gives all\n", shell_word(next));
    return exit;
  });
}

Exit mget(const Context& context, const KeysOptions& options) {
  return with_client(context, options, [&](Client& client, Level level) {
    const auto start = Clock::now();
    const Answer answer = client.multi_get(options.keyspace, options.keys, {.level = level, .mints_token = true});
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
    auto [command, options] = add("scan", "List keys: of a cp keyspace in their order, of an ap keyspace by hash",
                                  "rift scan --ks bank --prefix acct:   |   rift scan --ks bank acct:1 acct:5", scan);
    CLI::Option* first = command->add_option("first", options->first, "From this key on");
    CLI::Option* end = command->add_option("end", options->end, "Up to this key, exclusive");
    command->add_option("--prefix", options->prefix, "Keys that begin with this")->excludes(first)->excludes(end);
    command->add_option("--cursor", options->cursor, "ap: go on where an earlier scan has ended");
    add_number(*command, "--limit", options->limit, "At most so many keys; 0: all");
    command->add_flag("--keys-only", options->keys_only, "Without the values");
    command->add_option("-c,--level", options->level,
                        "one, majority or all (default: the keyspace's; ap: one, nothing else)");
  }
  {
    auto [command, options] = add("mget", "Read several keys at once", "rift mget --ks bank acct:1 acct:2", mget);
    command->add_option("keys", options->keys, "Keys")->required();
    command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
  }
  {
    auto [command, options] = add("incr", "Add to a number, exactly once, and print it (cp keyspaces)",
                                  "rift incr --ks bank visits   |   rift incr --ks bank stock --by=-3", incr);
    command->add_option("key", options->keys, "Key; an absent one counts as 0")->required()->expected(1);
    add_number(*command, "--by", options->delta, "How much");
    command->add_option("--ttl", options->ttl, "Delete it after so long: 10s, 5m");
    command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
  }
  {
    auto [command, options] = add("compact", "Forget the history up to a revision; values stay (cp keyspaces)",
                                  "rift compact --ks bank --revision 1000", compact);
    add_number(*command, "--revision", options->revision, "The last one to forget")->required();
    add_number(*command, "--partition", options->partition,
               "Its id, where the keyspace has several (rift keyspace ls -o json)");
  }
}

}  // namespace rift::cli
