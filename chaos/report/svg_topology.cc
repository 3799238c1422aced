#include <cmath>
#include <numbers>

#include <fmt/core.h>

#include "chaos/report/svg.h"
#include "chaos/report/words.h"

namespace rift::chaos::report {
namespace {

constexpr double width = 340;
constexpr double height = 290;
constexpr double centre_x = 170;
constexpr double centre_y = 150;
constexpr double node_radius = 22;

struct Place {
  NodeId node;
  check::Side side;
  double x, y;
};

// The majority on the left arc, the minority on the right, with a gap between them where the cut runs.
std::vector<Place> place_nodes(const check::Timeline& timeline) {
  std::vector<Place> places;
  const double total = static_cast<double>(timeline.majority.size() + timeline.minority.size());
  const double radius = total > 12 ? 125 : 108;
  const auto arc = [&](const std::vector<NodeId>& nodes, check::Side side, double middle) {
    const double span = 2 * std::numbers::pi * static_cast<double>(nodes.size()) / total;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const double angle = middle + span * ((static_cast<double>(i) + 0.5) / static_cast<double>(nodes.size()) - 0.5);
      places.push_back(
          {nodes[i], side, centre_x + 1.12 * radius * std::cos(angle), centre_y - radius * std::sin(angle)});
    }
  };
  arc(timeline.majority, check::Side::majority, std::numbers::pi);
  arc(timeline.minority, check::Side::minority, 0);
  return places;
}

std::string link_svg(const Place& a, const Place& b) {
  const bool is_cut = a.side != b.side;
  return fmt::format("<line x1='{:.1f}' y1='{:.1f}' x2='{:.1f}' y2='{:.1f}' class='{}'/>", a.x, a.y, b.x, b.y,
                     is_cut ? "cut" : "link");
}

std::string node_svg(const Place& place) {
  const std::string shape =
      place.side == check::Side::majority
          ? fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='{}' class='maj'/>", place.x, place.y, node_radius)
          : fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{}' height='{}' rx='5' class='min'/>",
                        place.x - node_radius + 2, place.y - node_radius + 2, 2 * node_radius - 4, 2 * node_radius - 4);
  return shape +
         fmt::format("<text x='{:.1f}' y='{:.1f}' class='node'>{}</text>", place.x, place.y + 5, to_string(place.node));
}

// The last leader before the cut and the last of the majority side during it.
std::string crowns_svg(const Story& story, const std::vector<Place>& places) {
  NodeId before, during;
  for (const LeaderChange& change : story.leaders) {
    if (change.at <= story.timeline.cut) before = change.node;
    if (story.timeline.is_cut_at(change.at)) during = change.node;
  }
  std::string out;
  for (const Place& place : places) {
    const bool is_past = place.node == before && during != NodeId() && during != before;
    if (place.node != before && place.node != during) continue;
    out += crown_svg(place.x - 10, place.y - node_radius - 4, 20, is_past,
                     is_past ? "led when the links were cut" : "leader during the split");
  }
  return out;
}

}  // namespace

std::string crown_svg(double x, double y, double crown_width, bool is_past, const std::string& title) {
  const double unit = crown_width / 12;
  const auto at = [&](double dx, double dy) { return fmt::format("{:.1f},{:.1f} ", x + dx * unit, y - dy * unit); };
  return fmt::format("<polygon points='{}{}{}{}{}{}{}' class='{}'><title>{}</title></polygon>", at(0, 0), at(0, 7),
                     at(3, 4), at(6, 9), at(9, 4), at(12, 7), at(12, 0), is_past ? "crown past" : "crown",
                     escaped(title));
}

std::string topology_svg(const Story& story) {
  const std::vector<Place> places = place_nodes(story.timeline);
  std::string out = fmt::format(
      "<svg viewBox='0 0 {} {}' role='img' aria-label='The nodes and the links that were cut'>", width, height);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t j = i + 1; j < places.size(); ++j) out += link_svg(places[i], places[j]);
  }
  for (const Place& place : places) out += node_svg(place);
  return out + crowns_svg(story, places) + "</svg>";
}

}  // namespace rift::chaos::report
