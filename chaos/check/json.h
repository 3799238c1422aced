// A small JSON writer and a scanner over one JSON text, for histories and results. Not a document model: nothing is kept, so a
// line of history costs a microsecond. Strings that are not UTF-8 are written with U+FFFD in place of each bad byte. The scanner
// meets text from outside: it never reads past the end, bounds its depth, and says no rather than guess. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rift::chaos::check {

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view text);
  JsonWriter& number(std::uint64_t value);
  JsonWriter& number(std::int64_t value);
  JsonWriter& ratio(double value);               // four digits after the point; not a number becomes null
  JsonWriter& number_text(std::uint64_t value);  // "123": 64-bit numbers outlive readers that only know doubles
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  std::string take();

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  std::string text_;
  bool needs_comma_ = false;
};

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  // Each returns false and leaves the scanner useless if the text does not go on that way.
  bool take(char symbol);  // after white space
  bool peek(char symbol);  // the same, without taking it
  bool take_null();
  std::optional<std::string> string();
  std::optional<std::int64_t> integer();
  bool skip_value();  // any value, nested at most depth_max deep
  bool at_end();

 private:
  static constexpr int depth_max = 32;
  void skip_space();
  bool take_word(std::string_view word);
  bool take_escape(std::string& out);
  std::optional<std::uint32_t> hex4();
  bool skip_value(int depth);
  bool skip_members(char end, bool has_keys, int depth);
  bool skip_number();
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace rift::chaos::check
