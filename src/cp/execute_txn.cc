// A Txn: its compares see the state before, its steps each other; all of it happens in one revision or none of it does.
#include <algorithm>

#include "base/assert.h"
#include "cp/execute.h"

namespace rift::cp {
namespace {

// So that the answer fits where a request fits.
constexpr std::size_t answer_bytes_max = limits::value_bytes_max + limits::key_bytes_max;

// The keys of one Txn as its steps leave them; nothing is written before the last step has succeeded.
class Draft {
 public:
  struct Entry {
    Bytes key;
    std::optional<wire::CpValue> before;
    std::optional<wire::CpValue> now;
    bool written = false;
  };

  Draft(std::size_t operations, State& state, Turn& turn) : state_(state), turn_(turn) { entries_.reserve(operations); }

  Result<Entry*> at(const Bytes& key) {
    const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
    if (known != entries_.end()) return &*known;
    ASSERT(entries_.size() < entries_.capacity());  // pointers stay
    auto value = TRY(state_.read(key, turn_));
    entries_.push_back(Entry{.key = key, .before = value, .now = std::move(value)});
    return &entries_.back();
  }
  // Zero: it has changed nothing.
  Revision write() {
    const auto written = [](const Entry& entry) { return entry.written; };
    if (std::none_of(entries_.begin(), entries_.end(), written)) return Revision();
    const Revision revision = state_.spend();
    for (const Entry& entry : entries_) {
      if (!entry.written) continue;
      const Event::Kind kind = entry.now->deleted ? Event::Kind::del : Event::Kind::put;
      state_.store(entry.key, entry.before, *entry.now, kind, turn_);
    }
    return revision;
  }
  void put(Entry& entry, Bytes value, Duration ttl) {
    const bool again = entry.written && is_live(entry.now);  // within one revision a key changes once
    wire::CpValue now = again ? *entry.now : successor(entry.now, next(state_.applied().revision));
    now.value = std::move(value);
    now.expiry = state_.expiry_after(ttl);
    entry.now = std::move(now);
    entry.written = true;
  }
  void erase(Entry& entry) {
    wire::CpValue now = tombstone(*entry.now, next(state_.applied().revision));
    if (entry.written) now.version = entry.now->version;
    entry.now = std::move(now);
    entry.written = true;
  }

 private:
  State& state_;
  Turn& turn_;
  std::vector<Entry> entries_;
};

// What the step came to goes into `item`; a step that cannot be executed gives the answer of the whole Txn.
Result<std::optional<Applied>> run(const Step& step, Draft& draft, Item& item) {
  Draft::Entry& entry = *TRY(draft.at(step.key));
  if (step.verb != Verb::get && is_locked(entry.now)) return std::optional(condition_failed(entry.now, why_locked));
  item.key = step.key;
  item.found = is_live(entry.now);
  switch (step.verb) {
    case Verb::get:
      if (item.found) item.value = entry.now->value;
      break;
    case Verb::put:
      item.found = true;
      draft.put(entry, step.value, step.ttl);
      break;
    case Verb::del:
      if (item.found) draft.erase(entry);
      break;
    case Verb::increment: {
      const auto number = incremented(entry.now, step.delta);
      if (!number) return std::optional(refused(Code::invalid, Outcome::not_done, why_not_incremented(entry.now)));
      item.found = true;
      item.value = Bytes(std::to_string(*number));
      draft.put(entry, item.value, step.ttl);
      break;
    }
    case Verb::cas:
    case Verb::resolve:
    case Verb::del_range:
    case Verb::txn:
    case Verb::lock:
    case Verb::unlock:
    case Verb::multi_get:
    case Verb::scan:
    case Verb::watch:
    case Verb::compact:
    case Verb::expire:
    case Verb::verify:
      return std::optional(refused(Code::invalid, Outcome::not_done));
  }
  if (entry.now) item.version = version_of(*entry.now);
  return std::optional<Applied>();
}

}  // namespace

Result<Applied> execute_txn(const Operands& operands, State& state, Turn& turn) {
  Draft draft(operands.compares.size() + operands.then_steps.size() + operands.else_steps.size(), state, turn);
  Results results;
  results.succeeded = true;
  for (const Compare& compare : operands.compares) {
    const Draft::Entry& entry = *TRY(draft.at(compare.key));
    if (!holds(compare.condition, entry.now)) results.succeeded = false;
  }
  std::size_t bytes = 0;
  for (const Step& step : results.succeeded ? operands.then_steps : operands.else_steps) {
    Item item;
    if (auto instead = TRY(run(step, draft, item))) return std::move(*instead);
    bytes += item.key.size() + item.value.size();
    if (bytes > answer_bytes_max) return refused(Code::too_large, Outcome::not_done, "what the steps read is too much");
    results.items.push_back(std::move(item));
  }
  results.revision = draft.write();
  Applied result;
  result.version.modify_revision = results.revision;
  result.results = std::move(results);
  return result;
}

}  // namespace rift::cp
