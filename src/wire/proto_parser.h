// The reading half of proto_codec.h: hostile bytes in, a message or the reason why not. Allocates in proportion to bytes that are present,
// never to a length that is claimed. Internal to wire.
#pragma once

#include "base/result.h"
#include "wire/enums.h"
#include "wire/proto_codec.h"

namespace rift::wire::proto {

// Zeroes every field, so that no default of the struct leaks into a parsed message.
class Reset {
 public:
  template <class T>
  void scalar(unsigned, T& value) {
    value = T{};
  }
  template <class T>
  void fixed(unsigned, T& value) {
    value = T{};
  }
  template <class T>
  void enumeration(unsigned, T& value) {
    value = T{};
  }
  template <class T>
  void maybe(unsigned, std::optional<T>& value) {
    value.reset();
  }
  template <class T>
  void bytes(unsigned, T& value) {
    value = T{};
  }
  template <class T>
  void required(unsigned, T& value) {
    value = T{};
  }
  template <class T>
  void packed(unsigned, std::vector<T>& values) {
    values.clear();
  }
  template <class M>
  void message(unsigned, M& value) {
    describe(*this, value);
  }
  template <class Maybe>
  void maybe_message(unsigned, Maybe& value) {
    value.reset();
  }
  template <class M>
  void messages(unsigned, std::vector<M>& values, std::size_t) {
    values.clear();
  }
};

// Looks for an enumeration out of range and a required field that is missing. Nested messages were checked when they were parsed, except
// those that never came.
class Check {
 public:
  unsigned bad_field() const { return bad_field_; }  // 0: all good

  template <class T>
  void scalar(unsigned, const T&) {}
  template <class T>
  void fixed(unsigned, const T&) {}
  template <class T>
  void enumeration(unsigned number, const T& value) {
    expect(number, is_valid(value));
  }
  template <class T>
  void maybe(unsigned, const std::optional<T>&) {}
  void bytes(unsigned, ByteView) {}
  template <class T>
  void required(unsigned number, const T& value) {
    if constexpr (std::convertible_to<T, ByteView>) {
      expect(number, !value.empty());
    } else {
      expect(number, Scalar<T>::to(value) != 0);
    }
  }
  template <class T>
  void packed(unsigned, const std::vector<T>&) {}
  template <class M>
  void message(unsigned number, const M& value) {
    Check nested;
    describe(nested, value);
    expect(number, nested.bad_field() == 0);
  }
  template <class Maybe>
  void maybe_message(unsigned, const Maybe&) {}
  template <class M>
  void messages(unsigned, const std::vector<M>&, std::size_t) {}

 private:
  void expect(unsigned number, bool good) {
    if (!good && bad_field_ == 0) bad_field_ = number;
  }
  unsigned bad_field_ = 0;
};

template <class M>
const char* parse_into(ByteView data, const Bytes* owner, M& value);

class Parser {
 public:
  // Byte fields are slices of `owner` where there is one (data lies inside it), copies otherwise.
  Parser(ByteView data, const Bytes* owner) : data_(data), owner_(owner) {}

  const char* why() const { return why_; }  // null: all good so far
  unsigned number() const { return number_; }
  const Bytes* owner() const { return owner_; }

  // Stands on the next field; false at the end or on an error.
  bool next() {
    if (why_ != nullptr || at_ == data_.size()) return false;
    const std::uint64_t tag = varint();
    number_ = static_cast<unsigned>(tag >> 3);
    type_ = static_cast<WireType>(tag & 7U);
    if (tag > UINT32_MAX || number_ == 0) stop("malformed tag");
    taken_ = false;
    return why_ == nullptr;
  }
  bool taken() const { return taken_; }
  void stop(const char* why) {
    if (why_ == nullptr) why_ = why;
  }

  template <class T>
  void scalar(unsigned number, T& value) {
    if (once(number, WireType::varint) && !Scalar<T>::from(varint(), value)) stop("number out of range");
  }
  template <class T>
  void fixed(unsigned number, T& value) {
    if (once(number, WireType::fixed64)) Scalar<T>::from(fixed64(), value);
  }
  template <class T>
  void enumeration(unsigned number, T& value) {
    if (!once(number, WireType::varint)) return;
    const std::uint64_t bits = varint();
    if (bits > UINT8_MAX) stop("enumeration out of range");
    value = static_cast<T>(bits);
  }
  template <class T>
  void maybe(unsigned number, std::optional<T>& value) {
    if (once(number, WireType::varint) && !Scalar<T>::from(varint(), value.emplace())) stop("number out of range");
  }
  void bytes(unsigned number, Bytes& value) {
    if (once(number, WireType::delimited)) value = own(delimited());
  }
  void bytes(unsigned number, std::string& value) {
    if (once(number, WireType::delimited)) value.assign(delimited());
  }
  template <class T>
  void required(unsigned number, T& value) {
    if constexpr (std::convertible_to<T, ByteView>) {
      bytes(number, value);
    } else {
      scalar(number, value);
    }
  }
  template <class T>
  void packed(unsigned number, std::vector<T>& values) {
    if (!once(number, WireType::delimited)) return;
    Parser inner(delimited(), nullptr);
    while (inner.why_ == nullptr && inner.at_ < inner.data_.size()) {
      if (!Scalar<T>::from(inner.varint(), values.emplace_back())) inner.stop("number out of range");
    }
    if (inner.why_ != nullptr) stop(inner.why_);
  }
  template <class M>
  void message(unsigned number, M& value) {
    if (once(number, WireType::delimited)) nested(value);
  }
  template <class Maybe>
  void maybe_message(unsigned number, Maybe& value) {
    if (once(number, WireType::delimited)) nested(value.emplace());
  }
  template <class M>
  void messages(unsigned number, std::vector<M>& values, std::size_t most) {
    if (!take(number, WireType::delimited)) return;
    if (values.size() >= most) return stop("too many elements");
    nested(values.emplace_back());
  }

  // The current field's bytes: for a caller that decides by number().
  ByteView delimited_field() { return take(number_, WireType::delimited) ? delimited() : ByteView(); }

 private:
  bool take(unsigned number, WireType type) {
    if (number != number_ || taken_ || why_ != nullptr) return false;
    taken_ = true;
    if (type != type_) stop("wrong wire type");
    return why_ == nullptr;
  }
  bool once(unsigned number, WireType type) {
    if (!take(number, type)) return false;
    const std::uint64_t bit = std::uint64_t{1} << (number & 63U);
    if ((seen_ & bit) != 0) stop("field repeated");
    seen_ |= bit;
    return why_ == nullptr;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == data_.size()) break;
      const auto byte = static_cast<std::uint8_t>(data_[at_++]);
      if (shift == 63 && byte > 1) break;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    stop("malformed varint");
    return 0;
  }
  std::uint64_t fixed64() {
    if (data_.size() - at_ < 8) {
      stop("truncated");
      return 0;
    }
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) value |= std::uint64_t{static_cast<std::uint8_t>(data_[at_ + i])} << (8 * i);
    at_ += 8;
    return value;
  }
  ByteView delimited() {
    const std::uint64_t size = varint();
    if (size > data_.size() - at_) stop("truncated");
    if (why_ != nullptr) return {};
    const ByteView taken = data_.substr(at_, size);
    at_ += size;
    return taken;
  }
  Bytes own(ByteView view) const {
    if (view.empty()) return {};
    if (owner_ == nullptr) return Bytes(view);
    return owner_->slice(static_cast<std::size_t>(view.data() - owner_->data()), view.size());
  }
  template <class M>
  void nested(M& value) {
    if (const char* why = parse_into(delimited(), owner_, value); why != nullptr) stop(why);
  }
  ByteView data_;
  const Bytes* owner_;
  std::size_t at_ = 0;
  std::uint64_t seen_ = 0;
  const char* why_ = nullptr;
  unsigned number_ = 0;
  WireType type_ = WireType::varint;
  bool taken_ = false;
};

// Null, or why `data` is not an M; then `value` is to be thrown away.
template <class M>
const char* parse_into(ByteView data, const Bytes* owner, M& value) {
  Reset reset;
  describe(reset, value);
  Parser parser(data, owner);
  while (parser.next()) {
    describe(parser, value);
    if (!parser.taken()) return "unknown field";
  }
  if (parser.why() != nullptr) return parser.why();
  Check check;
  describe(check, value);
  return check.bad_field() == 0 ? nullptr : "a field is missing or out of range";
}

template <class M>
Result<M> parse(ByteView data, const Bytes* owner, const char* what) {
  M value;
  if (const char* why = parse_into(data, owner, value); why != nullptr) {
    return fail(Code::corruption, std::string(what) + ": " + why);
  }
  return value;
}

}  // namespace rift::wire::proto
