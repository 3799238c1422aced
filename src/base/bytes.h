// Bytes: an immutable, reference-counted run of bytes; a slice shares its owner. The one shared_ptr of the data path: an
// entry's payload is encoded once and the same bytes go to the batch, every follower's frame and the applier.
// ByteView: a borrowed run; never outlives what it points into.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace rift {

using ByteView = std::string_view;

class Bytes {
 public:
  Bytes() = default;
  Bytes(std::string text) : Bytes(std::make_shared<const std::string>(std::move(text))) {}
  Bytes(const char* text) : Bytes(std::string(text)) {}
  explicit Bytes(ByteView view) : Bytes(std::string(view)) {}

  ByteView view() const { return view_; }
  operator ByteView() const { return view_; }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  const char* data() const { return view_.data(); }
  std::string to_string() const { return std::string(view_); }

  // False for a slice: keeping it keeps more alive than its size.
  bool is_whole() const { return owner_ == nullptr || owner_->size() == view_.size(); }

  // A part of these bytes that keeps the whole alive. Clamped to the end.
  Bytes slice(std::size_t offset, std::size_t length = std::string_view::npos) const {
    Bytes part;
    part.owner_ = owner_;
    part.view_ = view_.substr(offset < view_.size() ? offset : view_.size(), length);
    return part;
  }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }
  friend auto operator<=>(const Bytes& a, const Bytes& b) { return a.view_ <=> b.view_; }

 private:
  explicit Bytes(std::shared_ptr<const std::string> owner) : owner_(std::move(owner)), view_(*owner_) {}

  std::shared_ptr<const std::string> owner_;
  ByteView view_;
};

}  // namespace rift
