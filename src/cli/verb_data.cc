// rift get|put|del|cas: one operation on one key.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "base/limits.h"
#include "cli/supervise.h"
#include "cli/target.h"
#include "cli/verbs.h"
#include "replica/token.h"

namespace rift::cli {
namespace {

struct DataOptions {
  Target target;
  std::string keyspace;
  std::string key;
  std::string value;
  std::string value_file;
  std::string level;
  std::string expected;
  std::string ttl;
  std::string seen;
  std::string range_end;
  bool is_prefix = false;
  CLI::Option* has_range = nullptr;
  std::uint64_t if_version = 0;
  bool absent = false;
  CLI::Option* has_value = nullptr;
  CLI::Option* has_expected = nullptr;
  CLI::Option* has_version = nullptr;
};

std::string try_cluster(const Target& target) {
  return fmt::format("rift cluster up{0}   |   rift cluster status{0}   |   --endpoints host:port",
                     target.cluster.flag());
}

Result<Condition> condition_of(const DataOptions& options) {
  const bool by_value = options.has_expected->count() > 0;
  const bool by_version = options.has_version->count() > 0;
  if (static_cast<int>(by_value) + static_cast<int>(by_version) + static_cast<int>(options.absent) != 1) {
    return rift::fail(Code::invalid, "cas needs exactly one of --expect V, --if-version N, --absent");
  }
  Condition condition{.kind = Condition::Kind::absent, .version = options.if_version, .value = Bytes(options.expected)};
  if (by_value) condition.kind = Condition::Kind::value;
  if (by_version) condition.kind = Condition::Kind::version;
  return condition;
}

// Byte for byte. One byte more than a value may have is enough for the refusal, whatever the file goes on with.
Result<std::string> read_value(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return rift::fail(Code::invalid, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  std::string bytes(limits::value_bytes_max + 1, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
  const bool is_read = std::ferror(file) == 0;
  if (file != stdin) std::fclose(file);
  if (!is_read) return rift::fail(Code::invalid, "cannot read " + path);
  return bytes;
}

Result<std::string> value_of(const DataOptions& options) {
  if (!options.value_file.empty()) return read_value(options.value_file);
  if (options.has_value == nullptr || options.has_value->count() > 0) return options.value;
  return rift::fail(Code::invalid, "put needs a value, or --value-file PATH");
}

Result<caller::Operation> operation_of(const DataOptions& options, Verb verb) {
  // Not inside the braces: a return from there leaks what has been made so far.
  const Level level = TRY(level_of(options.level));
  std::string value = TRY(value_of(options));
  caller::Operation operation{.keyspace = options.keyspace,
                              .verb = verb,
                              .level = level,
                              .key = Bytes(options.key),
                              .value = Bytes(std::move(value))};
  if (verb == Verb::cas) operation.condition = TRY(condition_of(options));
  if (!options.seen.empty()) operation.seen = TRY(parse_token(options.seen));
  operation.mints_token = verb == Verb::get;  // the answer shows it
  if (!options.ttl.empty()) operation.operands.ensure().ttl = TRY(parse_duration(options.ttl));
  return operation;
}

// Where the node itself had nothing better to suggest.
std::string hint_for(const DataOptions& options, const Answer& reply) {
  if (!reply.hint.empty() || reply.outcome == Outcome::done) return reply.hint;
  const std::string target = options.target.flag();
  const std::string cluster = options.target.cluster.flag();
  if (reply.outcome == Outcome::unknown)
    return fmt::format("rift get --ks {} {}{}   (it may or may not be there)", shell_word(options.keyspace),
                       shell_word(options.key), target);
  switch (reply.code) {
    case Code::no_leader:
    case Code::not_leader:
    case Code::level_unreachable:
      return fmt::format("{}{}   |   rift status{}",
                         options.target.via.empty() ? "rift net show" : "without --via   |   rift net heal", cluster,
                         target);
    case Code::unknown_keyspace:
      return fmt::format("rift keyspace ls{0}   |   rift keyspace create {1} --mode cp{0}", target,
                         shell_word(options.keyspace));
    case Code::unreachable:
      return try_cluster(options.target);
    case Code::ok:
    case Code::invalid:
    case Code::too_large:
    case Code::unsupported:
    case Code::condition_failed:
    case Code::overloaded:
    case Code::disk_full:
    case Code::wrong_node:
    case Code::not_ready:
    case Code::already_exists:
    case Code::refused:
    case Code::compacted:
    case Code::superseded_entry:
    case Code::clock_skewed:
    case Code::token_not_met:
    case Code::dedup_expired:
    case Code::timeout:
    case Code::leadership_lost:
    case Code::level_missed:
    case Code::disconnected:
    case Code::corruption:
    case Code::io:
      return {};
  }
  return {};
}

// The node of --via, if our own supervisor holds it down, before what else may help.
std::string with_remedy(const Target& target, const std::string& hint) {
  if (target.via.empty() || !target.endpoints.empty()) return hint;
  const std::string remedy = remedy_for(target.cluster, target.via);
  if (remedy.empty() || hint.empty()) return remedy + hint;
  return remedy + "   |   " + hint;
}

Exit execute(const Context& context, const DataOptions& options, Verb verb, std::string_view name) {
  const auto operation = operation_of(options, verb);
  if (!operation) {
    show_error(context.format, operation.error());
    return Exit::usage;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto client = connect(options.target);
  if (!client) {
    const Exit exit =
        show_error(context.format, client.error(), with_remedy(options.target, try_cluster(options.target)));
    return client.error().code == Code::invalid ? Exit::usage : exit;  // a flag that makes no sense
  }
  const bool is_range = options.is_prefix || (options.has_range != nullptr && options.has_range->count() > 0);
  const std::string end = options.is_prefix ? end_of_prefix(options.key) : options.range_end;
  Answer reply = is_range ? (*client)->del_range(options.keyspace, options.key, end, {.level = operation->level})
                          : (*client)->execute(*operation);
  reply.hint = hint_for(options, reply);
  if (reply.outcome != Outcome::done) reply.hint = with_remedy(options.target, reply.hint);
  return show_response({.format = context.format,
                        .verb = name,
                        .took = std::chrono::steady_clock::now() - start,
                        .with_token = !options.seen.empty()},
                       options.key, reply);
}

}  // namespace

void add_data(CLI::App& app, Context& context) {
  const auto add = [&](const std::string& name, const char* help, const char* example, Verb verb, bool has_value) {
    auto options = std::make_shared<DataOptions>();
    CLI::App* command = app.add_subcommand(name, help);
    command->footer(std::string("Example:  ") + example);
    command->add_option("--ks", options->keyspace, "Keyspace")->required();
    command->add_option("key", options->key, "Key")->required();
    CLI::Option* value = has_value ? command->add_option("value", options->value, "Value") : nullptr;
    if (verb == Verb::cas) value->required();
    if (verb == Verb::put) {
      options->has_value = value;
      command->add_option("--value-file", options->value_file, "Read the value from this file; - is standard input")
          ->excludes(value);
    }
    command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
    if (verb == Verb::put || verb == Verb::cas) {
      command->add_option("--ttl", options->ttl,
                          "It is absent after so long, never earlier: 10s, 5m. On ap keyspaces by the clocks of the "
                          "nodes, which may be half a second apart");
    }
    CLI::Option* seen = verb == Verb::cas ? nullptr
                                          : command->add_option("--seen", options->seen,
                                                                "The token of an earlier answer about the key (ap): a "
                                                                "read answers nothing older, a write stands above it");
    if (verb == Verb::del) {
      CLI::Option* prefix =
          command->add_flag("--prefix", options->is_prefix, "Every key that begins with this one (cp)");
      options->has_range =
          command->add_option("--range", options->range_end, "Every key from this one up to here, exclusive (cp)")
              ->excludes(prefix);
      seen->excludes(prefix)->excludes(options->has_range);
    }
    if (verb == Verb::cas) {
      options->has_expected = command->add_option("--expect", options->expected, "Write if the value is this one");
      options->has_version =
          add_number(*command, "--if-version", options->if_version, "Write if the modify revision is this one");
      command->add_flag("--absent", options->absent, "Write if there is no value");
    }
    add_target(*command, options->target);
    add_format(*command, context);
    command->callback([&context, options, verb, name] { context.exit = execute(context, *options, verb, name); });
  };
  add("get", "Read a key", "rift get --ks bank acct:1", Verb::get, false);
  add("put", "Write a key", "rift put --ks bank acct:1 100 --level majority", Verb::put, true);
  add("del", "Delete a key", "rift del --ks bank acct:1   |   rift del --ks bank acct: --prefix", Verb::del, false);
  add("cas", "Compare and set (cp keyspaces)", "rift cas --ks bank acct:1 90 --expect 100", Verb::cas, true);
}

}  // namespace rift::cli
