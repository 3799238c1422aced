#include <fmt/core.h>

#include "chaos/report/story.h"
#include "chaos/report/words.h"

namespace rift::chaos::report {
namespace {

constexpr int label_width = 32;
constexpr int column_width = 22;

std::string_view colour_of(check::Verdict verdict) {
  switch (verdict) {
    case check::Verdict::pass:
      return "\x1b[1;32m";
    case check::Verdict::expected:
      return "\x1b[1;36m";
    case check::Verdict::fail:
    case check::Verdict::error:
      return "\x1b[1;31m";
    case check::Verdict::not_shown:
    case check::Verdict::inconclusive:
      return "\x1b[1;33m";
    case check::Verdict::skipped:
      return "\x1b[2m";
  }
  return "";
}

// Strings of unknown origin must not reach a terminal with their control characters.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, 400));
  for (char& symbol : out) {
    if (static_cast<unsigned char>(symbol) < 0x20 || symbol == 0x7F) symbol = '?';
  }
  return out;
}

std::string counts(const check::OutcomeCounts& counts) {
  return fmt::format("{}/{}/{}", grouped(counts.ok), grouped(counts.not_done), grouped(counts.unknown));
}

std::string stale(const check::Measured& m) {
  return m.staleness.stale == 0
             ? "0"
             : fmt::format("{} (worst {})", grouped(m.staleness.stale), in_seconds(m.staleness.worst));
}

std::string or_never(const std::optional<Duration>& duration) { return duration ? in_seconds(*duration) : "never"; }

class Table {
 public:
  Table(const Story& story, const TableOptions& options) : story_(story), options_(options) {}

  std::string render() {
    const auto& timeline = story_.timeline;
    line("", [](const check::Row& row) { return fmt::format("{} {}", mode_label(row.mode), printable(row.keyspace)); });
    rule();
    verdicts();
    line("linearizable", [](const check::Row& row) { return yes_no(row.measured.linearizability.answer); });
    line(fmt::format("answered, {}-node side", timeline.majority.size()),
         [](const check::Row& row) { return percent(row.measured.majority.all.ratio()); });
    line(fmt::format("answered, {}-node side", timeline.minority.size()),
         [](const check::Row& row) { return percent(row.measured.minority.all.ratio()); });
    line("  done/not done/unknown, majority",
         [](const check::Row& row) { return counts(row.measured.majority.outcomes); });
    line("  done/not done/unknown, minority",
         [](const check::Row& row) { return counts(row.measured.minority.outcomes); });
    line("first success after the cut",
         [](const check::Row& row) { return or_never(row.measured.majority.first_success); });
    line("stale reads", [](const check::Row& row) { return stale(row.measured); });
    line("acknowledged writes lost", [](const check::Row& row) { return lost_count(row.measured); });
    line("replicas agreed after the heal", [](const check::Row& row) { return agreement(row.measured); });
    line("fault proof (weakest link)", [](const check::Row& row) { return grouped(row.measured.fault_proof); });
    reasons();
    return std::move(text_);
  }

 private:
  template <class Cell>
  void line(std::string_view label, Cell cell) {
    text_ += fmt::format("{:<{}}", label, label_width + 2);
    for (const check::Row& row : story_.results.rows) text_ += fmt::format("{:<{}}", cell(row), column_width);
    end_line();
  }
  void rule() { text_ += std::string(label_width + 2 + column_width * story_.results.rows.size(), '-') + '\n'; }
  void end_line() {
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_ += '\n';
  }
  void verdicts() {
    text_ += fmt::format("{:<{}}", "verdict", label_width + 2);
    for (const check::Row& row : story_.results.rows) {
      const std::string cell = fmt::format("{:<{}}", to_string(row.verdict), column_width);
      text_ += options_.colour ? fmt::format("{}{}\x1b[0m", colour_of(row.verdict), cell) : cell;
    }
    end_line();
  }
  void reasons() {
    for (const check::Row& row : story_.results.rows) {
      for (const std::string& reason : row.reasons)
        text_ += fmt::format("  {} {}: {}\n", mode_label(row.mode), printable(row.keyspace), printable(reason));
    }
  }

  const Story& story_;
  const TableOptions& options_;
  std::string text_;
};

}  // namespace

std::string table(const Story& story, const TableOptions& options) { return Table(story, options).render(); }

}  // namespace rift::chaos::report
