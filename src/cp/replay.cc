#include "cp/replay.h"

namespace rift::cp {
namespace {

// No record is kept alive for a part of it.
Bytes whole(const Bytes& bytes) { return bytes.is_whole() ? bytes : Bytes(bytes.view()); }

Boxed<Results> whole(const Boxed<Results>& results) {
  Boxed<Results> copy = results;
  if (!copy) return copy;
  copy->next_key = whole(copy->next_key);
  for (Item& item : copy->items) {
    item.key = whole(item.key);
    item.value = whole(item.value);
  }
  return copy;
}

}  // namespace

wire::DedupOutcome to_outcome(std::uint64_t sequence, const Applied& result) {
  wire::DedupOutcome outcome;
  outcome.sequence = sequence;
  outcome.code = result.code;
  outcome.revision = result.version.modify_revision;
  outcome.create_revision = result.version.create_revision;
  outcome.version = result.version.version;
  outcome.seen_found = result.found;
  outcome.seen = whole(result.value);
  outcome.results = whole(result.results);
  return outcome;
}

Applied replay(const wire::DedupOutcome& outcome) {
  Applied result = refused(outcome.code, outcome_of(outcome.code));
  result.duplicate = true;
  result.found = outcome.seen_found;
  result.seen_omitted = outcome.seen_omitted;
  result.value = outcome.seen;
  result.version.modify_revision = outcome.revision;
  result.version.create_revision = outcome.create_revision;
  result.version.version = outcome.version;
  result.results = outcome.results;
  return result;
}

}  // namespace rift::cp
