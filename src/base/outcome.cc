#include "base/outcome.h"

namespace rift {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "done";
    case Outcome::not_done:
      return "not_done";
    case Outcome::unknown:
      return "unknown";
  }
  return "invalid_outcome";
}

std::string_view to_string(Level level) {
  switch (level) {
    case Level::unspecified:
      return "default";
    case Level::one:
      return "one";
    case Level::majority:
      return "majority";
    case Level::all:
      return "all";
    case Level::any:
      return "any";
  }
  return "invalid_level";
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::cp:
      return "cp";
    case Mode::ap:
      return "ap";
  }
  return "invalid_mode";
}

std::string_view to_string(Code code) {
  switch (code) {
    case Code::ok:
      return "ok";
    case Code::invalid:
      return "invalid";
    case Code::too_large:
      return "too_large";
    case Code::unknown_keyspace:
      return "unknown_keyspace";
    case Code::unsupported:
      return "unsupported";
    case Code::condition_failed:
      return "condition_failed";
    case Code::not_leader:
      return "not_leader";
    case Code::no_leader:
      return "no_leader";
    case Code::level_unreachable:
      return "level_unreachable";
    case Code::overloaded:
      return "overloaded";
    case Code::disk_full:
      return "disk_full";
    case Code::wrong_node:
      return "wrong_node";
    case Code::not_ready:
      return "not_ready";
    case Code::already_exists:
      return "already_exists";
    case Code::refused:
      return "refused";
    case Code::superseded_entry:
      return "superseded_entry";
    case Code::compacted:
      return "compacted";
    case Code::clock_skewed:
      return "clock_skewed";
    case Code::token_not_met:
      return "token_not_met";
    case Code::dedup_expired:
      return "dedup_expired";
    case Code::timeout:
      return "timeout";
    case Code::leadership_lost:
      return "leadership_lost";
    case Code::level_missed:
      return "level_missed";
    case Code::disconnected:
      return "disconnected";
    case Code::corruption:
      return "corruption";
    case Code::io:
      return "io";
    case Code::unreachable:
      return "unreachable";
  }
  return "invalid_code";
}

std::optional<Level> parse_level(std::string_view text) {
  if (text == "one") return Level::one;
  if (text == "majority") return Level::majority;
  if (text == "all") return Level::all;
  if (text == "any") return Level::any;
  return std::nullopt;
}

std::optional<Mode> parse_mode(std::string_view text) {
  if (text == "cp") return Mode::cp;
  if (text == "ap") return Mode::ap;
  return std::nullopt;
}

bool took_no_effect(Code code) { return outcome_of(code) == Outcome::not_done; }

Outcome outcome_of(Code code) {
  switch (code) {
    case Code::ok:
      return Outcome::done;
    case Code::invalid:
    case Code::too_large:
    case Code::unknown_keyspace:
    case Code::unsupported:
    case Code::condition_failed:
    case Code::not_leader:
    case Code::no_leader:
    case Code::level_unreachable:
    case Code::overloaded:
    case Code::disk_full:
    case Code::wrong_node:
    case Code::not_ready:
    case Code::already_exists:
    case Code::refused:
    case Code::superseded_entry:
    case Code::compacted:
    case Code::clock_skewed:
    case Code::token_not_met:
    case Code::unreachable:
      return Outcome::not_done;
    case Code::dedup_expired:
    case Code::timeout:
    case Code::leadership_lost:
    case Code::level_missed:
    case Code::disconnected:
    case Code::corruption:
    case Code::io:
      return Outcome::unknown;
  }
  return Outcome::unknown;
}

}  // namespace rift
