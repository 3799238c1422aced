#include "engine/disk_thread.h"

#include <pthread.h>

namespace rift::engine {
namespace {
constexpr auto witness_interval = std::chrono::milliseconds(50);
}

DiskThread::DiskThread(Options options)
    : options_(std::move(options)), durable_(options_.durable.batch), witnessed_(options_.durable) {
  thread_ = std::thread([this] { run(); });
}

DiskThread::~DiskThread() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void DiskThread::sync(Task done) {
  {
    const Lock lock(mutex_);
    waiting_.push_back(std::move(done));
  }
  wake_.notify_one();
}

void DiskThread::manifest_changed() {
  {
    const Lock lock(mutex_);
    manifest_changed_ = true;
  }
  wake_.notify_one();
}

void DiskThread::run() {
  pthread_setname_np(pthread_self(), "rift-disk");
  for (;;) {
    Round round = next_round();
    if ((!round.tasks.empty() || round.last) && !make_durable()) return;
    for (Task& task : round.tasks) options_.executor.post(std::move(task));
    if (!write_witness(round)) return;
    if (round.last) return;
  }
}

// Sleeps until there is a sync to make, the witness is due, or the end.
DiskThread::Round DiskThread::next_round() {
  const Lock lock(mutex_);
  while (waiting_.empty() && !stopping_) {
    if (!manifest_changed_ && witnessed_.batch == durable_.load(std::memory_order_relaxed)) {
      wake_.wait(mutex_);
      continue;
    }
    const auto left = witness_due_ - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) break;
    wake_.wait_for(mutex_, left);
  }
  Round round{.tasks = {}, .last = stopping_, .manifest = manifest_changed_};
  round.tasks.swap(waiting_);
  return round;
}

// Everything that was applied before the call started is durable when it returns.
bool DiskThread::make_durable() {
  if (options_.failure.failed()) return false;
  const std::uint64_t target = options_.applied.load(std::memory_order_acquire);
  if (target == durable_.load(std::memory_order_relaxed)) return true;
  if (const auto synced = options_.sync_log(); !synced) {
    options_.failure.report(synced.error());
    return false;
  }
  syncs_.fetch_add(1, std::memory_order_relaxed);
  durable_.store(target, std::memory_order_release);
  return true;
}

bool DiskThread::write_witness(const Round& round) {
  const std::uint64_t batch = durable_.load(std::memory_order_relaxed);
  const auto now = std::chrono::steady_clock::now();
  if (!round.last && (now < witness_due_ || (!round.manifest && batch == witnessed_.batch))) return true;
  if (round.manifest) {
    const Lock lock(mutex_);
    manifest_changed_ = false;  // what changes from here on is asked for again
  }
  const auto written = testify(batch);
  if (!written) options_.failure.report(written.error());
  witness_due_ = now + witness_interval;
  return written.has_value();
}

Result<void> DiskThread::testify(std::uint64_t batch) {
  const Testimony testimony{.batch = batch, .manifest = TRY(mark_manifest(options_.store, witnessed_.manifest))};
  if (testimony == witnessed_) return {};
  TRY(options_.witness->write(testimony));
  witnessed_ = testimony;
  return {};
}

}  // namespace rift::engine
