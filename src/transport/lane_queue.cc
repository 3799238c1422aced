#include "transport/lane_queue.h"

#include "base/limits.h"

namespace rift::transport {

bool LaneQueue::has_room(std::size_t bytes) {
  switch (lane_) {
    case env::Lane::control:
      return frames_.size() < limits::lane_control_frames_max;
    case env::Lane::data:
    case env::Lane::bulk:
      return bytes_ + bytes <= limits::lane_data_bytes_max;
  }
  return false;
}

LaneQueue::Pushed LaneQueue::push(Bytes frame) {
  const Lock lock(mutex_);
  const bool drops_oldest = lane_ == env::Lane::control;
  if (!open_ || frame.size() > limits::frame_bytes_max || (!drops_oldest && !has_room(frame.size()))) {
    ++counters_.refused;
    return Pushed::refused;
  }
  while (!has_room(frame.size())) {
    bytes_ -= frames_.front().size();
    frames_.pop_front();
    ++counters_.dropped;
  }
  bytes_ += frame.size();
  frames_.push_back(std::move(frame));
  if (told_) return Pushed::queued;
  told_ = true;
  return Pushed::wake;
}

std::vector<Bytes> LaneQueue::take(std::size_t bytes_max) {
  const Lock lock(mutex_);
  std::vector<Bytes> taken;
  std::size_t bytes = 0;
  while (!frames_.empty() && (taken.empty() || bytes + frames_.front().size() <= bytes_max)) {
    bytes += frames_.front().size();
    taken.push_back(std::move(frames_.front()));
    frames_.pop_front();
  }
  bytes_ -= bytes;
  counters_.frames_sent += taken.size();
  counters_.bytes_sent += bytes;
  if (taken.empty()) told_ = false;
  return taken;
}

void LaneQueue::open() {
  const Lock lock(mutex_);
  open_ = true;
  told_ = false;
  ++counters_.connects;
}

void LaneQueue::close() {
  const Lock lock(mutex_);
  open_ = false;
  counters_.dropped += frames_.size();
  frames_.clear();
  bytes_ = 0;
}

LinkStats LaneQueue::stats() const {
  const Lock lock(mutex_);
  LinkStats out = counters_;
  out.peer = peer_;
  out.lane = lane_;
  out.up = open_;
  out.queued_bytes = bytes_;
  return out;
}

}  // namespace rift::transport
