#include "chaos/check/json.h"

#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/core.h>

namespace rift::chaos::check {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `text`, or 0 (RFC 3629: no overlong forms, no surrogates).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto is_tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0U) == 0x80U; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return is_tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    return first == 0xED && byte(1) >= 0xA0 ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    return first == 0xF4 && byte(1) >= 0x90 ? 0 : 4;
  }
  return 0;
}

void append_escaped(std::string& out, char symbol) {
  switch (symbol) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (static_cast<unsigned char>(symbol) < 0x20) {
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(symbol));
    return;
  }
  out += symbol;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) return put(0xC0 | (point >> 6)), put(0x80 | (point & 0x3F));
  if (point < 0x10000) return put(0xE0 | (point >> 12)), put(0x80 | ((point >> 6) & 0x3F)), put(0x80 | (point & 0x3F));
  put(0xF0 | (point >> 18)), put(0x80 | ((point >> 12) & 0x3F)), put(0x80 | ((point >> 6) & 0x3F)),
      put(0x80 | (point & 0x3F));
}

bool is_digit(char symbol) { return symbol >= '0' && symbol <= '9'; }

}  // namespace

void JsonWriter::separate() {
  if (needs_comma_) text_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  text_ += bracket;
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  string(name);
  text_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  separate();
  text_ += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) text_ += "\xEF\xBF\xBD";
    if (length == 1) append_escaped(text_, text[0]);
    if (length > 1) text_ += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
  separate();
  text_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
  separate();
  text_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::ratio(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  text_ += fmt::format("{:.4f}", value);
  return *this;
}

JsonWriter& JsonWriter::number_text(std::uint64_t value) { return string(std::to_string(value)); }

JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  text_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::null() {
  separate();
  text_ += "null";
  return *this;
}

std::string JsonWriter::take() {
  needs_comma_ = false;
  return std::exchange(text_, {});
}

void JsonScanner::skip_space() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n'))
    ++at_;
}

bool JsonScanner::peek(char symbol) {
  skip_space();
  return at_ < text_.size() && text_[at_] == symbol;
}

bool JsonScanner::take(char symbol) {
  if (!peek(symbol)) return false;
  ++at_;
  return true;
}

bool JsonScanner::take_word(std::string_view word) {
  skip_space();
  if (text_.substr(at_, word.size()) != word) return false;
  at_ += word.size();
  return true;
}

bool JsonScanner::take_null() { return take_word("null"); }

bool JsonScanner::at_end() {
  skip_space();
  return at_ == text_.size();
}

std::optional<std::uint32_t> JsonScanner::hex4() {
  std::uint32_t value = 0;
  if (text_.size() - at_ < 4) return std::nullopt;
  const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, value, 16);
  if (error != std::errc{} || end != text_.data() + at_ + 4) return std::nullopt;
  at_ += 4;
  return value;
}

bool JsonScanner::take_escape(std::string& out) {
  if (at_ == text_.size()) return false;
  const char symbol = text_[at_++];
  constexpr std::string_view plain_from = "\"\\/bfnrt";
  constexpr std::string_view plain_to = "\"\\/\b\f\n\r\t";
  if (const auto at = plain_from.find(symbol); at != std::string_view::npos) {
    out += plain_to[at];
    return true;
  }
  if (symbol != 'u') return false;
  auto point = hex4();
  if (!point) return false;
  if (*point >= 0xDC00 && *point <= 0xDFFF) return false;
  if (*point >= 0xD800 && *point <= 0xDBFF) {
    if (text_.substr(at_, 2) != "\\u") return false;
    at_ += 2;
    const auto low = hex4();
    if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
    point = 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00);
  }
  append_utf8(out, *point);
  return true;
}

std::optional<std::string> JsonScanner::string() {
  if (!take('"')) return std::nullopt;
  std::string out;
  while (at_ < text_.size()) {
    const std::size_t length = utf8_length(text_.substr(at_));
    if (length == 0) return std::nullopt;
    const char symbol = text_[at_];
    if (symbol == '"') {
      ++at_;
      return out;
    }
    if (static_cast<unsigned char>(symbol) < 0x20) return std::nullopt;
    if (symbol == '\\') {
      ++at_;
      if (!take_escape(out)) return std::nullopt;
      continue;
    }
    out += text_.substr(at_, length);
    at_ += length;
  }
  return std::nullopt;
}

std::optional<std::int64_t> JsonScanner::integer() {
  skip_space();
  std::int64_t value = 0;
  const char* begin = text_.data() + at_;
  const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
  if (error != std::errc{}) return std::nullopt;
  at_ += static_cast<std::size_t>(end - begin);
  return value;
}

bool JsonScanner::skip_number() {
  skip_space();
  if (at_ < text_.size() && text_[at_] == '-') ++at_;
  const std::size_t begin = at_;
  while (at_ < text_.size() &&
         (is_digit(text_[at_]) || std::string_view(".eE+-").find(text_[at_]) != std::string_view::npos))
    ++at_;
  return at_ > begin && is_digit(text_[begin]);
}

bool JsonScanner::skip_members(char end, bool has_keys, int depth) {
  if (take(end)) return true;
  do {
    if (has_keys && (!string() || !take(':'))) return false;
    if (!skip_value(depth + 1)) return false;
  } while (take(','));
  return take(end);
}

bool JsonScanner::skip_value() { return skip_value(0); }

bool JsonScanner::skip_value(int depth) {
  if (depth > depth_max) return false;
  if (peek('"')) return string().has_value();
  if (take('{')) return skip_members('}', true, depth);
  if (take('[')) return skip_members(']', false, depth);
  return take_word("true") || take_word("false") || take_null() || skip_number();
}

}  // namespace rift::chaos::check
