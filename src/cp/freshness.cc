#include "cp/freshness.h"

#include <algorithm>

namespace rift::cp {
namespace {

constexpr std::size_t proofs_max = 16;  // of a replica that applies far behind

}  // namespace

bool Freshness::wants_probe(Time now) const {
  if (last_sent_ == Time::min()) return true;
  return now - last_sent_ >= (open_ ? probe_patience : probe_interval);
}

void Freshness::sent(raft::ReadPosition position, Time now) {
  open_ = Probe{.sent = now, .position = position};
  last_sent_ = now;
}

void Freshness::sent(NodeId to, std::uint64_t token, Time now) {
  open_ = Probe{.sent = now, .asked_of = to, .token = token};
  last_sent_ = now;
}

void Freshness::confirmed(raft::ReadPosition position, LogIndex index) {
  if (open_ && open_->position.number != 0 && open_->position == position) prove(index);
}

void Freshness::answered(NodeId from, std::uint64_t token, LogIndex index) {
  if (open_ && open_->token != 0 && open_->token == token && open_->asked_of == from) prove(index);
}

void Freshness::prove(LogIndex index) {
  if (proofs_.size() < proofs_max) proofs_.push_back(Proof{.since = open_->sent, .index = index});
  open_.reset();
}

std::optional<Duration> Freshness::bound(LogIndex applied, Time now) {
  while (!proofs_.empty() && proofs_.front().index <= applied) {
    since_ = proofs_.front().since;
    proofs_.pop_front();
  }
  if (!since_) return std::nullopt;
  return now - *since_;
}

void Freshness::forget() {
  open_.reset();
  proofs_.clear();
  since_.reset();
}

}  // namespace rift::cp
