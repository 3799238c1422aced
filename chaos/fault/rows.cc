#include "chaos/fault/rows.h"

#include <algorithm>

#include "base/overloaded.h"
#include "chaos/fault/row_parts.h"

namespace rift::chaos::fault {

std::string_view name_of(const Deed& deed) {
  return std::visit(
      overloaded{
          [](const CutLinks&) { return "cut"; }, [](const HealLinks&) { return "heal"; },
          [](const KillLeader&) { return "kill_leader"; }, [](const RestartDown&) { return "restart"; },
          [](const RestartInTurn&) { return "rolling_restart"; }, [](const PauseLeader&) { return "pause_leader"; },
          [](const SlowLinks&) { return "slow_links"; }, [](const JamLink&) { return "jam_link"; },
          [](const GarbleLinks&) { return "garble_links"; }, [](const ClearLinks&) { return "clear_links"; },
          [](const StepWallClock&) { return "step_wall_clock"; }, [](const TurnFsyncOff&) { return "fsync_off"; },
          [](const SlowNode&) { return "slow_node"; }, [](const PauseNode&) { return "pause_node"; },
          [](const LosePowerOfAll&) { return "power_loss_of_all"; }, [](const Swizzle&) { return "swizzle"; },
          [](const ChangeMembers&) { return "change_members"; }},
      deed);
}

std::string_view to_string(MemberMove move) {
  switch (move) {
    case MemberMove::add:
      return "add";
    case MemberMove::remove:
      return "remove";
    case MemberMove::replace:
      return "replace";
  }
  return "";
}

const std::vector<MatrixRow>& matrix_rows() {
  static const std::vector<MatrixRow> rows = [] {
    std::vector<MatrixRow> all = cp_rows();
    const std::vector<MatrixRow> ap = ap_rows();
    all.insert(all.end(), ap.begin(), ap.end());
    return all;
  }();
  return rows;
}

std::vector<const MatrixRow*> find_rows(std::string_view name) {
  const auto is_named = [name](std::string_view text) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                      [&](char a, char b) { return lower(a) == lower(b); });
  };
  std::vector<const MatrixRow*> found;
  for (const MatrixRow& row : matrix_rows()) {
    if (is_named(row.id) || is_named(row.name())) found.push_back(&row);
  }
  return found;
}

}  // namespace rift::chaos::fault
