// rift net cut|heal|delay|show: what the links of a local cluster do.
#include <fmt/core.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/supervise.h"
#include "cli/verbs.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

struct NetOptions {
  ClusterChoice cluster;
  std::vector<std::string> words;
  bool one_way = false;
  std::string cut;
  std::string link;
  std::string delay;
};

Exit failed(const Context& context, const NetOptions& options, const Error& error) {
  const std::string no_supervisor =
      fmt::format("rift cluster up{}   |   rift demo   (then name it with --name or --dir)", options.cluster.flag());
  return show_error(context.format, error, error.code == Code::unreachable ? no_supervisor : std::string());
}

void print_json(std::string_view schema, const json& answer) {
  json value = {{"schema", schema}};
  value.update(answer);
  value["schema"] = schema;
  value.erase("ok");
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Exit cut(const Context& context, const NetOptions& options) {
  const auto answer =
      ask_supervisor(options.cluster.folder(),
                     {.verb = "cut",
                      .fields = {{"groups", joined(options.words)}},
                      .flags = options.one_way ? std::vector<std::string>{"one_way"} : std::vector<std::string>{}});
  if (!answer) return failed(context, options, answer.error());
  const json value = json::parse(*answer);
  if (context.format == Format::json) {
    print_json("rift.net_cut/1", value);
    return Exit::done;
  }
  const auto name = value.at("cut").get<std::string>();
  fmt::print("{}   {}   {} links cut{}   heal with: rift net heal {}{}\n", name, value.at("groups").get<std::string>(),
             value.at("links").get<std::string>(), options.one_way ? " (one way)" : "", name, options.cluster.flag());
  return Exit::done;
}

// The least of its links: a cut has bitten only if every link did.
std::uint64_t proof_of(const json& cut) {
  std::uint64_t least = ~std::uint64_t{0};
  for (const json& link : cut.at("proof")) {
    least = std::min<std::uint64_t>(least, std::stoull(link.at("bytes_held").get<std::string>()) +
                                               std::stoull(link.at("connections").get<std::string>()));
  }
  return cut.at("proof").empty() ? 0 : least;
}

Exit heal(const Context& context, const NetOptions& options) {
  const auto answer = ask_supervisor(options.cluster.folder(), {.verb = "heal", .fields = {{"cut", options.cut}}});
  if (!answer) return failed(context, options, answer.error());
  const json value = json::parse(*answer);
  if (context.format == Format::json) {
    print_json("rift.net_heal/1", value);
    return Exit::done;
  }
  if (value.at("healed").empty()) fmt::print("nothing was cut\n");
  for (const json& cut_value : value.at("healed")) {
    fmt::print("{} healed   {}   every link held at least {} bytes or connections\n",
               cut_value.at("cut").get<std::string>(), cut_value.at("groups").get<std::string>(), proof_of(cut_value));
  }
  return Exit::done;
}

Exit delay(const Context& context, const NetOptions& options) {
  const auto arrow = options.link.find('>');
  const auto duration = parse_duration(options.delay);
  if (arrow == std::string::npos || !duration) {
    show_error(context.format,
               {Code::invalid, arrow == std::string::npos ? "a link is written n1>n3" : duration.error().detail},
               "rift net delay 'n1>n3' 50ms");
    return Exit::usage;
  }
  const auto answer =
      ask_supervisor(options.cluster.folder(),
                     {.verb = "delay",
                      .fields = {{"from", options.link.substr(0, arrow)}, {"to", options.link.substr(arrow + 1)}},
                      .numbers = {{"ms", to_milliseconds(*duration)}}});
  if (!answer) return failed(context, options, answer.error());
  if (context.format == Format::json) {
    print_json("rift.net_delay/1", {{"link", options.link}, {"delay_ms", to_milliseconds(*duration)}});
  } else {
    fmt::print("{}   {:.1f} ms added to what travels this way\n", options.link, to_milliseconds(*duration));
  }
  return Exit::done;
}

Exit show(const Context& context, const NetOptions& options) {
  const auto answer = ask_supervisor(options.cluster.folder(), {.verb = "show"});
  if (!answer) return failed(context, options, answer.error());
  const json value = json::parse(*answer);
  if (context.format == Format::json) {
    print_json("rift.net/1", value);
    return Exit::done;
  }
  for (const json& cut_value : value.at("cuts")) {
    fmt::print("{}   {}{}\n", cut_value.at("cut").get<std::string>(), cut_value.at("groups").get<std::string>(),
               cut_value.at("one_way").get<bool>() ? "   one way" : "");
  }
  fmt::print("{:<8} {:<5} {:>9} {:>11} {:>14} {:>12} {:>7} {:>7}\n", "link", "", "delay ms", "connections",
             "bytes passed", "bytes held", "held", "reset");
  for (const json& link : value.at("links")) {
    const auto text = [&link](const char* field) { return link.at(field).get<std::string>(); };
    fmt::print("{:<8} {:<5} {:>9.1f} {:>11} {:>14} {:>12} {:>7} {:>7}\n", text("from") + ">" + text("to"),
               link.at("cut").get<bool>() ? "CUT" : "", link.at("delay_ms").get<double>(), text("connections"),
               text("bytes"), text("bytes_held"), text("connections_held"), text("connections_reset"));
  }
  return Exit::done;
}

}  // namespace

void add_net(CLI::App& app, Context& context) {
  CLI::App* net = app.add_subcommand("net", "Cut, delay and heal the links of a local cluster");
  net->require_subcommand(1);
  net->footer("Example:  rift net cut n1,n2 / n3,n4,n5 && rift net show && rift net heal");
  const auto add = [&](const char* name, const char* help, Exit (*run_verb)(const Context&, const NetOptions&)) {
    auto options = std::make_shared<NetOptions>();  // its own: the verbs beside it read the environment too
    CLI::App* verb = net->add_subcommand(name, help);
    add_cluster_choice(*verb, options->cluster);
    add_format(*verb, context);
    verb->callback([&context, options, run_verb] { context.exit = run_verb(context, *options); });
    return std::pair(verb, options);
  };
  const auto [cut_verb, cut_options] =
      add("cut", "Cut the links between groups of nodes:  rift net cut n1,n2 / n3,n4,n5", cut);
  cut_verb
      ->add_option("groups", cut_options->words, "Groups of nodes with / between them; c stands for the pinned clients")
      ->required();
  cut_verb->add_flag("--one-way", cut_options->one_way, "Only what the first group sends is stopped");
  const auto [heal_verb, heal_options] =
      add("heal", "End a cut, or all cuts; a delay ends with: rift net delay LINK 0ms", heal);
  heal_verb->add_option("cut", heal_options->cut, "Its name, as printed by cut (default: all)");
  const auto [delay_verb, delay_options] =
      add("delay", "Delay what travels from one node to another:  rift net delay 'n1>n3' 50ms", delay);
  delay_verb->add_option("link", delay_options->link, "FROM>TO")->required();
  delay_verb->add_option("delay", delay_options->delay, "How long; 0s takes it away")->required();
  add("show", "Show every link, its state and what it held", show);
}

}  // namespace rift::cli
