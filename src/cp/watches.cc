#include "cp/watches.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"

namespace rift::cp {
namespace {

constexpr std::size_t event_overhead_bytes = 64;

Revision before(Revision revision) { return revision == Revision() ? revision : Revision(revision.value() - 1); }

std::size_t size_of(const Event& event) { return event.key.size() + event.value.size() + event_overhead_bytes; }

// A small event that waits for a slow reader must not keep the whole record that it was read from.
void own(Event& event) {
  if (!event.key.is_whole()) event.key = Bytes(event.key.view());
  if (!event.value.is_whole()) event.value = Bytes(event.value.view());
}

Response refuse_compacted(RequestId id, Revision wanted, Revision compacted) {
  Response response = refuse(
      id, Code::compacted,
      fmt::format("revision {} is no longer in the history, which begins after {}", wanted.value(), compacted.value()),
      "read the state anew, then watch from the revision after the one that the read names");
  response.results.emplace().compacted = compacted;
  return response;
}

}  // namespace

bool Watches::wants(const Watcher& watcher, ByteView key) {
  if (watcher.single_key) return key == watcher.first.view();
  return key >= watcher.first.view() && (watcher.end.empty() || key < watcher.end.view());
}

void Watches::open(const Request& request, const wire::AppliedRecord& applied, Time now) {
  const Operands none;
  const Operands& operands = request.operands ? *request.operands : none;
  const Revision wanted = operands.revision == Revision() ? next(applied.revision) : operands.revision;
  if (wanted <= applied.compacted) {
    answers_.push_back({.response = refuse_compacted(request.id, wanted, applied.compacted), .last = true});
    return;
  }
  if (watchers_.size() >= watches_per_partition_max) {
    answers_.push_back({.response = refuse(request.id, Code::overloaded, "too many watches of this partition here",
                                           "another of its nodes may have room"),
                        .last = true});
    return;
  }
  if (watchers_.empty()) served_ = live_ = next(applied.revision);
  watchers_.push_back(Watcher{.id = request.id,
                              .first = request.key,
                              .end = operands.range_end,
                              .single_key = operands.single_key,
                              .next = wanted,
                              .answered = now,
                              .catch_up_due = now});
  wake_ = std::min(wake_, wanted < live_ ? now : now + watch_progress_interval);
  answer(watchers_.back(), {}, before(wanted), now);
}

void Watches::cancel(RequestId id) {
  std::erase_if(watchers_, [id](const Watcher& watcher) { return watcher.id == id; });
}

Result<void> Watches::serve(Space space, const wire::AppliedRecord& applied, Turn& turn) {
  const Time now = turn.now().steady;
  if (watchers_.empty() || (next(applied.revision) == served_ && now < wake_)) return {};
  end_compacted(applied.compacted);
  TRY(follow(space, applied, turn));
  TRY(catch_up(space, turn));
  report_progress(now);
  plan(applied, now);
  return {};
}

void Watches::end_compacted(Revision compacted) {
  std::erase_if(watchers_, [&](const Watcher& watcher) {
    if (watcher.next > compacted) return false;
    end(watcher, refuse_compacted(watcher.id, watcher.next, compacted));
    return true;
  });
  live_ = std::max(live_, next(compacted));
}

// What is new, once for all that have been told everything before. A watch from a revision that is still to come waits for it.
Result<void> Watches::follow(Space space, const wire::AppliedRecord& applied, Turn& turn) {
  const auto is_live = [&](const Watcher& watcher) { return watcher.next >= live_; };
  if (std::none_of(watchers_.begin(), watchers_.end(), is_live)) live_ = std::max(live_, next(applied.revision));
  std::size_t pages = 0;
  while (live_ <= applied.revision && pages++ < limits_.pages_per_round) {
    HistoryPage page = TRY(read_history(space, live_, applied.revision, limits_.page_bytes, turn));
    for (Watcher& watcher : watchers_) {
      if (is_live(watcher)) tell(watcher, page, turn.now().steady);
    }
    live_ = page.next;
  }
  return {};
}

Result<void> Watches::catch_up(Space space, Turn& turn) {
  const Time now = turn.now().steady;
  std::size_t pages = 0;
  for (std::size_t i = 0; i < watchers_.size() && pages < limits_.pages_per_round; ++i) {
    Watcher& watcher = watchers_[(turn_of_ + i) % watchers_.size()];
    if (watcher.next >= live_ || watcher.catch_up_due > now) continue;
    ++pages;
    HistoryPage page = TRY(read_history(space, watcher.next, before(live_), limits_.page_bytes, turn));
    tell(watcher, page, now);
    watcher.catch_up_due = now + watch_catch_up_interval;
  }
  turn_of_ = watchers_.empty() ? 0 : (turn_of_ + pages) % watchers_.size();
  return {};
}

// In answers of whole revisions. Where nothing in the page is wanted, nothing is said: progress comes by itself.
void Watches::tell(Watcher& watcher, HistoryPage& page, Time now) {
  std::vector<Event> events;
  std::size_t bytes = 0;
  for (auto event = page.events.begin(); event != page.events.end();) {
    const Revision revision = event->revision;
    std::vector<Event> together;
    std::size_t together_bytes = 0;
    for (; event != page.events.end() && event->revision == revision; ++event) {
      if (revision < watcher.next || !wants(watcher, event->key.view())) continue;
      own(*event);
      together_bytes += size_of(*event);
      together.push_back(*event);
    }
    const bool is_full = events.size() + together.size() > limits::watch_events_max ||
                         bytes + together_bytes > limits::scan_page_bytes_max;
    if (is_full && !events.empty()) {
      const Revision told = events.back().revision;
      answer(watcher, std::exchange(events, {}), told, now);
      bytes = 0;
    }
    bytes += together_bytes;
    std::move(together.begin(), together.end(), std::back_inserter(events));
  }
  if (page.next <= watcher.next) return;  // it waits for a revision that is still to come
  if (!events.empty()) answer(watcher, std::move(events), before(page.next), now);
  watcher.next = page.next;
}

void Watches::answer(Watcher& watcher, std::vector<Event> events, Revision up_to, Time now) {
  ASSERT(events.empty() || events.back().revision <= up_to);
  Response response;
  response.id = watcher.id;
  Results& results = response.results.emplace();
  results.events = std::move(events);
  results.revision = up_to;
  answers_.push_back({.response = std::move(response), .last = false});
  watcher.answered = now;
}

void Watches::report_progress(Time now) {
  for (Watcher& watcher : watchers_) {
    if (watcher.answered + watch_progress_interval <= now) answer(watcher, {}, before(watcher.next), now);
  }
}

void Watches::plan(const wire::AppliedRecord& applied, Time now) {
  served_ = next(applied.revision);
  wake_ = live_ <= applied.revision ? now : Time::max();
  for (const Watcher& watcher : watchers_) {
    wake_ = std::min(wake_, watcher.answered + watch_progress_interval);
    if (watcher.next < live_) wake_ = std::min(wake_, std::max(now, watcher.catch_up_due));
  }
}

void Watches::end_all(Code code, const std::string& why, const std::string& hint) {
  for (const Watcher& watcher : std::exchange(watchers_, {})) end(watcher, refuse(watcher.id, code, why, hint));
}

void Watches::end(const Watcher& watcher, Response refusal) {
  refusal.outcome = Outcome::not_done;
  Results& results = refusal.results.ensure();
  results.revision = before(watcher.next);
  answers_.push_back({.response = std::move(refusal), .last = true});
}

}  // namespace rift::cp
