// rift mput: many keys at once, each by itself.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>

#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/json_parts.h"
#include "cli/target.h"
#include "cli/verbs.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t shown_max = 20;                                // of those that were not done, in text
constexpr std::size_t line_bytes_max = 2 * limits::value_bytes_max;  // of a file

struct MputOptions {
  Target target;
  std::string keyspace;
  std::string level;
  std::string ttl;
  std::string file;
  std::vector<std::string> pairs;
};

Result<void> add_pair(const std::string& text, Pairs& pairs) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return rift::fail(Code::invalid, "'" + text.substr(0, 64) + "' is no pair; say KEY=VALUE");
  pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  return {};
}

Result<void> read_lines(std::istream& in, const std::string& name, Pairs& pairs) {
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    if (line.size() > line_bytes_max)
      return rift::fail(Code::too_large, fmt::format("{}:{} is too long", name, number));
    if (const auto added = add_pair(line, pairs); !added)
      return rift::fail(added.error().code, fmt::format("{}:{}: {}", name, number, added.error().detail));
  }
  if (in.bad()) return rift::fail(Code::io, "cannot read " + name);
  return {};
}

Result<Pairs> pairs_of(const MputOptions& options) {
  Pairs pairs;
  if (options.file == "-") TRY(read_lines(std::cin, "stdin", pairs));
  if (!options.file.empty() && options.file != "-") {
    std::ifstream in(options.file);
    if (!in) return rift::fail(Code::invalid, "cannot open " + options.file);
    TRY(read_lines(in, options.file, pairs));
  }
  for (const std::string& pair : options.pairs) TRY(add_pair(pair, pairs));
  if (pairs.empty()) return rift::fail(Code::invalid, "nothing to put: name KEY=VALUE pairs, or --file PATH");
  return pairs;
}

struct Counts {
  std::size_t done = 0;
  std::size_t not_done = 0;
  std::size_t unknown = 0;
  void add(Outcome outcome) { ++(outcome == Outcome::done ? done : outcome == Outcome::unknown ? unknown : not_done); }
};

json to_json(const std::string& key, const Answer& answer) {
  json value = json::object();
  put_bytes(value, "key", key);
  value["outcome"] = std::string(to_string(answer.outcome));
  value["code"] = std::string(to_string(answer.code));
  value["level_reached"] = std::string(to_string(answer.receipt.reached));
  if (!answer.why.empty()) value["why"] = answer.why;
  return value;
}

void show_text(const Pairs& pairs, const std::vector<Answer>& answers, const Counts& counts, double seconds) {
  std::size_t shown = 0;
  for (std::size_t i = 0; i < answers.size() && shown < shown_max; ++i) {
    if (answers[i].is_done()) continue;
    ++shown;
    fmt::print(stderr, "{:<9} {}   {}\n", to_string(answers[i].outcome), shell_word(pairs[i].first), answers[i].why);
  }
  const std::size_t others = counts.not_done + counts.unknown;
  if (others > shown) fmt::print(stderr, "and {} more\n", others - shown);
  fmt::print("{} done   {} not done   {} unknown   of {}   {:.1f} s\n", counts.done, counts.not_done, counts.unknown,
             answers.size(), seconds);
  const auto kept = std::count_if(answers.begin(), answers.end(),
                                  [](const Answer& answer) { return answer.receipt.reached == Level::any; });
  if (kept > 0) fmt::print("{} of them are on no owner yet, but kept for one: rift hints\n", kept);
  if (counts.unknown > 0) fmt::print("unknown ones may or may not be there: read them before you put them again\n");
}

Exit put_all(const Context& context, const MputOptions& options, const Pairs& pairs, const CallOptions& call) {
  const auto client = connect(options.target);
  if (!client) {
    const Exit exit = show_error(context.format, client.error(), "rift cluster up" + options.target.cluster.flag());
    return client.error().code == Code::invalid ? Exit::usage : exit;
  }
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto told = start;
  const bool is_watched = context.format == Format::text && isatty(STDERR_FILENO) != 0;
  const auto answers = (*client)->put_all(options.keyspace, pairs, call, [&](std::size_t ended) {
    if (!is_watched || Clock::now() - told < std::chrono::milliseconds(500)) return;
    told = Clock::now();
    fmt::print(stderr, "\r{} of {} keys", ended, pairs.size());
  });
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (told != start) fmt::print(stderr, "\r\033[K");
  Counts counts;
  for (const Answer& answer : answers) counts.add(answer.outcome);
  if (context.format == Format::json) {
    json value = {{"schema", "rift.mput/1"},     {"keyspace", options.keyspace}, {"done", counts.done},
                  {"not_done", counts.not_done}, {"unknown", counts.unknown},    {"keys", json::array()}};
    for (std::size_t i = 0; i < answers.size(); ++i) value["keys"].push_back(to_json(pairs[i].first, answers[i]));
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    show_text(pairs, answers, counts, seconds);
  }
  return counts.unknown > 0 ? Exit::unknown : counts.not_done > 0 ? Exit::not_done : Exit::done;
}

Exit mput(const Context& context, const MputOptions& options) {
  CallOptions call;
  const auto asked = [&]() -> Result<Pairs> {
    call.level = TRY(level_of(options.level));
    if (!options.ttl.empty()) call.ttl = TRY(parse_duration(options.ttl));
    return pairs_of(options);
  }();
  if (!asked) {
    show_error(context.format, asked.error());
    return Exit::usage;
  }
  return put_all(context, options, *asked, call);
}

}  // namespace

void add_mput(CLI::App& app, Context& context) {
  auto options = std::make_shared<MputOptions>();
  CLI::App* command = app.add_subcommand("mput", "Put many keys, each by itself: some may be done and others not");
  command->footer("Example:  rift mput --ks carts a=1 b=2   |   rift mput --ks carts --file pairs.txt");
  command->add_option("--ks", options->keyspace, "Keyspace")->required();
  add_target(*command, options->target);
  add_format(*command, context);
  command->add_option("pairs", options->pairs, "KEY=VALUE");
  command->add_option("--file", options->file, "KEY=VALUE, one in each line; - is stdin");
  command->add_option("--ttl", options->ttl, "Delete them after so long: 10s, 5m");
  command->add_option("-c,--level", options->level, "one, majority, all, or any (ap) (default: the keyspace's)");
  command->callback([&context, options] { context.exit = mput(context, *options); });
}

}  // namespace rift::cli
