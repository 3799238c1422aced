#include "chaos/fault/schedule.h"

namespace rift::chaos::fault {

Schedule split_brain(const SplitBrainOptions& options) {
  const SplitLeaderToMinority split{.keyspace = options.keyspace, .minority_size = options.minority_size};
  return {.name = "split-brain",
          .steps = {{.at = options.calm, .plan = split}, {.at = options.calm + options.split, .plan = Fault(Heal{})}},
          .length = options.calm + options.split + options.healed};
}

}  // namespace rift::chaos::fault
