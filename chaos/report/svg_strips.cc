#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "chaos/report/svg.h"
#include "chaos/report/words.h"

namespace rift::chaos::report {
namespace {

constexpr double left = 52;
constexpr double plot_width = 700;
constexpr double right = 92;
constexpr double width = left + plot_width + right;
constexpr double top = 26;
constexpr double title_height = 26;
constexpr double row_height = 17;
constexpr double row_pitch = 21;
constexpr double side_gap = 8;    // between the two sides of a strip
constexpr double strip_gap = 16;  // between strips
constexpr double axis_height = 34;

// A bar in eighths of its height: equal neighbours become one rectangle, and the page stays small.
struct Bar {
  int answered = -1;  // -1: nothing was asked
  int stale = 0;      // of the answered
  friend bool operator==(const Bar&, const Bar&) = default;
};

// Neither a lone success nor a lone failure may vanish.
int eighths(std::uint64_t part, std::uint64_t whole) {
  const int rounded = static_cast<int>(std::lround(8 * static_cast<double>(part) / static_cast<double>(whole)));
  if (rounded == 0 && part > 0) return 1;
  return rounded == 8 && part < whole ? 7 : rounded;
}

Bar bar_of(const check::Step& step) {
  const check::Tally& tally = step.tally;
  if (tally.attempts == 0) return {};
  const int answered = eighths(tally.available, tally.attempts);
  return {answered, std::min(eighths(step.stale, tally.attempts), answered)};
}

class Strips {
 public:
  explicit Strips(const Story& story) : story_(story), timeline_(story.timeline) {}

  std::string draw() {
    double y = top;
    for (std::size_t i = 0; i < story_.strips.size(); ++i) {
      y = strip(story_.strips[i], i, y) + strip_gap;
    }
    y -= strip_gap;
    const std::string back = band(y);
    axis(y + 4);
    return fmt::format(
               "<svg viewBox='0 0 {} {:.0f}' role='img' aria-label='Availability of each node over time'>"
               "<defs><pattern id='hatch' width='5' height='5' patternTransform='rotate(45)' "
               "patternUnits='userSpaceOnUse'>"
               "<rect width='5' height='5' class='no-back'/><rect width='2' height='5' class='no-line'/></pattern>"
               "<pattern id='dots' width='4' height='4' patternUnits='userSpaceOnUse'><rect width='4' height='4' "
               "class='old-back'/>"
               "<circle cx='2' cy='2' r='.9' class='old-dot'/></pattern></defs>",
               width, y + axis_height) +
           back + text_ + "</svg>";
  }

 private:
  double x_of(Time time) const {
    const double length = std::max(to_seconds(timeline_.end - timeline_.start), 1e-9);
    return left + plot_width * std::clamp(to_seconds(time - timeline_.start) / length, 0.0, 1.0);
  }

  std::string band(double bottom) const {
    const double from = x_of(timeline_.cut), to = x_of(timeline_.heal);
    return fmt::format(
        "<rect x='{:.1f}' y='{}' width='{:.1f}' height='{:.1f}' class='band'/>"
        "<line x1='{:.1f}' y1='8' x2='{:.1f}' y2='{:.1f}' class='edge'/><line x1='{:.1f}' y1='8' x2='{:.1f}' "
        "y2='{:.1f}' class='edge'/>"
        "<text x='{:.1f}' y='18' class='event'>split {}|{}</text><text x='{:.1f}' y='18' class='event "
        "start'>healed</text>"
        "<text x='{:.1f}' y='18' class='head'>while split</text>",
        from, 8, to - from, bottom - 4, from, from, bottom + 4, to, to, bottom + 4, (from + to) / 2,
        timeline_.majority.size(), timeline_.minority.size(), to + 6, left + plot_width + right / 2);
  }

  double strip(const Strip& strip, std::size_t number, double y) {
    text_ += fmt::format("<text x='0' y='{:.1f}' class='title'>{} <tspan class='name'>{}</tspan></text>", y + 15,
                         mode_label(strip.mode), escaped(strip.keyspace, 64));
    y += title_height;
    for (check::Side side : {check::Side::majority, check::Side::minority}) {
      const double from = y;
      for (const check::NodeSeries& series : strip.nodes) {
        if (timeline_.side_of(series.node) != side) continue;
        row(series, side, y);
        crowns(strip, series.node, y);
        y += row_pitch;
      }
      if (y == from) continue;
      ratio(number, side, from, y - row_pitch + row_height);
      y += side_gap;
    }
    return y - side_gap;
  }

  void row(const check::NodeSeries& series, check::Side side, double y) {
    const double middle = y + row_height / 2;
    text_ += side == check::Side::majority
                 ? fmt::format("<circle cx='8' cy='{:.1f}' r='5' class='maj'/>", middle)
                 : fmt::format("<rect x='3.5' y='{:.1f}' width='9' height='9' rx='1.5' class='min'/>", middle - 4.5);
    text_ += fmt::format(
        "<text x='20' y='{:.1f}' class='label'>{}</text><rect x='{}' y='{:.1f}' width='{}' height='{}' class='lane'/>",
        middle + 4, to_string(series.node), left, y, plot_width, row_height);
    for (std::size_t from = 0; from < series.steps.size();) {
      std::size_t to = from + 1;
      while (to < series.steps.size() && bar_of(series.steps[to]) == bar_of(series.steps[from])) ++to;
      draw_bar(bar_of(series.steps[from]), from, to, y);
      from = to;
    }
  }

  // Answered fills from below, old answers dotted on top of it; not answered hangs hatched from above.
  void draw_bar(const Bar& bar, std::size_t from, std::size_t to, double y) {
    if (bar.answered < 0) return;
    const double x = x_of(timeline_.start + check::strip_step * static_cast<std::int64_t>(from));
    const double w = x_of(timeline_.start + check::strip_step * static_cast<std::int64_t>(to)) - x;
    double bottom = y + row_height;
    const auto part = [&](int filled, std::string_view css) {
      if (filled == 0) return;
      bottom -= row_height * filled / 8;
      text_ += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' class='{}'/>", x, bottom, w,
                           row_height * filled / 8, css);
    };
    part(bar.answered - bar.stale, "ok");
    part(bar.stale, "old");
    part(8 - bar.answered, "no");
  }

  void crowns(const Strip& strip, NodeId node, double y) {
    for (const LeaderChange& change : story_.leaders) {
      if (change.keyspace != strip.keyspace || change.node != node) continue;
      const double x = std::min(x_of(change.at), left + plot_width - 16);
      text_ += crown_svg(x + 1, y + row_height - 3, 15, false,
                         fmt::format("{} leads from {}", to_string(node), in_seconds(change.at - timeline_.start)));
    }
  }

  // What the side answered while the links were cut, beside a bracket.
  void ratio(std::size_t number, check::Side side, double from, double to) {
    if (number >= story_.results.rows.size()) return;
    const check::Measured& m = story_.results.rows[number].measured;
    const check::Tally& tally = side == check::Side::majority ? m.majority.all : m.minority.all;
    const double x = left + plot_width + 8;
    text_ += fmt::format(
        "<path d='M{:.1f} {:.1f}h4v{:.1f}h-4' class='bracket'/><text x='{:.1f}' y='{:.1f}' class='ratio'>{}</text>", x,
        from, to - from, x + 14, (from + to) / 2 + 6, tally.attempts == 0 ? "-" : percent(tally.ratio()));
  }

  void axis(double y) {
    const double length = to_seconds(timeline_.end - timeline_.start);
    double step = 5;
    while (length / step > 14) step *= 2;
    for (double second = 0; second <= length + 1e-9; second += step) {
      const double x =
          x_of(timeline_.start + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(second)));
      text_ += fmt::format(
          "<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' class='tick'/><text x='{:.1f}' y='{:.1f}' "
          "class='axis'>{:.0f} s</text>",
          x, y, x, y + 5, x, y + 18, second);
    }
  }

  const Story& story_;
  const check::Timeline& timeline_;
  std::string text_;
};

}  // namespace

std::string strips_svg(const Story& story) { return Strips(story).draw(); }

}  // namespace rift::chaos::report
