// The two drawings of the report, as inline SVG without any outside reference. Colours come from the page's CSS classes;
// everything that a colour says is said by a shape or a word as well. Internal to chaos/report.
#pragma once

#include <string>

#include "chaos/report/story.h"

namespace rift::chaos::report {

// Nodes on a circle: sides by colour and shape, cut links dashed, crowns for the leader before and after.
std::string topology_svg(const Story& story);

// One strip per keyspace on one time axis: a row per node, a bar per step, the fault as a band.
std::string strips_svg(const Story& story);

// A crown whose lower left corner is at (x, y), `width` wide. `is_past` draws it hollow.
std::string crown_svg(double x, double y, double width, bool is_past, const std::string& title);

}  // namespace rift::chaos::report
