// The load of a trial: puts under ever new keys and gets of acknowledged ones, at a fixed rate whatever the answers do (open loop), over the
// SDK as a program would use it; each request with the times it was due and ended. A thread of its own paces them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/client.h"

namespace rift::cli {

struct Sample {
  bool is_read = false;
  Time due{};
  Time ended{};
  Outcome outcome = Outcome::unknown;
  Term term{};  // of the receipt
};

class TrialLoad {
 public:
  struct Options {
    std::vector<std::string> endpoints;
    std::string keyspace;
    std::string prefix = "trial";  // of the keys
    std::uint32_t puts_per_second = 1000;
    std::uint32_t gets_per_second = 500;
    std::uint32_t clients = 4;     // that find their own way
    bool pinned_ones_too = false;  // and one per endpoint that talks to it alone
    std::uint32_t value_size = 100;
    std::uint64_t in_flight_max = 0;  // then it waits; 0: no bound
  };
  static Result<std::unique_ptr<TrialLoad>> start(Options options);
  ~TrialLoad();  // stops
  TrialLoad(const TrialLoad&) = delete;
  TrialLoad& operator=(const TrialLoad&) = delete;

  // The client pinned to this endpoint gets nothing new, and what it had asked has been answered; until resume().
  void spare(const std::string& endpoint);
  void resume();
  // Ends the pacing and waits for every answer.
  void stop();
  // In the order in which they ended.
  std::vector<Sample> samples() const;
  // Requests that did not end as done, and gets that missed what was acknowledged before them; the first few in words.
  std::uint64_t failed() const;
  std::uint64_t stale() const;
  std::uint64_t acknowledged() const;  // puts
  std::vector<std::string> complaints() const;
  // After stop(): acknowledged puts that are not there.
  Result<std::uint64_t> count_lost();

  static Time now();

 private:
  struct Sender {
    std::unique_ptr<Client> client;
    std::string pin;  // empty: none
    std::uint64_t open = 0;
  };
  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

  explicit TrialLoad(Options options) : options_(std::move(options)) {}
  void run();
  bool is_full() const;
  Sender& take_sender();
  void put(std::uint64_t number, Time due);
  void get(std::uint64_t number, Time due);
  void submit(caller::Operation operation, Time due, std::uint64_t number);
  void ended(const Sample& sample, const Answer& answer, std::uint64_t number);
  std::string key(std::uint64_t number) const;

  const Options options_;
  std::string padding_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;  // the pacer sends, the clients' threads report, the main thread looks
  std::condition_variable ended_;
  std::size_t spared_ = nobody;
  std::size_t turn_ = 0;
  std::uint64_t open_ = 0;
  std::vector<Sample> samples_;
  std::vector<std::uint64_t> acknowledged_;  // numbers of puts
  std::vector<std::string> complaints_;
  std::uint64_t failed_ = 0;
  std::uint64_t stale_ = 0;
  std::vector<std::unique_ptr<Sender>> senders_;  // first to go: their clients' threads use everything above
  std::thread pacer_;
};

// Nearest rank; 0 of nothing.
Duration percentile(std::vector<Duration> values, double q);
// Put latencies of those due in [from, to).
std::vector<Duration> put_latencies(const std::vector<Sample>& samples, Time from, Time to);
// The longest time without an acknowledged put in [from, to], counted from the last one before `from`.
Duration longest_gap(const std::vector<Sample>& samples, Time from, Time to);

}  // namespace rift::cli
