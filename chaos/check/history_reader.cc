#include <algorithm>
#include <charconv>
#include <unordered_map>

#include <fmt/core.h>

#include "chaos/check/history_json.h"
#include "chaos/check/json.h"

namespace rift::chaos::check {
namespace {

constexpr std::size_t line_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t group_members_max = 1024;

// One line, before it is known what it is.
struct Line {
  std::string type;
  std::string f;
  bool is_nemesis = false;
  bool has_index = false, has_time = false, has_process = false, has_value = false;
  Operation op;
  FaultRecord fault;
  std::int64_t time = 0;
};

template <class Integer>
bool parse_number(std::string_view text, Integer& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool parse_prefixed(std::string_view text, char prefix, auto& out) {
  return !text.empty() && text.front() == prefix && parse_number(text.substr(1), out);
}

std::optional<Kind> parse_kind(std::string_view text) {
  for (Kind kind : {Kind::read, Kind::write, Kind::cas, Kind::erase}) {
    if (text == to_string(kind)) return kind;
  }
  return std::nullopt;
}

class LineReader {
 public:
  explicit LineReader(std::string_view text) : json_(text) {}

  // The line, or what is wrong with it.
  Result<Line> read() {
    if (!json_.take('{')) return wrong("no object");
    if (!json_.take('}')) {
      do {
        auto key = json_.string();
        if (!key || !json_.take(':')) return wrong("no key");
        if (!member(*key)) return wrong("the member \"" + *key + "\" is malformed");
      } while (json_.take(','));
      if (!json_.take('}')) return wrong("the object does not end");
    }
    if (!json_.at_end()) return wrong("text after the object");
    if (!line_.has_index || !line_.has_time || !line_.has_process || !line_.has_value)
      return wrong("a required member is missing");
    return line_;
  }

 private:
  static tl::unexpected<Error> wrong(std::string what) { return fail(Code::invalid, std::move(what)); }

  bool member(std::string_view key) {
    Operation& op = line_.op;
    if (key == "index") return line_.has_index = natural(op.index), line_.has_index;
    if (key == "time") return line_.has_time = integer(line_.time), line_.has_time;
    if (key == "process") return line_.has_process = process(), line_.has_process;
    if (key == "type") return text(line_.type);
    if (key == "f") return text(line_.f);
    if (key == "value") return line_.has_value = value(), line_.has_value;
    if (key == "ks") return text(op.keyspace);
    if (key == "node") return node(op.node);
    if (key == "side") return word(op.side, {Side::none, Side::majority, Side::minority});
    if (key == "level")
      return word(op.level, {Level::unspecified, Level::one, Level::majority, Level::all, Level::any});
    if (key == "held") return word(op.held, {Level::one, Level::majority, Level::all, Level::any});
    if (key == "sess") return prefixed('c', op.client);
    if (key == "seq") return natural(op.sequence);
    if (key == "scheduled") return instant(op.scheduled);
    if (key == "outcome") return word(op.outcome, {Outcome::done, Outcome::not_done, Outcome::unknown});
    if (key == "code") return code();
    if (key == "error") return text(op.error);
    if (key == "seen") return op.has_seen = optional(op.seen), op.has_seen;
    if (key == "version") return text(op.version);
    if (key == "revision") return natural_text(op.revision);
    if (key == "links") return links();
    return json_.skip_value();
  }

  bool text(std::string& out) {
    auto found = json_.string();
    if (found) out = std::move(*found);
    return found.has_value();
  }
  bool integer(std::int64_t& out) {
    const auto found = json_.integer();
    if (found) out = *found;
    return found.has_value();
  }
  bool natural(std::uint64_t& out) {
    std::int64_t found = -1;
    if (!integer(found) || found < 0) return false;
    out = static_cast<std::uint64_t>(found);
    return true;
  }
  bool instant(Time& out) {
    std::int64_t found = 0;
    if (!integer(found)) return false;
    out = Time(Duration(found));
    return true;
  }
  bool natural_text(std::uint64_t& out) {
    std::string found;
    return text(found) && parse_number(found, out);
  }
  bool prefixed(char prefix, std::uint64_t& out) {
    std::string found;
    return text(found) && parse_prefixed(found, prefix, out);
  }
  bool node(NodeId& out) {
    std::uint32_t number = 0;
    std::string found;
    if (!text(found) || !parse_prefixed(found, 'n', number)) return false;
    out = NodeId(number);
    return true;
  }
  bool optional(Value& out) {
    if (json_.take_null()) return out.reset(), true;
    out.emplace();
    return text(*out);
  }
  template <class Enum>
  bool word(Enum& out, std::initializer_list<Enum> all) {
    std::string found;
    if (!text(found)) return false;
    for (Enum candidate : all) {
      if (found == to_string(candidate)) return out = candidate, true;
    }
    return false;
  }
  bool code() {
    std::string found;
    if (!text(found)) return false;
    for (unsigned number = 0; number < 256; ++number) {
      if (found == to_string(static_cast<Code>(number))) return line_.op.code = static_cast<Code>(number), true;
    }
    return false;
  }
  bool process() {
    if (!json_.peek('"')) return natural(line_.op.process);
    std::string found;
    line_.is_nemesis = text(found) && found == "nemesis";
    return line_.is_nemesis;
  }

  // [key, value], [key, [expected, new]] or, for a fault, a list of lists of nodes.
  bool value() {
    if (!json_.take('[')) return false;
    if (json_.take(']')) return true;
    if (json_.peek('[')) return groups();
    if (!text(line_.op.key) || !json_.take(',')) return false;
    if (!json_.take('[')) return optional(line_.op.value) && json_.take(']');
    return optional(line_.op.expected) && json_.take(',') && optional(line_.op.value) && json_.take(']') &&
           json_.take(']');
  }
  bool groups() {
    do {
      auto& group = line_.fault.groups.emplace_back();
      if (!json_.take('[')) return false;
      if (json_.take(']')) continue;
      do {
        if (group.size() == group_members_max || !node(group.emplace_back())) return false;
      } while (json_.take(','));
      if (!json_.take(']')) return false;
    } while (json_.take(',') && line_.fault.groups.size() < group_members_max);
    return json_.take(']');
  }
  bool links() {
    if (!json_.take('[')) return false;
    if (json_.take(']')) return true;
    do {
      if (!link(line_.fault.links.emplace_back())) return false;
    } while (json_.take(','));
    return json_.take(']');
  }
  bool link(LinkProof& out) {
    if (!json_.take('{')) return false;
    do {
      auto key = json_.string();
      if (!key || !json_.take(':')) return false;
      const bool is_good = *key == "from"          ? node(out.from)
                           : *key == "to"          ? node(out.to)
                           : *key == "bytes_held"  ? natural_text(out.bytes_held)
                           : *key == "connections" ? natural_text(out.connections)
                                                   : json_.skip_value();
      if (!is_good) return false;
    } while (json_.take(','));
    return json_.take('}');
  }

  JsonScanner json_;
  Line line_;
};

class HistoryBuilder {
 public:
  Result<void> add(Line line) {
    if (line.is_nemesis) return add_fault(std::move(line));
    const auto kind = parse_kind(line.f);
    if (!kind) return fail(Code::invalid, "unknown operation \"" + line.f + '"');
    line.op.kind = *kind;
    if (line.type == "invoke") return invoke(std::move(line));
    return complete(line);
  }

  History take() {
    std::sort(history_.operations.begin(), history_.operations.end(),
              [](const Operation& a, const Operation& b) { return a.index < b.index; });
    return std::move(history_);
  }

 private:
  Result<void> add_fault(Line line) {
    FaultRecord record = std::move(line.fault);
    record.index = line.op.index;
    record.at = Time(Duration(line.time));
    record.name = std::move(line.f);
    record.keyspace = std::move(line.op.keyspace);
    record.node = line.op.node;
    history_.faults.push_back(std::move(record));
    return {};
  }

  Result<void> invoke(Line line) {
    Operation& op = line.op;
    if ((op.kind == Kind::write || op.kind == Kind::cas) && !op.value)
      return fail(Code::invalid, "a write without a value");
    op.invoke = Time(Duration(line.time));
    const auto [at, is_new] = open_.emplace(op.process, history_.operations.size());
    if (!is_new) return fail(Code::invalid, fmt::format("process {} already has an operation open", op.process));
    history_.operations.push_back(std::move(op));
    return {};
  }

  Result<void> complete(const Line& line) {
    const auto found = open_.find(line.op.process);
    if (found == open_.end())
      return fail(Code::invalid, fmt::format("process {} has no operation open", line.op.process));
    Operation& op = history_.operations[found->second];
    open_.erase(found);
    if (op.kind != line.op.kind || op.key != line.op.key)
      return fail(Code::invalid, "the completion is of another operation");
    op.completion_index = line.op.index;
    op.complete = Time(Duration(line.time));
    if (op.complete < op.invoke) return fail(Code::invalid, "an operation ends before it begins");
    if (op.kind == Kind::read) op.value = line.op.value;
    op.code = line.op.code;
    op.error = line.op.error;
    op.seen = line.op.seen;
    op.has_seen = line.op.has_seen;
    op.version = line.op.version;
    op.revision = line.op.revision;
    op.held = line.op.held;
    if (line.type == "ok") return op.outcome = Outcome::done, Result<void>();
    if (line.type == "fail") return op.outcome = Outcome::not_done, Result<void>();
    if (line.type == "info") return op.outcome = Outcome::unknown, Result<void>();
    return fail(Code::invalid, "unknown type \"" + line.type + '"');
  }

  History history_;
  std::unordered_map<std::uint64_t, std::size_t> open_;  // by process
};

Result<void> add_line(HistoryBuilder& builder, std::string_view text) {
  if (text.size() > line_bytes_max) return fail(Code::too_large, "the line is too long");
  return builder.add(TRY(LineReader(text).read()));
}

}  // namespace

Result<History> read_history(std::string_view text) {
  HistoryBuilder builder;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto added = add_line(builder, line);
    if (!added) return fail(added.error().code, fmt::format("line {}: {}", number, added.error().detail));
  }
  return builder.take();
}

}  // namespace rift::chaos::check
