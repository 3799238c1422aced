// A crash between any two steps of carrying out a Turn: each outside effect of a node (a frame, a batch, a sync, a reply) is one step. Once the
// fuse has burnt, nothing that the node still does in its last moments has an effect; its owner then takes it down.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace rift::chaos::sim {

class Fuse {
 public:
  // Burns before the (steps + 1)-th step from now; `burnt` is called once, then.
  void light(std::uint32_t steps, std::function<void()> burnt) {
    left_ = steps;
    burnt_ = std::move(burnt);
  }
  void renew() {
    left_.reset();
    is_burnt_ = false;
  }
  // False: the node is dead, the step does not happen.
  bool step() {
    if (is_burnt_) return false;
    if (!left_) return true;
    if (*left_ > 0) {
      --*left_;
      return true;
    }
    is_burnt_ = true;
    burnt_();
    return false;
  }
  bool is_burnt() const { return is_burnt_; }

 private:
  std::optional<std::uint32_t> left_;
  std::function<void()> burnt_;
  bool is_burnt_ = false;
};

}  // namespace rift::chaos::sim
