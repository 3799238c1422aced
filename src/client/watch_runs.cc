#include "client/watch_runs.h"

namespace rift::client {
namespace {

constexpr unsigned number_shift = 32;  // top bit, 31 bits of number, 32 bits of attempt
constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;

}  // namespace

void WatchRuns::add(std::uint64_t number, caller::WatchOptions options, caller::WatchWish wish,
                    WatchCallbacks callbacks, Rng rng, const std::shared_ptr<const topology::Catalog>& catalog,
                    Time now) {
  options.first_id = top_bit | (number << number_shift) | 1;
  const auto run = std::make_shared<Run>(
      Run{.watch = caller::Watch(options, std::move(wish), rng), .callbacks = std::move(callbacks)});
  runs_[number] = run;
  if (catalog != nullptr) run->watch.observe(catalog, now);
}

void WatchRuns::remove(std::uint64_t number) {
  const auto it = runs_.find(number);
  if (it == runs_.end()) return;
  it->second->watch.stop();
  for (caller::WatchCancel& cancel : it->second->watch.take_cancels()) cancels_.push_back(cancel);
  it->second->is_told_end = true;
  runs_.erase(it);
}

void WatchRuns::observe(const std::shared_ptr<const topology::Catalog>& catalog, Time now) {
  for (auto& [number, run] : runs_) run->watch.observe(catalog, now);
}

void WatchRuns::receive(Response response, Time now) {
  const auto it = runs_.find((response.id.value() & ~top_bit) >> number_shift);
  if (it != runs_.end()) it->second->watch.receive(std::move(response), now);
}

void WatchRuns::tick(Time now) {
  for (auto& [number, run] : runs_) {
    if (const auto wake = run->watch.wake_at(); wake && *wake <= now) run->watch.tick(now);
  }
}

void WatchRuns::stop() {
  while (!runs_.empty()) remove(runs_.begin()->first);
}

bool WatchRuns::carry(const Carry& carry) {
  bool carried = !cancels_.empty();
  for (caller::WatchCancel& cancel : std::exchange(cancels_, {})) carry.cancel(cancel);
  const auto runs = runs_;  // a callback may add and remove
  for (const auto& [number, run] : runs) carried = carry_one(*run, carry) || carried;
  return carried;
}

bool WatchRuns::carry_one(Run& run, const Carry& carry) {
  bool carried = false;
  for (caller::WatchCancel& cancel : run.watch.take_cancels()) {
    carry.cancel(cancel);
    carried = true;
  }
  for (caller::Send& send : run.watch.take_sends()) {
    carry.send(std::move(send));
    carried = true;
  }
  for (caller::WatchBatch& batch : run.watch.take_batches()) {
    carried = true;
    if (!run.is_told_end && run.callbacks.on_batch) run.callbacks.on_batch(std::move(batch));
  }
  if (run.is_told_end || !run.watch.ended()) return carried;
  run.is_told_end = true;
  if (run.callbacks.on_end) run.callbacks.on_end(*run.watch.ended());
  return true;
}

bool WatchRuns::take_map_wish() {
  bool wished = false;
  for (auto& [number, run] : runs_) wished = run->watch.take_map_wish() || wished;
  return wished;
}

std::optional<Time> WatchRuns::wake_at() const {
  std::optional<Time> earliest;
  for (const auto& [number, run] : runs_) {
    const auto wake = run->watch.wake_at();
    if (wake && (!earliest || *wake < *earliest)) earliest = wake;
  }
  return earliest;
}

}  // namespace rift::client
