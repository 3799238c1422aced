// rift watch: what changes, line by line, until Ctrl-C.
#include <csignal>
#include <ctime>

#include <charconv>
#include <optional>

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "cli/target.h"
#include "cli/verbs.h"
#include "cli/watch_told.h"

namespace rift::cli {
namespace {

struct WatchOptions {
  Target target;
  std::string keyspace;
  std::string key;
  std::string end;
  bool is_prefix = false;
  std::uint64_t from = 0;
  std::vector<std::string> resume;
  std::uint64_t count = 0;
  CLI::Option* has_key = nullptr;
  CLI::Option* has_end = nullptr;
};

// "17:42": partition and the last revision known of it.
Result<std::pair<PartitionId, Revision>> parse_position(const std::string& text) {
  std::uint32_t partition = 0;
  std::uint64_t revision = 0;
  const char* const last = text.data() + text.size();
  const auto [colon, error] = std::from_chars(text.data(), last, partition);
  if (error == std::errc() && colon != last && *colon == ':') {
    const auto [end, bad] = std::from_chars(colon + 1, last, revision);
    if (bad == std::errc() && end == last) return std::pair(PartitionId(partition), Revision(revision));
  }
  return rift::fail(Code::invalid, "'" + text + "' is no position; say PARTITION:REVISION, as 17:42");
}

Result<caller::WatchWish> wish_of(const WatchOptions& options) {
  caller::WatchWish wish{.keyspace = options.keyspace, .first = Bytes(options.key), .from = Revision(options.from)};
  const bool has_end = options.has_end->count() > 0;
  wish.single_key = options.has_key->count() > 0 && !has_end && !options.is_prefix;
  if (options.is_prefix) wish.end = Bytes(end_of_prefix(options.key));
  if (has_end) wish.end = Bytes(options.end);
  for (const std::string& text : options.resume) wish.resume.insert(TRY(parse_position(text)));
  return wish;
}

// The partitions that the watch is of, by the map as it is now.
std::vector<PartitionId> partitions_of(const topology::Catalog& map, const caller::WatchWish& wish) {
  std::vector<PartitionId> partitions;
  const topology::Keyspace* keyspace = map.find(wish.keyspace);
  if (keyspace == nullptr || keyspace->partitions.empty()) return partitions;
  if (wish.single_key) return {topology::place(*keyspace, wish.first.view()).id};
  for (const topology::Partition& partition : keyspace->partitions) partitions.push_back(partition.id);
  return partitions;
}

void show_resume(const WatchTold::Resume& resume) {
  if (!resume.flags.empty()) fmt::print(stderr, "go on after it with{}\n", resume.flags);
  for (const PartitionId partition : resume.unknown) {
    fmt::print(stderr, "partition {} has not answered yet: {}\n", partition.value(),
               resume.flags.empty() ? "what happens there until you go on is not shown"
                                    : "whoever goes on is shown all that has ever happened there");
  }
}

// True: a signal asked for the end.
bool wait_for_signal(const sigset_t& signals) {
  const timespec patience{.tv_sec = 0, .tv_nsec = 50'000'000};
  return sigtimedwait(&signals, nullptr, &patience) > 0;
}

Exit watch(const Context& context, const WatchOptions& options) {
  const auto wish = wish_of(options);
  if (!wish) {
    show_error(context.format, wish.error());
    return Exit::usage;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the client's thread exists
  const auto client = connect(options.target);
  if (!client) {
    const Exit exit = show_error(context.format, client.error(),
                                 "rift cluster up" + options.target.cluster.flag() + "   |   --endpoints host:port");
    return client.error().code == Code::invalid ? Exit::usage : exit;
  }
  WatchTold told(context.format, options.count, *wish);
  {
    const auto handle = (*client)->watch(*wish, {.on_batch = [&](const caller::WatchBatch& batch) { told.take(batch); },
                                                 .on_end = [&](Response response) { told.end(std::move(response)); }});
    while (!told.is_over() && !wait_for_signal(signals)) {
    }
  }
  const auto ended = told.ended();
  if (!ended) {
    show_resume(told.resume(partitions_of(*(*client)->catalog(), *wish)));
    return Exit::done;
  }
  const std::string hint =
      ended->code == Code::compacted && ended->results
          ? fmt::format("rift scan --ks {0}{1}, then rift watch --ks {0} --from {2}{1}", shell_word(options.keyspace),
                        options.target.flag(), ended->results->compacted.value() + 1)
          : ended->hint;
  return show_error(context.format, Error{ended->code, ended->why}, hint);
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* command = app.add_subcommand("watch", "Follow changes until Ctrl-C, without gap or repeat (cp keyspaces)");
  command->footer(
      "One line for each change: revision, kind, key, value. It goes on over failing nodes and connections.\n"
      "Example:  rift watch --ks bank acct: --prefix   |   rift watch --ks bank --from 1 -o json");
  command->add_option("--ks", options->keyspace, "Keyspace")->required();
  options->has_key = command->add_option("key", options->key, "This key (default: all)");
  CLI::Option* prefix = command->add_flag("--prefix", options->is_prefix, "Every key that begins with it");
  options->has_end =
      command->add_option("--range", options->end, "Every key from it up to here, exclusive")->excludes(prefix);
  add_number(*command, "--from", options->from,
             "From this revision on (default: from now; beside --resume: from 1, in partitions not named)");
  command->add_option("--resume", options->resume,
                      "After this PARTITION:REVISION, as printed when a watch ends; one the keyspace lacks is refused");
  add_number(*command, "--count", options->count, "End after so many changes");
  add_target(*command, options->target);
  add_format(*command, context);
  command->callback([&context, options] { context.exit = watch(context, *options); });
}

}  // namespace rift::cli
