// rift txn: compare, then or else, in one.
#include <chrono>
#include <fstream>
#include <iostream>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "cli/target.h"
#include "cli/txn_text.h"
#include "cli/verbs.h"

namespace rift::cli {
namespace {

struct TxnOptions {
  Target target;
  std::string keyspace;
  std::string level;
  std::string file;
  std::vector<std::string> lines;
};

std::vector<std::string> lines_of(std::istream& stream) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Result<TxnWish> wish_of(const TxnOptions& options) {
  if (!options.lines.empty()) return parse_txn(options.lines);
  if (options.file.empty() || options.file == "-") return parse_txn(lines_of(std::cin));
  std::ifstream file(options.file);
  if (!file) return rift::fail(Code::invalid, "cannot read " + options.file);
  return parse_txn(lines_of(file));
}

Exit txn(const Context& context, const TxnOptions& options) {
  auto wish = wish_of(options);
  const auto level = level_of(options.level);
  if (!wish || !level) {
    show_error(context.format, wish ? level.error() : wish.error());
    return Exit::usage;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto client = connect(options.target);
  if (!client) {
    const Exit exit = show_error(context.format, client.error(),
                                 "rift cluster up" + options.target.cluster.flag() + "   |   --endpoints host:port");
    return client.error().code == Code::invalid ? Exit::usage : exit;
  }
  const Answer answer = (*client)->txn(options.keyspace, std::move(*wish), {.level = *level});
  return show_response({.format = context.format, .verb = "txn", .took = std::chrono::steady_clock::now() - start}, "",
                       answer);
}

}  // namespace

void add_txn(CLI::App& app, Context& context) {
  auto options = std::make_shared<TxnOptions>();
  CLI::App* command =
      app.add_subcommand("txn", "Compare, then or else, as one; the keys of one partition (cp keyspaces)");
  command->footer(
      "Statements, one in a word of the command line or one a line of a file or of standard input:\n"
      "  if KEY = VALUE | exists | absent | version N | created N        all must hold; none: always\n"
      "  then put KEY VALUE [ttl 10s] | del KEY | get KEY | incr KEY N   what is done if they do\n"
      "  else ...                                                        and if not\n"
      "A {tag} in the keys keeps them in one partition: {bob}:cash and {bob}:bank.\n"
      "Example:  rift txn --ks bank 'if {bob}:cash = 10' 'then put {bob}:cash 0' 'then incr {bob}:bank 10'");
  command->add_option("--ks", options->keyspace, "Keyspace")->required();
  command->add_option("statements", options->lines, "Statements (default: from standard input)");
  command->add_option("--file", options->file, "Read them from this file; - is standard input");
  command->add_option("-c,--level", options->level, "one, majority or all (default: the keyspace's)");
  add_target(*command, options->target);
  add_format(*command, context);
  command->callback([&context, options] { context.exit = txn(context, *options); });
}

}  // namespace rift::cli
