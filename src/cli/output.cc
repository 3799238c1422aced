#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "cli/json_parts.h"
#include "replica/token.h"

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr Duration map_age_shown = std::chrono::seconds(10);

json to_json(const Item& item) {
  json value = {{"found", item.found}, {"version", json_version(item.version)}};
  put_bytes(value, "key", item.key.view());
  if (item.found) put_bytes(value, "value", item.value.view());
  return value;
}

json to_json(const Results& results, bool with_tokens) {
  json items = json::array();
  for (const Item& item : results.items) {
    items.push_back(to_json(item));
    if (with_tokens && item.version.hlc != 0) items.back()["token"] = token_text(item.version);
  }
  json value = {{"succeeded", results.succeeded},
                {"items", items},
                {"revision", json_number(results.revision.value())},
                {"compacted", json_number(results.compacted.value())},
                {"deleted", json_number(results.deleted)}};
  if (!results.next_key.empty()) put_bytes(value, "next_key", results.next_key.view());
  return value;
}

std::string_view to_text(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::put:
      return "put";
    case Event::Kind::del:
      return "delete";
    case Event::Kind::expired:
      return "expired";
  }
  return "unknown";
}

std::string_view to_text(ReadPath path) {
  switch (path) {
    case ReadPath::none:
      return "none";
    case ReadPath::local:
      return "local";
    case ReadPath::read_index:
      return "read_index";
    case ReadPath::quorum:
      return "quorum";
    case ReadPath::quorum_repaired:
      return "quorum_repaired";
  }
  return "none";
}

// As `rift keyspace create` spells it.
std::vector<std::string> options_of(const Teaching& teaching) {
  std::vector<std::string> names;
  if (teaching.sloppy) names.emplace_back("--sloppy");
  if (teaching.wall_clock) names.emplace_back("--clock wall");
  if (teaching.no_durability) names.emplace_back("--durability none");
  return names;
}

std::vector<std::string> names_of(const Teaching& teaching) {
  std::vector<std::string> names;
  if (teaching.sloppy) names.emplace_back("sloppy");
  if (teaching.wall_clock) names.emplace_back("wall_clock");
  if (teaching.no_durability) names.emplace_back("no_durability");
  return names;
}

json to_json(const Receipt& receipt) {
  json value = {{"level_asked", std::string(to_string(receipt.asked))},
                {"level_reached", std::string(to_string(receipt.reached))},
                {"acknowledged_by", json_nodes(receipt.acknowledged_by)},
                {"served_by", receipt.served_by.value()},
                {"leader", receipt.leader.value()},
                {"term", json_number(receipt.term.value())},
                {"index", json_number(receipt.index.value())},
                {"read_path", std::string(to_text(receipt.read_path))},
                {"hints_left", receipt.hints_left},
                {"hinted", json_nodes(receipt.hinted)},
                {"superseded", receipt.superseded},
                {"degraded", receipt.degraded},
                {"stand_ins", json_nodes(receipt.stand_ins)},
                {"teaching", names_of(receipt.teaching)},
                {"duplicate", receipt.duplicate},
                {"wal_durability", receipt.wal_durability},
                {"refounded", receipt.refounded},
                {"map_epoch", json_number(receipt.epoch.value())},
                {"map_age_ms", to_milliseconds(receipt.map_age)}};
  if (receipt.superseded_by != Version{}) value["superseded_by"] = json_version(receipt.superseded_by);
  // Absent means unbounded: nothing was proved.
  if (receipt.staleness_bound) value["staleness_bound_ms"] = to_milliseconds(*receipt.staleness_bound);
  return value;
}

bool is_below_level(const Response& response) {
  return response.outcome == Outcome::done && response.receipt.asked != Level::unspecified &&
         is_weaker(response.receipt.reached, response.receipt.asked);
}

std::string outcome_word(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "DONE";
    case Outcome::not_done:
      return "NOT DONE";
    case Outcome::unknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

std::string node_list(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : ", ") + to_string(node);
  return text;
}

std::string receipt_line(const Response& response) {
  const Receipt& receipt = response.receipt;
  std::string text = receipt.reached == Level::unspecified ? "" : fmt::format("level {}", to_string(receipt.reached));
  const bool is_raised = receipt.asked != Level::unspecified && is_weaker(receipt.asked, receipt.reached);
  if (is_raised) text += fmt::format(" (asked {})", to_string(receipt.asked));
  if (!receipt.acknowledged_by.empty()) text += fmt::format("   held by {}", node_list(receipt.acknowledged_by));
  if (!receipt.stand_ins.empty()) text += fmt::format("   of them no owners: {}", node_list(receipt.stand_ins));
  if (response.version.modify_revision.value() != 0) {
    text += fmt::format("   revision {}", response.version.modify_revision.value());
  }
  if (response.version.hlc != 0)
    text += fmt::format("   hlc {}   token {}", response.version.hlc, token_text(response.version));
  if (!receipt.hinted.empty()) {
    text += fmt::format("   hints kept for {}", node_list(receipt.hinted));
  } else if (receipt.hints_left != 0) {
    text += fmt::format("   hints kept for {} more", receipt.hints_left);
  }
  if (receipt.superseded) text += "   a newer version had already won";
  if (receipt.superseded && receipt.superseded_by != Version{}) {
    const Version& winner = receipt.superseded_by;
    text += fmt::format(" (hlc {}, written by {})", winner.hlc, to_string(winner.dot_node));
  }
  if (receipt.duplicate) text += "   was done before";
  return text;
}

// What a reader of the answer must know before trusting it; of a map that is as old as it always is, nothing.
void show_caveats(const Receipt& receipt) {
  if (receipt.degraded) fmt::print(stderr, "degraded: less stands behind this than was asked for\n");
  for (const std::string& name : options_of(receipt.teaching)) fmt::print(stderr, "teaching keyspace: {}\n", name);
  if (receipt.map_age >= map_age_shown)
    fmt::print(stderr, "the node's cluster map is {:.0f} s old\n", to_seconds(receipt.map_age));
}

// A node names levels as the protocol does, MAJORITY; who reads its hint needs the flag.
std::string with_level_flags(std::string_view hint) {
  static const std::map<std::string_view, std::string_view> flags = {
      {"ONE", "--level one"}, {"MAJORITY", "--level majority"}, {"ALL", "--level all"}};
  std::string text;
  while (!hint.empty()) {
    const std::size_t end = std::min(hint.find_first_of(" ,.;:()`'"), hint.size());
    const auto found = flags.find(hint.substr(0, end));
    text += found == flags.end() ? hint.substr(0, end) : found->second;
    if (end < hint.size()) text += hint[end];
    hint.remove_prefix(std::min(end + 1, hint.size()));
  }
  return text;
}

// Text has printed this word before the hint.
std::string_view behind_try(std::string_view hint) {
  constexpr std::string_view word = "try ";
  if (hint.starts_with(word)) hint.remove_prefix(word.size());
  return hint;
}

// A key and its value on a line, as `cut -f` takes them apart.
void show_items(const std::vector<Item>& items, bool keys_only) {
  for (const Item& item : items) {
    if (item.found && keys_only) {
      fmt::print("{}\n", item.key.view());
    } else if (item.found) {
      fmt::print("{}\t{}\n", item.key.view(), item.value.view());
    } else {
      fmt::print(stderr, "{}\tabsent\n", item.key.view());
    }
  }
}

void show_results(const Show& show, const Response& response) {
  const Results& results = *response.results;
  const std::string took = fmt::format("{:.1f} ms", to_milliseconds(show.took));
  if (show.verb == "txn") {
    fmt::print(
        "DONE   {} steps ran   {}   {}\n", results.succeeded ? "then" : "else",
        results.revision == Revision() ? "nothing changed" : fmt::format("revision {}", results.revision.value()),
        took);
  } else if (show.verb == "del") {
    fmt::print("DONE   {} deleted   {}\n", results.deleted, took);
  } else if (show.verb == "compact") {
    fmt::print("DONE   history begins after revision {}   {}\n", results.compacted.value(), took);
  }
  show_items(results.items, show.keys_only);
}

void show_text(const Show& show, const Response& response) {
  const bool is_read = show.verb == "get" || show.verb == "incr";
  if (response.outcome == Outcome::done) {
    if (response.results && !is_read) {
      show_results(show, response);
    } else if (is_read && (response.found || show.verb == "incr")) {
      fmt::print("{}\n", response.value.view());
    } else if (is_read) {
      fmt::print(stderr, "absent\n");
    } else {
      fmt::print("DONE   {}   {:.1f} ms\n", receipt_line(response), to_milliseconds(show.took));
    }
    if (is_below_level(response)) {
      fmt::print(stderr, "level {} was asked, {} was reached{}{}\n", to_string(response.receipt.asked),
                 to_string(response.receipt.reached), response.why.empty() ? "" : ": ", response.why);
    }
    if (show.with_token && is_read && response.version.hlc != 0)
      fmt::print(stderr, "token {}\n", token_text(response.version));
    show_caveats(response.receipt);
    return;
  }
  fmt::print(stderr, "{}   {}   after {:.0f} ms\n", outcome_word(response.outcome), to_string(response.code),
             to_milliseconds(show.took));
  if (response.code == Code::condition_failed) {
    fmt::print(stderr, "  seen  {}\n", response.found ? response.value.view() : "(absent)");
  }
  if (!response.why.empty()) fmt::print(stderr, "  why   {}\n", response.why);
  if (!response.hint.empty()) fmt::print(stderr, "  try   {}\n", behind_try(with_level_flags(response.hint)));
}

void show_json(const Show& show, const std::string& key, const Response& response) {
  json value = {{"schema", fmt::format("rift.{}/1", show.verb)}, {"outcome", std::string(to_string(response.outcome))},
                {"code", std::string(to_string(response.code))}, {"found", response.found},
                {"version", json_version(response.version)},     {"receipt", to_json(response.receipt)},
                {"took_ms", to_milliseconds(show.took)}};
  if (response.version.hlc != 0) value["token"] = token_text(response.version);
  put_bytes(value, "key", key);
  if (response.found || show.verb == "incr") put_bytes(value, "value", response.value.view());
  if (response.results) value["results"] = to_json(*response.results, show.verb == "mget");
  if (!response.why.empty()) value["why"] = response.why;
  if (!response.hint.empty()) value["hint"] = with_level_flags(response.hint);
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

Exit exit_of(const Response& response) {
  if (response.code == Code::unreachable) return Exit::unreachable;
  switch (response.outcome) {
    case Outcome::done:
      return Exit::done;
    case Outcome::not_done:
      return Exit::not_done;
    case Outcome::unknown:
      return Exit::unknown;
  }
  return Exit::unknown;
}

Exit exit_of(const Error& error) {
  if (error.code == Code::unreachable) return Exit::unreachable;
  return took_no_effect(error.code) ? Exit::not_done : Exit::unknown;
}

Exit show_response(const Show& show, const std::string& key, const Response& response) {
  if (show.format == Format::json) {
    show_json(show, key, response);
  } else {
    show_text(show, response);
  }
  return exit_of(response);
}

void show_event(Format format, PartitionId partition, const Event& event) {
  if (format == Format::text) {
    const bool has_value = event.kind == Event::Kind::put;
    fmt::print("{}\t{}\t{}{}{}\n", event.revision.value(), to_text(event.kind), event.key.view(), has_value ? "\t" : "",
               has_value ? event.value.view() : "");
  } else {
    json value = {{"schema", "rift.event/1"},
                  {"kind", std::string(to_text(event.kind))},
                  {"partition", partition.value()},
                  {"revision", json_number(event.revision.value())},
                  {"version", json_version(event.version)}};
    put_bytes(value, "key", event.key.view());
    if (event.kind == Event::Kind::put) put_bytes(value, "value", event.value.view());
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  std::fflush(stdout);
}

void show_progress(Format format, PartitionId partition, Revision revision) {
  if (format == Format::text) return;
  const json value = {{"schema", "rift.event/1"},
                      {"kind", "progress"},
                      {"partition", partition.value()},
                      {"revision", json_number(revision.value())}};
  fmt::print("{}\n", value.dump());
  std::fflush(stdout);
}

Exit show_error(Format format, const Error& error, std::string_view hint) {
  const Exit exit = exit_of(error);
  if (format == Format::json) {
    json value = {{"schema", "rift.error/1"},
                  {"outcome", std::string(to_string(outcome_of(error.code)))},
                  {"code", std::string(to_string(error.code))},
                  {"why", error.detail}};
    if (!hint.empty()) value["hint"] = std::string(hint);
    fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
    return exit;
  }
  fmt::print(stderr, "{}   {}\n  why   {}\n", outcome_word(outcome_of(error.code)), to_string(error.code),
             error.detail);
  if (!hint.empty()) fmt::print(stderr, "  try   {}\n", behind_try(hint));
  return exit;
}

std::string json_text(const std::string& value) {
  return json(value).dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

void say(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

}  // namespace rift::cli
