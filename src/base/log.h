// Logging of state changes: LOG_INFO(log, "raft.became_leader", "group={} term={}", ...). The first word is a stable event that can
// be searched for; nothing per request above debug. A Log is handed in, so that the simulator can prefix virtual time and node.
// Implementations may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include "base/result.h"

namespace rift {

enum class LogLevel : unsigned char { debug, info, warn, error, off };

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view event, std::string_view text) = 0;
  LogLevel level() const { return level_; }
  bool wants(LogLevel level) const { return level >= level_; }

 protected:
  explicit Log(LogLevel level) : level_(level) {}

 private:
  LogLevel level_;
};

std::unique_ptr<Log> make_null_log();
// Text lines on stderr, or appended to `path` when it is not empty (spdlog).
Result<std::unique_ptr<Log>> make_process_log(LogLevel level, const std::string& name, const std::string& path);

template <class... Args>
void log_event(Log& log, LogLevel level, std::string_view event, fmt::format_string<Args...> format, Args&&... args) {
  if (log.wants(level)) log.write(level, event, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace rift

#define LOG_DEBUG(log, event, ...) ::rift::log_event((log), ::rift::LogLevel::debug, event, __VA_ARGS__)
#define LOG_INFO(log, event, ...) ::rift::log_event((log), ::rift::LogLevel::info, event, __VA_ARGS__)
#define LOG_WARN(log, event, ...) ::rift::log_event((log), ::rift::LogLevel::warn, event, __VA_ARGS__)
#define LOG_ERROR(log, event, ...) ::rift::log_event((log), ::rift::LogLevel::error, event, __VA_ARGS__)
