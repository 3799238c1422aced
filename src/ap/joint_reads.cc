#include "ap/joint_reads.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/node_list.h"

namespace rift::ap {

void JointReads::begin(std::uint64_t joint, const Request& request) {
  Joint& made = joints_[joint];
  made.request = request.id;
  made.left = request.operands->then_steps.size();
  made.items.resize(made.left);
  for (std::size_t i = 0; i < made.left; ++i) made.items[i].key = request.operands->then_steps[i].key;
}

void JointReads::weaken(std::optional<Receipt>& whole, const Receipt& part) {
  if (!whole) {
    whole = part;
    return;
  }
  if (is_weaker(part.reached, whole->reached)) whole->reached = part.reached;
  std::erase_if(whole->acknowledged_by, [&](NodeId node) { return !holds(part.acknowledged_by, node); });
  std::erase_if(whole->stand_ins, [&](NodeId node) { return !holds(part.stand_ins, node); });
  whole->degraded = whole->degraded || part.degraded;
  whole->read_path = std::max(whole->read_path, part.read_path);
}

void JointReads::gather(std::uint64_t joint, std::size_t place, Response response, bool wait_for_disk, Turn& turn) {
  const auto found = joints_.find(joint);
  if (found == joints_.end()) return;  // cancelled
  Joint& all = found->second;
  all.wait_for_disk = all.wait_for_disk || wait_for_disk;
  if (response.outcome == Outcome::done) {
    Item& item = all.items[place];
    item.found = response.found;
    item.version = response.version;
    all.bytes += item.key.size() + response.value.size();
    if (all.bytes <= bytes_max) item.value = std::move(response.value);
    weaken(all.receipt, response.receipt);
  } else if (!all.failed) {
    response.why = fmt::format("key {} of {}: {}", place + 1, all.items.size(), response.why);
    all.failed = std::move(response);
  }
  if (--all.left > 0) return;
  Joint ended = std::move(all);
  joints_.erase(found);
  const bool waits = ended.wait_for_disk;
  waits ? turn.reply_when_durable(whole_of(std::move(ended))) : turn.reply_when_stored(whole_of(std::move(ended)));
}

Response JointReads::whole_of(Joint joint) {
  if (joint.failed) {
    joint.failed->id = joint.request;
    return std::move(*joint.failed);
  }
  if (joint.bytes > bytes_max) {
    return refuse(joint.request, Code::too_large, fmt::format("together the values exceed {} bytes", bytes_max),
                  "ask for fewer keys at once");
  }
  Response response;
  response.id = joint.request;
  response.receipt = std::move(*joint.receipt);
  response.results.emplace().items = std::move(joint.items);
  return response;
}

void JointReads::cancel(RequestId request) {
  std::erase_if(joints_, [request](const auto& entry) { return entry.second.request == request; });
}

}  // namespace rift::ap
