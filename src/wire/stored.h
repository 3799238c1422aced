// Values on disk: the format byte, then a message, with or without a crc of its own. Internal to wire.
#pragma once

#include "wire/checksum.h"
#include "wire/proto_parser.h"
#include "wire/records.h"

namespace rift::wire::proto {

constexpr char format_byte = static_cast<char>(record_format);

inline Result<ByteView> after_format(ByteView data, const char* what) {
  if (data.empty() || data[0] != format_byte) return fail(Code::corruption, std::string(what) + ": unknown format");
  return data.substr(1);
}

template <class M>
Bytes store(const M& message) {
  return Bytes(serialize(message, ByteView(&format_byte, 1)));
}

template <class M>
Result<M> load(ByteView data, const Bytes* owner, const char* what) {
  const ByteView content = TRY(after_format(data, what));
  return parse<M>(content, owner, what);
}

template <class M>
Bytes store_checked(const M& message) {
  return Bytes(serialize_checked(message, ByteView(&format_byte, 1)));
}

template <class M>
Result<M> load_checked(ByteView data, const Bytes* owner, const char* what) {
  const ByteView checked = TRY(after_format(data, what));
  const ByteView content = TRY(checked_content(checked, what));
  return parse<M>(content, owner, what);
}

}  // namespace rift::wire::proto
