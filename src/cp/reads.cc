#include "cp/reads.h"

#include <algorithm>

namespace rift::cp {

void Reads::add(ReadBatch batch) {
  if (batch.reads.empty()) return;
  count(batch);
  batches_.push_back(std::move(batch));
}

void Reads::put_back(std::vector<ReadBatch> batches) {
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    if (batch->reads.empty()) continue;
    count(*batch);
    batches_.push_front(std::move(*batch));
  }
}

void Reads::count(const ReadBatch& batch) {
  for (const PendingRead& read : batch.reads) next_deadline_ = std::min(next_deadline_, read.deadline);
  waiting_ += batch.reads.size();
  if (batch.is_local) waiting_local_ += batch.reads.size();
  if (batch.needs_all) ++waiting_for_all_;
}

void Reads::forget(const ReadBatch& batch) {
  waiting_ -= batch.reads.size();
  if (batch.is_local) waiting_local_ -= batch.reads.size();
  if (batch.needs_all) --waiting_for_all_;
}

void Reads::confirm(raft::ReadPosition position, LogIndex index) {
  for (ReadBatch& batch : batches_) {
    if (batch.position == position && !batch.index) batch.index = index;
  }
}

void Reads::answer(NodeId from, std::uint64_t token, LogIndex index) {
  for (ReadBatch& batch : batches_) {
    if (batch.token != token || token == 0 || batch.asked_of != from) continue;
    batch.token = 0;
    batch.index = index;
  }
}

std::vector<ReadBatch> Reads::take_servable(LogIndex applied, raft::ReadPosition echoed_by_all) {
  std::vector<ReadBatch> servable;
  std::erase_if(batches_, [&](ReadBatch& batch) {
    if (!batch.index || *batch.index > applied) return false;
    if (batch.needs_all && (batch.position.term != echoed_by_all.term || batch.position > echoed_by_all)) return false;
    forget(batch);
    servable.push_back(std::move(batch));
    return true;
  });
  if (batches_.empty()) next_deadline_ = Time::max();
  return servable;
}

template <class Predicate>
std::vector<PendingRead> Reads::take_if(Predicate predicate) {
  std::vector<PendingRead> taken;
  std::erase_if(batches_, [&](ReadBatch& batch) {
    if (!predicate(batch)) return false;
    forget(batch);
    std::move(batch.reads.begin(), batch.reads.end(), std::back_inserter(taken));
    return true;
  });
  if (batches_.empty()) next_deadline_ = Time::max();
  return taken;
}

std::vector<PendingRead> Reads::take_positioned() {
  return take_if(
      [](const ReadBatch& batch) { return batch.position.number != 0 && (!batch.index || batch.needs_all); });
}

std::vector<PendingRead> Reads::take_asked() {
  return take_if([](const ReadBatch& batch) { return batch.token != 0; });
}

std::vector<std::uint64_t> Reads::repeat_questions(NodeId of, Time now) {
  std::vector<std::uint64_t> tokens;
  for (ReadBatch& batch : batches_) {
    if (batch.token == 0 || batch.asked_of != of || batch.asked + batch.patience > now) continue;
    batch.asked = now;
    batch.patience = std::min(2 * batch.patience, question_patience_max);
    tokens.push_back(batch.token);
  }
  return tokens;
}

std::vector<PendingRead> Reads::take_all_level() {
  return take_if([](const ReadBatch& batch) { return batch.needs_all; });
}

std::vector<PendingRead> Reads::take_all() {
  return take_if([](const ReadBatch&) { return true; });
}

std::vector<PendingRead> Reads::take_expired(Time now) {
  std::vector<PendingRead> expired;
  if (now < next_deadline_) return expired;
  next_deadline_ = Time::max();
  for (ReadBatch& batch : batches_) {
    std::erase_if(batch.reads, [&](PendingRead& read) {
      if (read.deadline > now) {
        next_deadline_ = std::min(next_deadline_, read.deadline);
        return false;
      }
      expired.push_back(std::move(read));
      --waiting_;
      if (batch.is_local) --waiting_local_;
      return true;
    });
  }
  take_if([](const ReadBatch& batch) { return batch.reads.empty(); });
  return expired;
}

void Reads::cancel(RequestId id) {
  for (ReadBatch& batch : batches_) {
    const std::size_t cancelled = std::erase_if(batch.reads, [id](const PendingRead& read) { return read.id == id; });
    waiting_ -= cancelled;
    if (batch.is_local) waiting_local_ -= cancelled;
  }
  take_if([](const ReadBatch& batch) { return batch.reads.empty(); });
}

Time Reads::next_repeat() const {
  Time next = Time::max();
  for (const ReadBatch& batch : batches_) {
    if (batch.token != 0) next = std::min(next, batch.asked + batch.patience);
  }
  return next;
}

}  // namespace rift::cp
