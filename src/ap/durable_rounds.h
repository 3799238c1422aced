// Which of a replica's recent writes are on disk. Each verb that writes is a round; its end sends a marker to oneself, when durable, and the
// marker's return says that the round and all before it are on disk. Keys are remembered by hash in a fixed table: two keys that share
// a slot only wait for each other. Used by the parts of one ap replica.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace rift::ap {

class DurableRounds {
 public:
  // The round being written; it will be marked.
  std::uint64_t current() {
    used_ = true;
    return round_;
  }
  void wrote(std::uint64_t key_hash) { slots_[key_hash % slots_.size()] = current(); }
  // The last round that may have written the key.
  std::uint64_t round_of(std::uint64_t key_hash) const { return slots_[key_hash % slots_.size()]; }
  bool durable(std::uint64_t round) const { return round <= durable_; }

  // At the end of a verb: the round to mark, if there was anything to wait for.
  std::optional<std::uint64_t> close() {
    if (!std::exchange(used_, false)) return std::nullopt;
    return round_++;
  }
  void on_marker(std::uint64_t round) { durable_ = round > durable_ && round < round_ ? round : durable_; }

 private:
  std::uint64_t round_ = 1;
  std::uint64_t durable_ = 0;
  bool used_ = false;
  std::array<std::uint64_t, 512> slots_{};
};

}  // namespace rift::ap
