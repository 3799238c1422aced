#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace rift {
namespace {

class NullLog final : public Log {
 public:
  NullLog() : Log(LogLevel::off) {}
  void write(LogLevel, std::string_view, std::string_view) override {}
};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

class ProcessLog final : public Log {
 public:
  ProcessLog(LogLevel level, std::shared_ptr<spdlog::logger> logger) : Log(level), logger_(std::move(logger)) {}
  void write(LogLevel level, std::string_view event, std::string_view text) override {
    logger_->log(to_spdlog(level), "{} {}", event, text);
  }

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace

std::unique_ptr<Log> make_null_log() { return std::make_unique<NullLog>(); }

Result<std::unique_ptr<Log>> make_process_log(LogLevel level, const std::string& name, const std::string& path) {
  try {
    spdlog::sink_ptr sink;
    if (path.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    }
    auto logger = std::make_shared<spdlog::logger>(name, std::move(sink));
    logger->set_level(to_spdlog(level));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %L %n %v");
    logger->flush_on(spdlog::level::info);
    return std::unique_ptr<Log>(std::make_unique<ProcessLog>(level, std::move(logger)));
  } catch (const spdlog::spdlog_ex& e) {
    return fail(Code::io, "cannot write the log to " + path + ": " + e.what());
  }
}

}  // namespace rift
