#include "node/outbox.h"

#include "base/limits.h"

namespace rift::node {

void Outbox::add(NodeId to, env::Lane lane, PartitionId partition, Bytes message, std::uint64_t generation) {
  queues_[{to, lane}].parts.push_back(
      wire::FramePart{.partition = partition, .message = std::move(message), .generation = generation});
}

void Outbox::add_forward(NodeId to, RequestId request, Bytes message) {
  Queue& queue = queues_[{to, env::Lane::data}];
  queue.forwards.emplace_back(queue.parts.size(), request);
  queue.parts.push_back(wire::FramePart{.partition = PartitionId(), .message = std::move(message), .generation = 0});
}

std::vector<RequestId> Outbox::flush(MapEpoch epoch) {
  std::vector<RequestId> not_sent;
  for (auto& [target, queue] : queues_) {
    if (queue.parts.empty()) continue;
    flush_queue(target.first, target.second, queue, epoch, not_sent);
    queue.parts.clear();
    queue.forwards.clear();
  }
  return not_sent;
}

void Outbox::flush_queue(NodeId to, env::Lane lane, Queue& queue, MapEpoch epoch, std::vector<RequestId>& not_sent) {
  auto forward = queue.forwards.begin();
  wire::Frame frame{.epoch = epoch, .parts = {}};
  std::size_t bytes = wire::frame_overhead_bytes;
  const auto send = [&](std::size_t past_last) {
    const bool sent = network_.send(to, lane, wire::encode_frame(frame));
    ++(sent ? frames_sent_ : frames_refused_);
    for (; forward != queue.forwards.end() && forward->first < past_last; ++forward) {
      if (!sent) not_sent.push_back(forward->second);
    }
    frame.parts.clear();
    bytes = wire::frame_overhead_bytes;
  };
  for (std::size_t i = 0; i < queue.parts.size(); ++i) {
    const std::size_t size = wire::encoded_size(queue.parts[i]);
    if (!frame.parts.empty() && bytes + size > limits::frame_bytes_max) send(i);
    bytes += size;
    frame.parts.push_back(std::move(queue.parts[i]));
  }
  if (!frame.parts.empty()) send(queue.parts.size());
}

}  // namespace rift::node
