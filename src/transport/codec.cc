#include "transport/codec.h"

#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

#include "base/limits.h"

namespace rift::transport {
namespace {

constexpr char frame_tag = 0x0a;                // field 1, length-delimited
constexpr std::size_t shared_bytes_min = 4096;  // smaller frames are cheaper to copy than to share

void put_varint(std::string& out, std::size_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Lent to gRPC, which gives it back on a thread of its own. The flag orders the two threads also for tsan, which does not see into gRPC.
struct Lent {
  explicit Lent(const Bytes& frame) : bytes(frame) { ready.store(true, std::memory_order_release); }
  Bytes bytes;
  std::atomic<bool> ready{false};
};

// A slice that keeps the frame's bytes alive until gRPC has sent them.
grpc::Slice share(const Bytes& frame) {
  Lent* lent = std::make_unique<Lent>(frame).release();
  const auto give_back = [](void* held) {
    const std::unique_ptr<Lent> taken(static_cast<Lent*>(held));
    ASSERT(taken->ready.load(std::memory_order_acquire));
  };
  return grpc::Slice(const_cast<char*>(frame.data()), frame.size(), give_back, lent);
}

// Reads across the slices of a message.
class Cursor {
 public:
  explicit Cursor(const std::vector<grpc::Slice>& slices) : slices_(slices) { skip_empty(); }

  bool at_end() const { return slice_ == slices_.size(); }

  // Appends `size` bytes to an empty `out`; false when the message ends before.
  bool read(std::size_t size, std::string& out) {
    out.reserve(size);  // bounded by the caller
    while (out.size() < size && !at_end()) {
      const grpc::Slice& slice = slices_[slice_];
      const std::size_t take = std::min(size - out.size(), slice.size() - offset_);
      out.append(reinterpret_cast<const char*>(slice.begin()) + offset_, take);
      offset_ += take;
      skip_empty();
    }
    return out.size() == size;
  }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35 && !at_end(); shift += 7) {
      const auto byte = static_cast<std::uint64_t>(slices_[slice_].begin()[offset_++]);
      skip_empty();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

 private:
  void skip_empty() {
    while (slice_ < slices_.size() && offset_ == slices_[slice_].size()) {
      ++slice_;
      offset_ = 0;
    }
  }
  const std::vector<grpc::Slice>& slices_;
  std::size_t slice_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace

grpc::ByteBuffer encode_frames(std::span<const Bytes> frames) {
  std::vector<grpc::Slice> slices;
  std::string copied;
  for (const Bytes& frame : frames) {
    copied.push_back(frame_tag);
    put_varint(copied, frame.size());
    if (frame.size() < shared_bytes_min) {
      copied.append(frame.view());
      continue;
    }
    slices.emplace_back(copied);
    copied.clear();
    slices.push_back(share(frame));
  }
  if (!copied.empty() || slices.empty()) slices.emplace_back(copied);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

Result<std::vector<Bytes>> decode_frames(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  if (!message.Dump(&slices).ok()) return fail(Code::invalid, "a message that cannot be read");
  std::vector<Bytes> frames;
  Cursor cursor(slices);
  while (!cursor.at_end()) {
    if (cursor.varint() != std::uint64_t{frame_tag}) return fail(Code::invalid, "a field that is no frame");
    const auto size = cursor.varint();
    if (!size) return fail(Code::invalid, "a frame without a length");
    if (*size == 0) return fail(Code::invalid, "an empty frame");
    if (*size > limits::frame_bytes_max) return fail(Code::invalid, "a frame of " + std::to_string(*size) + " bytes");
    std::string frame;
    if (!cursor.read(*size, frame)) return fail(Code::invalid, "a frame that ends early");
    frames.emplace_back(std::move(frame));
  }
  return frames;
}

}  // namespace rift::transport
