// Messages of one round, batched into frames per (peer, lane) and handed to the network in one go. A frame that the network refuses is
// certainly not sent: the forwards inside it are reported, so that their requests can be refused as not done.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "env/network.h"
#include "wire/frame.h"

namespace rift::node {

class Outbox {
 public:
  explicit Outbox(env::Network& network) : network_(network) {}

  void add(NodeId to, env::Lane lane, PartitionId partition, Bytes message, std::uint64_t generation = 0);
  void add_forward(NodeId to, RequestId request, Bytes message);
  // Sends everything; returns the forwards that were not sent.
  std::vector<RequestId> flush(MapEpoch epoch);

  std::uint64_t frames_sent() const { return frames_sent_; }
  std::uint64_t frames_refused() const { return frames_refused_; }

 private:
  struct Queue {
    std::vector<wire::FramePart> parts;
    std::vector<std::pair<std::size_t, RequestId>> forwards;  // position in parts
  };
  void flush_queue(NodeId to, env::Lane lane, Queue& queue, MapEpoch epoch, std::vector<RequestId>& not_sent);

  env::Network& network_;
  std::map<std::pair<NodeId, env::Lane>, Queue> queues_;
  std::uint64_t frames_sent_ = 0;
  std::uint64_t frames_refused_ = 0;
};

}  // namespace rift::node
