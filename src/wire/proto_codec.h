// The protobuf encoding, written by hand: exact size, one allocation, byte fields sliced instead of copied. A message is described once, by a
// function template describe(io, message) that names each field with its number; size, bytes, parsing and checking are four kinds of `io`
// over the same description. proto/riftkv/internal/*.proto is the same description for people and the oracle of the tests. Stricter than
// protobuf: an unknown, repeated or missing field is refused, because a node that skips what it cannot read does something else than it
// was told. Internal to wire; pure, any thread.
#pragma once

#include <array>
#include <concepts>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "wire/proto_scalar.h"

namespace rift::wire::proto {

template <class M, class T>
concept Is = std::same_as<std::remove_const_t<M>, T>;

// What a description says; Sizer, Writer, Parser, Reset and Check all understand it:
//   scalar(n, x)         integer, bool, id, time, Hlc as varint; zero is not written
//   fixed(n, x)          the same in 8 bytes: for numbers that use all their bits
//   enumeration(n, x)    varint; is_valid(x) must hold after parsing, also when the field is absent
//   maybe(n, x)          std::optional of a scalar
//   bytes(n, x)          Bytes or std::string; empty is not written
//   required(n, x)       scalar or bytes; zero, empty or absent is refused
//   packed(n, v)         vector of scalars
//   message(n, m)        nested; not written when all its fields are zero
//   maybe_message(n, o)  std::optional or Boxed of a nested message
//   messages(n, v, max)  vector of nested messages

class Sizer {
 public:
  std::size_t size() const { return size_; }

  template <class T>
  void scalar(unsigned number, const T& value) {
    if (const auto bits = Scalar<T>::to(value); bits != 0) size_ += tag_size(number) + varint_size(bits);
  }
  template <class T>
  void fixed(unsigned number, const T& value) {
    if (Scalar<T>::to(value) != 0) size_ += tag_size(number) + 8;
  }
  template <class T>
  void enumeration(unsigned number, const T& value) {
    if (value != T{}) size_ += tag_size(number) + varint_size(static_cast<std::uint64_t>(value));
  }
  template <class T>
  void maybe(unsigned number, const std::optional<T>& value) {
    if (value) size_ += tag_size(number) + varint_size(Scalar<T>::to(*value));
  }
  void bytes(unsigned number, ByteView value) {
    if (!value.empty()) size_ += tag_size(number) + varint_size(value.size()) + value.size();
  }
  template <class T>
  void required(unsigned number, const T& value) {
    if constexpr (std::convertible_to<T, ByteView>) {
      bytes(number, value);
    } else {
      scalar(number, value);
    }
  }
  template <class T>
  void packed(unsigned number, const std::vector<T>& values) {
    if (!values.empty()) add_delimited(number, packed_size(values));
  }
  template <class M>
  void message(unsigned number, const M& value) {
    if (const std::size_t size = size_of(value); size != 0) add_delimited(number, size);
  }
  template <class Maybe>
  void maybe_message(unsigned number, const Maybe& value) {
    if (value) add_delimited(number, size_of(*value));
  }
  template <class M>
  void messages(unsigned number, const std::vector<M>& values, std::size_t) {
    for (const M& value : values) add_delimited(number, size_of(value));
  }

  template <class M>
  static std::size_t size_of(const M& value) {
    Sizer sizer;
    describe(sizer, value);
    return sizer.size();
  }
  template <class T>
  static std::size_t packed_size(const std::vector<T>& values) {
    std::size_t size = 0;
    for (const T& value : values) size += varint_size(Scalar<T>::to(value));
    return size;
  }

 private:
  void add_delimited(unsigned number, std::size_t size) { size_ += tag_size(number) + varint_size(size) + size; }
  std::size_t size_ = 0;
};

// Writes into a buffer whose size a Sizer has found.
class Writer {
 public:
  explicit Writer(char* out) : out_(out) {}
  const char* position() const { return out_; }

  void raw(ByteView value) {
    if (value.empty()) return;
    std::memcpy(out_, value.data(), value.size());
    out_ += value.size();
  }
  void header(unsigned number, std::size_t size) {
    tag(number, WireType::delimited);
    varint(size);
  }

  template <class T>
  void scalar(unsigned number, const T& value) {
    const auto bits = Scalar<T>::to(value);
    if (bits == 0) return;
    tag(number, WireType::varint);
    varint(bits);
  }
  template <class T>
  void fixed(unsigned number, const T& value) {
    const auto bits = Scalar<T>::to(value);
    if (bits == 0) return;
    tag(number, WireType::fixed64);
    for (unsigned shift = 0; shift < 64; shift += 8) *out_++ = static_cast<char>((bits >> shift) & 0xffU);
  }
  template <class T>
  void enumeration(unsigned number, const T& value) {
    scalar(number, static_cast<std::uint64_t>(value));
  }
  template <class T>
  void maybe(unsigned number, const std::optional<T>& value) {
    if (!value) return;
    tag(number, WireType::varint);
    varint(Scalar<T>::to(*value));
  }
  void bytes(unsigned number, ByteView value) {
    if (value.empty()) return;
    header(number, value.size());
    raw(value);
  }
  template <class T>
  void required(unsigned number, const T& value) {
    if constexpr (std::convertible_to<T, ByteView>) {
      bytes(number, value);
    } else {
      scalar(number, value);
    }
  }
  template <class T>
  void packed(unsigned number, const std::vector<T>& values) {
    if (values.empty()) return;
    header(number, Sizer::packed_size(values));
    for (const T& value : values) varint(Scalar<T>::to(value));
  }
  template <class M>
  void message(unsigned number, const M& value) {
    if (const std::size_t size = Sizer::size_of(value); size != 0) nested(number, size, value);
  }
  template <class Maybe>
  void maybe_message(unsigned number, const Maybe& value) {
    if (value) nested(number, Sizer::size_of(*value), *value);
  }
  template <class M>
  void messages(unsigned number, const std::vector<M>& values, std::size_t) {
    for (const M& value : values) nested(number, Sizer::size_of(value), value);
  }

 private:
  template <class M>
  void nested(unsigned number, std::size_t size, const M& value) {
    header(number, size);
    describe(*this, value);
  }
  void tag(unsigned number, WireType type) { varint((number << 3) | static_cast<unsigned>(type)); }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      *out_++ = static_cast<char>((value & 0x7fU) | 0x80U);
      value >>= 7;
    }
    *out_++ = static_cast<char>(value);
  }

  char* out_;
};

// A message's bytes with `prefix` in front.
template <class M>
std::string serialize(const M& message, ByteView prefix = {}) {
  std::string out(prefix.size() + Sizer::size_of(message), '\0');
  Writer writer(out.data());
  writer.raw(prefix);
  describe(writer, message);
  ASSERT(writer.position() == out.data() + out.size());
  return out;
}

}  // namespace rift::wire::proto
