// When to do what: a story's faults against its clock. Data only; the driver (chaos/live, chaos/sim) carries it out. The load
// runs from 0 to `length`; what is measured at the end comes after that.
#pragma once

#include <string>
#include <vector>

#include "chaos/fault/fault.h"

namespace rift::chaos::fault {

struct Step {
  Duration at{};  // from the start of the load
  Plan plan;
};

struct Schedule {
  std::string name;
  std::vector<Step> steps;  // in order of time
  Duration length{};
};

struct SplitBrainOptions {
  std::string keyspace = "bank";  // whose leader is cut off with the minority
  Duration calm = std::chrono::seconds(5);
  Duration split = std::chrono::seconds(20);
  Duration healed = std::chrono::seconds(10);
  std::size_t minority_size = 2;
};

// Row T1 of the experiment matrix: calm, then 3|2 with the cp leader among the two, then healed.
Schedule split_brain(const SplitBrainOptions& options = {});

}  // namespace rift::chaos::fault
