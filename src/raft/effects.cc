#include "raft/effects.h"

namespace rift::raft {

Entry founding_entry(const Config& config) {
  return Entry{
      .term = Term(1), .index = LogIndex(1), .kind = EntryKind::config, .log_time = {}, .payload = encode(config)};
}

Restored founded(const Config& config) {
  return Restored{
      .hard_state = {.term = Term(1), .vote = {}},
      .configs = {{.index = LogIndex(1), .config = config}},
      .first_index = LogIndex(1),
      .before_term = {},
      .before_log_time = {},
      .last_index = LogIndex(1),
      .last_term = Term(1),
      .last_log_time = {},
      .applied = LogIndex(0),
      .tail = {founding_entry(config)},
  };
}

}  // namespace rift::raft
