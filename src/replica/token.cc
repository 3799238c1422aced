#include "replica/token.h"

#include <charconv>
#include <tuple>

#include <fmt/format.h>

namespace rift {
namespace {

constexpr std::size_t shown_bytes_max = 80;

// It may end on somebody's terminal.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, shown_bytes_max));
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  for (char& c : result) c = is_plain(c) ? c : '?';
  return result;
}

// What stands before the next '-', which goes with it; no '-': all.
std::string_view take_part(std::string_view& text) {
  const std::size_t end = text.find('-');
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

template <class Number>
bool parse_number(std::string_view text, int base, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string token_text(const Version& version) {
  if (version.hlc == 0) return {};
  return fmt::format("{:x}-{}-{:x}-{:x}", version.hlc, version.dot_node.value(), version.dot_incarnation,
                     version.dot_sequence);
}

bool is_newer(const Version& a, const Version& b) {
  const auto order = [](const Version& v) { return std::tuple(v.hlc, v.dot_node, v.dot_incarnation, v.dot_sequence); };
  return order(a) > order(b);
}

Result<Version> parse_token(std::string_view text) {
  Version version;
  NodeId::integer node = 0;
  std::string_view rest = text;
  const bool is_read = parse_number(take_part(rest), 16, version.hlc) && parse_number(take_part(rest), 10, node) &&
                       parse_number(take_part(rest), 16, version.dot_incarnation) &&
                       parse_number(take_part(rest), 16, version.dot_sequence);
  version.dot_node = NodeId(node);
  // Whatever else reads as these numbers, a sign or zeros in front, was not given out.
  if (is_read && node != 0 && version.dot_sequence != 0 && token_text(version) == text) return version;
  return fail(
      Code::invalid,
      fmt::format("'{}' is no read token: pass on what an answer of an ap keyspace shows as its token", shown(text)));
}

}  // namespace rift
