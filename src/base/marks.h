// Coverage marks and sabotage points (DESIGN 9). A Recorder is handed in by the Turn or a core's output: no globals. In release
// builds of real nodes the recorder is null and everything here is a branch on a null pointer.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace rift {

class Recorder {
 public:
  void mark(std::string_view name) { ++marks_[std::string(name)]; }
  const std::map<std::string, std::uint64_t>& marks() const { return marks_; }

 private:
  std::map<std::string, std::uint64_t> marks_;
};

}  // namespace rift

// Says that a rare branch was reached. `recorder` is a Recorder* and may be null.
#define MARK(recorder, name)                           \
  do {                                                 \
    if ((recorder) != nullptr) (recorder)->mark(name); \
  } while (false)
