#include <algorithm>

#include "chaos/check/history_json.h"
#include "chaos/check/json.h"

namespace rift::chaos::check {
namespace {

std::string_view type_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "ok";
    case Outcome::not_done:
      return "fail";
    case Outcome::unknown:
      return "info";
  }
  return "info";
}

std::int64_t count(Time time) { return time.time_since_epoch().count(); }

void put(JsonWriter& json, const Value& value) { value ? json.string(*value) : json.null(); }

// Jepsen's form for one register among many: [key, value], a compare-and-set's value being [expected, new].
void put_value(JsonWriter& json, const Operation& op, bool is_invocation) {
  json.key("value").begin_array().string(op.key);
  if (op.kind == Kind::cas) {
    json.begin_array();
    put(json, op.expected);
    put(json, op.value);
    json.end_array();
  } else {
    put(json, is_invocation && op.kind == Kind::read ? Value() : op.value);
  }
  json.end_array();
}

void begin(JsonWriter& json, const Operation& op, bool is_invocation) {
  json.begin_object();
  json.key("index").number(is_invocation ? op.index : op.completion_index);
  json.key("time").number(count(is_invocation ? op.invoke : op.complete));
  json.key("process").number(op.process);
  json.key("type").string(is_invocation ? "invoke" : type_of(op.outcome));
  json.key("f").string(to_string(op.kind));
  put_value(json, op, is_invocation);
  json.key("ks").string(op.keyspace);
  json.key("node").string(to_string(op.node));
}

std::string end(JsonWriter& json) {
  json.end_object();
  return json.take() + '\n';
}

void put_links(JsonWriter& json, const std::vector<LinkProof>& links) {
  json.key("links").begin_array();
  for (const LinkProof& link : links) {
    json.begin_object().key("from").string(to_string(link.from)).key("to").string(to_string(link.to));
    json.key("bytes_held").number_text(link.bytes_held).key("connections").number_text(link.connections).end_object();
  }
  json.end_array();
}

}  // namespace

void HistoryWriter::invoked(const Operation& op) {
  JsonWriter json;
  begin(json, op, true);
  json.key("side").string(to_string(op.side));
  json.key("level").string(to_string(op.level));
  json.key("sess").string("c" + std::to_string(op.client));
  json.key("seq").number(op.sequence);
  json.key("scheduled").number(count(op.scheduled));
  sink_(end(json));
}

void HistoryWriter::completed(const Operation& op) {
  JsonWriter json;
  begin(json, op, false);
  json.key("outcome").string(to_string(op.outcome));
  json.key("code").string(to_string(op.code));
  if (op.held != Level::unspecified) json.key("held").string(to_string(op.held));
  if (!op.error.empty()) json.key("error").string(op.error);
  if (op.has_seen) put(json.key("seen"), op.seen);
  if (!op.version.empty()) json.key("version").string(op.version);
  if (op.revision != 0) json.key("revision").number_text(op.revision);
  sink_(end(json));
}

void HistoryWriter::fault(const FaultRecord& record) {
  JsonWriter json;
  json.begin_object().key("index").number(record.index).key("time").number(count(record.at));
  json.key("process").string("nemesis").key("type").string("info").key("f").string(record.name);
  json.key("value").begin_array();
  for (const auto& group : record.groups) {
    json.begin_array();
    for (NodeId node : group) json.string(to_string(node));
    json.end_array();
  }
  json.end_array();
  if (!record.keyspace.empty()) json.key("ks").string(record.keyspace);
  if (record.node != NodeId()) json.key("node").string(to_string(record.node));
  if (!record.links.empty()) put_links(json, record.links);
  sink_(end(json));
}

std::string write_history(const History& history) {
  std::vector<std::pair<std::uint64_t, std::string>> lines;
  lines.reserve(history.operations.size() * 2 + history.faults.size());
  std::uint64_t index = 0;
  HistoryWriter writer([&](std::string_view line) { lines.emplace_back(index, line); });
  for (const Operation& op : history.operations) {
    index = op.index, writer.invoked(op);
    if (op.complete != Time::max()) index = op.completion_index, writer.completed(op);
  }
  for (const FaultRecord& record : history.faults) index = record.index, writer.fault(record);
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [at, line] : lines) text += line;
  return text;
}

}  // namespace rift::chaos::check
