// The verbs of `rift`: each adds its subcommands to the parser; the one that was chosen runs when the parser calls it back and leaves
// its exit code in the context. Main thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "cli/output.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace rift::cli {

// Set by the flags that every verb shares.
struct Context {
  Format format = Format::text;
  Exit exit = Exit::done;
};

void add_serve(CLI::App& app, Context& context);
void add_cluster(CLI::App& app, Context& context);
void add_net(CLI::App& app, Context& context);
void add_keyspace(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
void add_members(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);     // status, why-leader
void add_hints(CLI::App& app, Context& context);      // hints, converge
void add_conflicts(CLI::App& app, Context& context);  // conflicts, inspect
void add_keys(CLI::App& app, Context& context);
void add_mput(CLI::App& app, Context& context);
void add_txn(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_lock(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);
void add_sim(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_version(CLI::App& app, Context& context);

// `-o text|json`.
void add_format(CLI::App& app, Context& context);

// A number as an option takes it: all of it, within the type; CLI11 would cut it off at the type's bound.
CLI::Option* add_number(CLI::App& app, const std::string& name, std::int64_t& value, const std::string& help);
CLI::Option* add_number(CLI::App& app, const std::string& name, std::uint64_t& value, const std::string& help);
CLI::Option* add_number(CLI::App& app, const std::string& name, std::uint32_t& value, const std::string& help);

// Which local cluster: --name or --dir.
struct ClusterChoice {
  std::string name = "default";
  std::string dir;
  std::string folder() const;
  // " --name two" or " --dir X", for the commands that we print; empty: they mean this cluster without it.
  std::string flag() const;
};
void add_cluster_choice(CLI::App& app, ClusterChoice& choice);

// As a shell takes it for one word.
std::string shell_word(const std::string& text);

// "50ms", "1.5s", "2m"; a bare number is refused.
Result<Duration> parse_duration(const std::string& text);

// "level" as --level takes it; empty: the keyspace's own.
Result<Level> level_of(const std::string& text);
// The first key after all that begin with `prefix`: the end of the range that it names. Empty: there is none.
std::string end_of_prefix(std::string prefix);

// The whole program. Returns its exit code.
int run(int argc, char** argv);

}  // namespace rift::cli
