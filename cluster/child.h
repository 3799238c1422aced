// One child process: started with its own stderr file and a pipe for its standard output, killed by the kernel when the thread that
// started it ends (PR_SET_PDEATHSIG), so a lost supervisor leaves nobody behind. Knows nothing of RiftKV. Used by supervisor.cc, on
// its one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace rift::cluster {

class Child {
 public:
  struct Options {
    std::vector<std::string> command;  // [0] is the path
    std::string stderr_path;           // appended to
  };
  static Result<Child> start(const Options& options);

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  ~Child();  // kills and waits

  pid_t pid() const { return pid_; }
  // False once it has ended; then exit_text() says how.
  bool is_running();
  const std::string& exit_text() const { return exit_text_; }
  Result<void> signal(int number);
  // True if it has ended within `limit`.
  bool wait(Duration limit);
  // Kills it if need be, and collects it.
  void kill();
  // The next line of its standard output. Empty: ended, closed its output, or was silent for `limit`.
  std::optional<std::string> read_line(Duration limit);

 private:
  Child(pid_t pid, int pid_fd, int output) : pid_(pid), pid_fd_(pid_fd), output_(output) {}
  bool collect(int options);

  pid_t pid_ = -1;
  int pid_fd_ = -1;
  int output_ = -1;
  bool ended_ = false;
  std::string exit_text_;
  std::string pending_;  // read, and not yet a whole line
};

}  // namespace rift::cluster
