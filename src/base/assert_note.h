// What this thread is about, said by a failed ASSERT before it aborts: the seed of a simulated run. Called by the simulator, which runs many
// worlds in one process, each in one thread.
#pragma once

#include <string>

namespace rift {

class AssertNote {
 public:
  explicit AssertNote(std::string text);
  AssertNote(const AssertNote&) = delete;
  AssertNote& operator=(const AssertNote&) = delete;
  ~AssertNote();

 private:
  std::string before_;
};

}  // namespace rift
