// What the rows of both modes are made of: the times of a run and the usual demands. Used by the two lists of rows only.
#pragma once

#include "chaos/fault/rows.h"

namespace rift::chaos::fault {

using check::Service;
using check::Violation;

inline constexpr check::SideDemands refused{.reads = Service::none, .writes = Service::none};
inline constexpr check::SideDemands served{.reads = Service::high, .writes = Service::high};
inline constexpr check::SideDemands whatever{.reads = Service::any, .writes = Service::any};
inline constexpr Duration fault_begins = std::chrono::seconds(5);
inline constexpr Duration fault_ends = std::chrono::seconds(25);
inline constexpr Duration recovery = std::chrono::milliseconds(2500);
inline constexpr Duration election_max = std::chrono::seconds(1);
inline constexpr Duration catch_up = std::chrono::seconds(3);

// One cut for the whole of the fault.
inline std::vector<RowStep> cut_and_heal(Shape shape) {
  return {{fault_begins, CutLinks{shape}}, {fault_ends, HealLinks{}}};
}

inline MatrixRow row(std::string id, std::string form, std::string title, std::vector<RowStep> steps) {
  MatrixRow made;
  made.id = std::move(id);
  made.form = std::move(form);
  made.title = std::move(title);
  made.steps = std::move(steps);
  return made;
}

std::vector<MatrixRow> cp_rows();
std::vector<MatrixRow> ap_rows();

}  // namespace rift::chaos::fault
