#include "caller/policy.h"

namespace rift::caller {
namespace {

// The attempt may have taken effect: only what cannot take effect twice is sent again.
Next after_unknown(Nature nature) {
  switch (nature) {
    case Nature::read:
    case Nature::resolve:
    case Nature::deduplicated:
      return Next::back_off;
    case Nature::plain:
      return Next::finish;
  }
  return Next::finish;
}

}  // namespace

bool is_conclusive(Nature nature, const Response& response) {
  if (response.outcome == Outcome::done) return true;
  if (response.outcome == Outcome::unknown || nature == Nature::read) return false;
  // Both are committed facts about the op id itself, not about one copy of the request.
  return response.code == Code::condition_failed || response.code == Code::refused;
}

Next judge(Nature nature, const Response& response) {
  if (is_conclusive(nature, response)) return Next::finish;
  switch (response.code) {
    case Code::ok:
    case Code::invalid:
    case Code::too_large:
    case Code::unsupported:
    case Code::condition_failed:
    case Code::compacted:
    case Code::already_exists:
    case Code::refused:
      return Next::finish;
    case Code::not_leader:
      return Next::redirect;
    case Code::wrong_node:
    case Code::unknown_keyspace:
      return Next::reload;
    case Code::level_unreachable:
    case Code::disk_full:
    case Code::clock_skewed:
    case Code::token_not_met:
      return Next::elsewhere;
    case Code::no_leader:
    case Code::overloaded:
    case Code::not_ready:
    case Code::superseded_entry:
    case Code::unreachable:
      return Next::back_off;
    case Code::dedup_expired:
      return response.outcome == Outcome::not_done ? Next::renew : Next::finish;
    case Code::timeout:
    case Code::leadership_lost:
    case Code::level_missed:
    case Code::disconnected:
    case Code::corruption:
    case Code::io:
      return response.outcome == Outcome::not_done ? Next::back_off : after_unknown(nature);
  }
  return Next::finish;
}

}  // namespace rift::caller
