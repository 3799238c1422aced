// Requests to the supervisor of a local cluster, and its life as a background process. Main thread only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/verbs.h"

namespace rift::cli {

using Fields = std::map<std::string, std::string>;

// One request over the control socket. `flags` are sent as true. The answer is one JSON object as text; one with "ok": false has become an
// error with its code and reason.
struct Ask {
  std::string verb;
  Fields fields = {};
  std::map<std::string, double> numbers = {};
  std::vector<std::string> flags = {};
};
Result<std::string> ask_supervisor(const std::string& dir, const Ask& ask);

// The command that makes this node of a local cluster run again; empty: it runs, or nobody knows.
std::string remedy_for(const ClusterChoice& cluster, const std::string& node);

// Of an answer in JSON; invalid for a name that no code has.
Code code_named(const std::string& name);

// Ctrl-C, SIGTERM, a terminal that closes and `down` all end a supervisor or a demo through here. block() before the first thread starts.
class StopSignal {
 public:
  static void block();
  static void wait();     // until one arrives
  static int arrived();   // takes one that has; 0: none
  static void request();  // from any thread
  // Ends this process as the signal would have: for who started it, and after the cleaning up.
  [[noreturn]] static void die_of(int number);
};

// Starts this program again with `arguments`, detached from the terminal, its stderr at the end of `log_path`, and waits for its first line of output.
Result<std::string> start_detached(const std::vector<std::string>& arguments, const std::string& log_path,
                                   Duration limit);

// Until the process is gone, or `limit` has passed.
void wait_for_exit(int pid, Duration limit);

}  // namespace rift::cli
