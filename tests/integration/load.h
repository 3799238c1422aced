// Writes of unique values, many in flight, and what was acknowledged of them. For integration tests only.
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/integration/nodes.h"

namespace rift::test {

struct Acknowledged {
  std::string key;
  std::string value;
  Version version;
};

// One client that keeps `width` writes in flight, each of a key of its own; what was acknowledged is told by the client's thread.
class Writer {
 public:
  struct Options {
    std::string keyspace;
    std::string prefix;
    std::size_t width = 8;
    Level level = Level::unspecified;
    bool until_first_failure = false;
  };
  Writer(std::unique_ptr<Client> client, Options options) : options_(std::move(options)), client_(std::move(client)) {
    open_ = options_.width;
    for (std::size_t i = 0; i < options_.width; ++i) next();
  }
  // What is under way ends first.
  void stop() {
    stopping_ = true;
    ASSERT_TRUE(eventually([this] { return open_ == 0; }));
  }
  ~Writer() { stop(); }

  std::size_t count() const { return count_; }
  bool has_ended() const { return open_ == 0; }
  std::vector<Acknowledged> acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }

 private:
  void next() {
    const std::string number = std::to_string(next_++);
    const Acknowledged wanted{
        .key = options_.prefix + number, .value = "value of " + options_.prefix + number, .version = {}};
    client_->submit({.keyspace = options_.keyspace,
                     .verb = Verb::put,
                     .level = options_.level,
                     .key = Bytes(wanted.key),
                     .value = Bytes(wanted.value)},
                    [this, wanted](const Answer& answer) { answered(wanted, answer); });
  }
  void answered(Acknowledged write, const Answer& answer) {
    if (answer.is_done()) {
      write.version = answer.version;
      const std::lock_guard lock(mutex_);
      acknowledged_.push_back(std::move(write));
      ++count_;
    } else if (options_.until_first_failure) {
      stopping_ = true;
    }
    if (stopping_) {
      --open_;
    } else {
      next();
    }
  }

  const Options options_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> count_{0};
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<Acknowledged> acknowledged_;
  std::unique_ptr<Client> client_;  // first to go: its thread uses everything above
};

// Reads every write back; one line per key that is not there as it was written.
inline std::vector<std::string> missing(Client& client, const std::string& keyspace,
                                        const std::vector<Acknowledged>& writes, Level level = Level::unspecified) {
  constexpr std::size_t width = 128;
  std::vector<std::string> result;
  for (std::size_t first = 0; first < writes.size(); first += width) {
    const std::size_t last = std::min(writes.size(), first + width);
    std::vector<std::promise<Answer>> answers(last - first);
    for (std::size_t i = first; i < last; ++i) {
      client.submit({.keyspace = keyspace, .verb = Verb::get, .level = level, .key = Bytes(writes[i].key)},
                    [&answer = answers[i - first]](Answer reply) { answer.set_value(std::move(reply)); });
    }
    for (std::size_t i = first; i < last; ++i) {
      const Answer answer = answers[i - first].get_future().get();
      if (answer.is_done() && answer.found && answer.value.view() == writes[i].value) continue;
      result.push_back(writes[i].key + ": " + describe(answer) + (answer.found ? "" : " absent"));
    }
  }
  return result;
}

inline std::size_t total(const std::vector<std::unique_ptr<Writer>>& writers) {
  std::size_t sum = 0;
  for (const auto& writer : writers) sum += writer->count();
  return sum;
}

inline std::vector<Acknowledged> all_acknowledged(const std::vector<std::unique_ptr<Writer>>& writers) {
  std::vector<Acknowledged> result;
  for (const auto& writer : writers) {
    for (Acknowledged& write : writer->acknowledged()) result.push_back(std::move(write));
  }
  return result;
}

}  // namespace rift::test
