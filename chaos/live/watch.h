// A thread that asks the nodes at a steady pace who leads and, once told to, which version of each key they hold, and posts what it learns
// to the mailbox of the thread that drives the run. It outlives no task that it posted: the driver drains the mailbox before its sinks die.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "chaos/live/observer.h"

namespace rift::chaos::live {

class Watch {
 public:
  struct Options {
    std::map<NodeId, std::string> endpoints;
    std::string led_keyspace;  // whose leader is watched
    std::vector<std::string> sampled_keyspaces;
    std::function<void(NodeId)> on_leader;  // a new one; run by the mailbox's owner, like on_sample
    std::function<void(const std::string& keyspace, check::VersionSample sample)> on_sample = nullptr;
  };
  Watch(Options options, Mailbox& mailbox, const RunClock& clock);
  void start_sampling() { is_sampling_ = true; }

 private:
  void run(const std::stop_token& stop);
  void take_samples();

  Options options_;
  Observer observer_;
  Mailbox& mailbox_;
  const RunClock& clock_;
  std::atomic<bool> is_sampling_ = false;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace rift::chaos::live
