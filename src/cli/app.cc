#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <map>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "cli/verbs.h"
#include "cluster/plan.h"

namespace rift::cli {

std::string ClusterChoice::folder() const { return dir.empty() ? cluster::default_folder(name) : dir; }

std::string ClusterChoice::flag() const {
  if (!dir.empty()) return " --dir " + shell_word(dir);
  const bool is_meant_anyway = name == ClusterChoice{}.name && std::getenv("RIFT_CLUSTER") == nullptr;
  return is_meant_anyway ? "" : " --name " + name;
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:,@%+=";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

void add_cluster_choice(CLI::App& app, ClusterChoice& choice) {
  // Not check(): CLI11 passes over a variable of the environment that a check refuses, and the default cluster would be meant.
  const auto choose = [&choice](const std::string& name) {
    const auto fits = cluster::check_name(name);
    if (!fits) throw CLI::ValidationError("--name", fits.error().detail);
    choice.name = name;
  };
  app.add_option_function<std::string>("--name", choose, "Name of the local cluster")
      ->envname("RIFT_CLUSTER")
      ->default_str(choice.name);
  app.add_option("--dir", choice.dir, "Its folder, instead of the one that belongs to the name");
}

namespace {

template <class Number>
CLI::Option* add_whole_number(CLI::App& app, const std::string& name, Number& value, const std::string& help) {
  const auto take = [&value, name](const std::string& text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
      throw CLI::ValidationError(
          name, fmt::format("'{}' is no whole number from {} to {}", text, std::numeric_limits<Number>::min(),
                            std::numeric_limits<Number>::max()));
    }
    value = number;
  };
  return app.add_option_function<std::string>(name, take, help)->default_str(std::to_string(value));
}

}  // namespace

CLI::Option* add_number(CLI::App& app, const std::string& name, std::int64_t& value, const std::string& help) {
  return add_whole_number(app, name, value, help);
}
CLI::Option* add_number(CLI::App& app, const std::string& name, std::uint64_t& value, const std::string& help) {
  return add_whole_number(app, name, value, help);
}
CLI::Option* add_number(CLI::App& app, const std::string& name, std::uint32_t& value, const std::string& help) {
  return add_whole_number(app, name, value, help);
}

void add_format(CLI::App& app, Context& context) {
  // By name: a transformer of CLI11 prints the numbers behind the names, which here are bytes that no terminal shows.
  const auto choose = [&context](const std::string& form) {
    context.format = form == "json" ? Format::json : Format::text;
  };
  app.add_option_function<std::string>("-o,--output", choose, "Form of the output")
      ->check(CLI::IsMember({"text", "json"}));
}

Result<Duration> parse_duration(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  static const std::map<std::string, double> units = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  const auto found = units.find(unit);
  if (error != std::errc() || found == units.end() || !(number >= 0 && number <= 1e6)) {
    return rift::fail(Code::invalid, fmt::format("'{}' is no duration; say 50ms, 1.5s, 2m or 1h", text));
  }
  return Duration(static_cast<Duration::rep>(number * found->second));
}

Result<Level> level_of(const std::string& text) {
  if (text.empty()) return Level::unspecified;
  std::string lower = text;  // the documents write MAJORITY
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto level = parse_level(lower);
  if (level) return *level;
  return rift::fail(
      Code::invalid,
      "unknown level '" + text + "'; levels are one, majority and all, and any for single writes to ap keyspaces");
}

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

void add_version(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("version", "Print the version");
  add_format(*verb, context);
  verb->callback([&context] {
    if (context.format == Format::json) {
      fmt::print("{{\"schema\":\"rift.version/1\",\"version\":\"{}\"}}\n", RIFT_VERSION);
    } else {
      fmt::print("rift {}\n", RIFT_VERSION);
    }
  });
}

namespace {

// Of a command line that the parser refused, perhaps before it came to this flag.
Format asked_format(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-ojson" || words[i] == "--output=json") return Format::json;
    if (words[i] == "json" && i > 0 && (words[i - 1] == "-o" || words[i - 1] == "--output")) return Format::json;
  }
  return Format::text;
}

std::string verb_names(const CLI::App& app) {
  std::string names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names += (names.empty() ? "" : ", ") + verb->get_name();
  }
  return names;
}

// Where a verb should stand: the first word that is neither a flag nor the form of the output.
std::string missing_verb(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool is_form = i > 0 && (words[i - 1] == "-o" || words[i - 1] == "--output");
    if (!is_form && !words[i].starts_with('-')) return fmt::format("unknown verb '{}'", words[i]);
  }
  return "a verb is missing";
}

Exit refuse_usage(const CLI::App& app, const CLI::ParseError& error, Format format) {
  const CLI::App* verb = &app;
  std::string command = app.get_name();
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    command += " " + verb->get_name();
  }
  const std::string verbs = verb->get_subcommands().empty() ? verb_names(*verb) : "";
  const std::string why =
      verbs.empty() ? error.what() : fmt::format("{}; the verbs of {} are {}", missing_verb(*verb), command, verbs);
  show_error(format, {Code::invalid, why}, command + " --help");
  return Exit::usage;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app(
      "RiftKV: a replicated key-value store whose keyspaces choose their side of CAP, and a network that you can cut.",
      "rift");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help for every verb");
  app.footer(
      "A first look:      rift demo\n"
      "A local cluster:   rift cluster up && rift keyspace create bank --mode cp && rift put --ks bank a 1\n"
      "Exit codes:        0 done, 1 usage, 2 not done, 3 unknown, 4 a checker found a violation, 5 unreachable");
  app.set_version_flag("--version", "rift " RIFT_VERSION, "Print the version, as `rift version` does");
  Context context;
  add_demo(app, context);
  add_cluster(app, context);
  add_keyspace(app, context);
  add_data(app, context);
  add_members(app, context);
  add_keys(app, context);
  add_mput(app, context);
  add_txn(app, context);
  add_watch(app, context);
  add_lock(app, context);
  add_status(app, context);
  add_hints(app, context);
  add_conflicts(app, context);
  add_net(app, context);
  add_sim(app, context);
  add_bench(app, context);
  add_serve(app, context);
  add_version(app, context);
  try {
    std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    if (!words.empty() && words.front() == "--version") words.front() = "version";
    std::reverse(words.begin(), words.end());  // the order that the parser wants of a vector
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // the help that was asked for
    return static_cast<int>(refuse_usage(app, error, asked_format({argv, argv + argc})));
  } catch (const std::exception& error) {  // of a library; our own code throws nothing
    fmt::print(stderr, "rift: {}\n", error.what());
    return static_cast<int>(Exit::usage);
  }
  return static_cast<int>(context.exit);
}

}  // namespace rift::cli
