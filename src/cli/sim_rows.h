// rift sim --row, --rows: rows of the experiment matrix in the simulator, each from several seeds, and the table of what came of them. Main thread
// starts it; runs go on in threads of their own, each in one.
#pragma once

#include <string>
#include <vector>

#include "chaos/check/row.h"
#include "chaos/fault/rows.h"
#include "cli/verbs.h"

namespace rift::cli {

struct RowsWish {
  std::vector<const chaos::fault::MatrixRow*> rows;
  std::uint64_t first_seed = 1;
  std::uint64_t last_seed = 1;
  std::size_t jobs = 1;
};

// 4: a run failed; 2: something was not shown or could not be judged.
Exit verdict_exit(const std::vector<chaos::check::Verdict>& verdicts);
Exit sim_rows(const Context& context, const RowsWish& wish);

}  // namespace rift::cli
