// rift demo: a throw-away cluster that tells the split-brain story by itself (--auto), or has it under your keys.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "chaos/live/story.h"
#include "chaos/report/story.h"
#include "cli/play.h"
#include "cli/supervise.h"
#include "cli/verbs.h"

namespace rift::cli {
namespace {

struct DemoOptions {
  std::string story = "split-brain";
  bool is_auto = false;
  bool keep = false;
  std::string out;
  std::uint64_t seed = 0;
  std::uint32_t nodes = 5;
  std::string calm = "5s";
  std::string split = "20s";
  std::string healed = "10s";
};

// The cluster's folder: short, because a socket lives in it. Removed at the end, unless the verdict is not good or --keep.
class Scratch {
 public:
  static Result<Scratch> make() {
    char name[] = "/tmp/rift-demo-XXXXXX";
    if (::mkdtemp(name) == nullptr) return rift::fail(Code::io, "cannot make a folder in /tmp");
    return Scratch(name);
  }
  const std::string& path() const { return path_; }
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  // False, and it is gone: nothing has been put into it.
  bool has_content() const {
    std::error_code ignored;
    return ::rmdir(path_.c_str()) != 0 && std::filesystem::exists(path_, ignored);
  }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// On a terminal one line that is overwritten; else one line per five seconds.
class ProgressLine {
 public:
  void show(const chaos::live::StoryProgress& progress) {
    const double at = to_seconds(progress.at);
    const std::string line = fmt::format("{:5.1f} s of {:.0f}   {:<28} {} requests sent, {} wait for an answer", at,
                                         to_seconds(progress.length), progress.phase, progress.attempts, progress.open);
    if (is_terminal_) {
      say(stderr, fmt::format("\r{:<78}", line));
    } else if (at >= next_ || progress.phase != phase_) {
      say(stderr, line + '\n');
      next_ = at + 5;
    }
    phase_ = progress.phase;
  }
  void end() const {
    if (is_terminal_) say(stderr, fmt::format("\r{:<78}\r", ""));
  }

 private:
  bool is_terminal_ = cli::is_terminal(2);
  double next_ = 0;
  std::string phase_;
};

// The signal that has asked the demo to end; 0: none yet.
class Stop {
 public:
  bool is_asked() {
    if (number_ == 0) number_ = StopSignal::arrived();
    return number_ != 0;
  }
  int number() const { return number_; }

 private:
  int number_ = 0;
};

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::trunc);
  file << text;
  if (!file.flush()) return rift::fail(Code::io, "cannot write " + path);
  return {};
}

Result<chaos::live::StoryOptions> story_options(const DemoOptions& options, Stop& stop) {
  chaos::live::StoryOptions story;
  story.is_stopped = [&stop] { return stop.is_asked(); };
  story.seed = options.seed != 0 ? options.seed : std::random_device{}();
  story.schedule.calm = TRY(parse_duration(options.calm));
  story.schedule.split = TRY(parse_duration(options.split));
  story.schedule.healed = TRY(parse_duration(options.healed));
  story.schedule.minority_size = (options.nodes - 1) / 2;
  return story;
}

Result<std::unique_ptr<chaos::live::LocalCluster>> start(const DemoOptions& options, const std::string& dir) {
  say(stderr, fmt::format("starting {} nodes in {}\n", options.nodes, dir));
  return chaos::live::LocalCluster::up(
      {.name = "demo", .dir = dir, .nodes = options.nodes, .on_down = [] { StopSignal::request(); }});
}

void print_cluster(const chaos::live::LocalCluster& cluster) {
  std::string line;
  for (const auto& node : cluster.plan().nodes)
    line += fmt::format("{}{} {}", line.empty() ? "" : "   ", to_string(node.node), node.listen);
  say(stderr, fmt::format("{}\nbank: cp, {} copies, a majority decides.   carts: ap, {} copies, any one answers\n",
                          line, cluster.plan().nodes.size(), cluster.plan().nodes.size()));
}

Result<Exit> tell_story(const Context& context, const DemoOptions& options, const std::string& dir, Stop& stop) {
  auto story = TRY(story_options(options, stop));
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  std::ofstream history(options.out + "/history.jsonl", std::ios::trunc);
  if (error || !history) return rift::fail(Code::io, "cannot write into " + options.out);
  ProgressLine progress;
  story.history = [&history](std::string_view line) { history << line; };
  story.progress = [&progress](const auto& now) { progress.show(now); };

  const auto cluster = TRY(start(options, dir));
  print_cluster(*cluster);
  const auto told = chaos::live::run_split_brain(*cluster, story);
  progress.end();
  const chaos::live::StoryResult result = TRY(told);
  if (!history.flush()) return rift::fail(Code::io, "cannot write the history into " + options.out);

  const auto report = chaos::report::make_story(options.story, result.results, result.timeline, result.history);
  const std::string results = chaos::report::results_json(result.results);
  TRY(write_file(options.out + "/results.json", results));
  TRY(write_file(options.out + "/report.html", chaos::report::html(report)));
  if (context.format == Format::json) {
    fmt::print("{}{}", results, results.ends_with('\n') ? "" : "\n");
  } else {
    const bool colour = is_terminal(1) && std::getenv("NO_COLOR") == nullptr;
    fmt::print("{}\n{}\n", chaos::report::table(report, {.colour = colour}), chaos::report::summarize(report).text());
    fmt::print("replay   {}\n", result.results.replay);
  }
  return static_cast<Exit>(chaos::check::exit_code(result.results));
}

Result<Exit> play(const DemoOptions& options, const std::string& dir, Stop& stop) {
  if (!is_terminal(0))
    return rift::fail(Code::invalid, "the interactive demo needs a terminal; without one: rift demo --auto");
  const auto story = TRY(story_options(options, stop));
  const auto cluster = TRY(start(options, dir));
  print_cluster(*cluster);
  say(stderr,
      fmt::format("in another terminal: rift put --dir {0} --ks bank acct:1 100   |   rift net show --dir {0}\n", dir));
  TRY(play_by_keys(*cluster, story));
  return Exit::done;
}

Exit demo(const Context& context, const DemoOptions& options) {
  if (options.story != "split-brain") {
    show_error(context.format, {Code::invalid, "unknown story '" + options.story + "'; there is split-brain"});
    return Exit::usage;
  }
  StopSignal::block();  // ends in order: no node and no folder stays behind
  const auto scratch = Scratch::make();
  if (!scratch) {
    show_error(context.format, scratch.error());
    return Exit::usage;
  }
  Stop stop;
  const auto exit =
      options.is_auto ? tell_story(context, options, scratch->path(), stop) : play(options, scratch->path(), stop);
  const bool is_stopped = !exit && stop.number() != 0;
  if (!exit && !is_stopped) {
    show_error(context.format, exit.error());
    if (scratch->has_content()) fmt::print(stderr, "the nodes' logs are in {}\n", scratch->path());
    return Exit::usage;
  }
  const bool is_evidence = exit && *exit != Exit::done;
  if (options.keep || is_evidence) {
    fmt::print(stderr, "the cluster's data and the nodes' logs stay in {}\n", scratch->path());
  } else {
    scratch->remove();
  }
  if (is_stopped) {
    say(stderr, "stopped: no verdict\n");
    StopSignal::die_of(stop.number());
  }
  return *exit;
}

}  // namespace

void add_demo(CLI::App& app, Context& context) {
  auto options = std::make_shared<DemoOptions>();
  options->out = "rift-demo";
  CLI::App* verb = app.add_subcommand("demo", "Split a throw-away cluster and see what it costs");
  verb->add_option("--story", options->story, "The story to tell: split-brain")->capture_default_str();
  verb->add_flag("--auto", options->is_auto, "Tell it without keys, judge it, write the report");
  verb->add_option("--out", options->out, "Folder for report.html, results.json and history.jsonl")
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "Seed of the load and of who goes with the leader (default: random)");
  verb->add_option("--nodes", options->nodes, "Nodes")->check(CLI::Range(3, 9))->capture_default_str();
  verb->add_option("--calm", options->calm, "Time before the split")->capture_default_str();
  verb->add_option("--split", options->split, "Time of the split")->capture_default_str();
  verb->add_option("--healed", options->healed, "Time after the heal")->capture_default_str();
  verb->add_flag("--keep", options->keep, "Keep the cluster's folder");
  add_format(*verb, context);
  verb->callback([&context, options] { context.exit = demo(context, *options); });
}

}  // namespace rift::cli
