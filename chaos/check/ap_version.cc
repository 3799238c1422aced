#include "chaos/check/ap_version.h"

#include <charconv>

namespace rift::chaos::check {
namespace {

// Takes the number up to the next dot, or to the end, off the text.
bool take(std::string_view& text, int base, std::uint64_t& number) {
  const std::string_view part = text.substr(0, text.find('.'));
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number, base);
  if (part.empty() || error != std::errc() || end != part.data() + part.size()) return false;
  text.remove_prefix(part.size());
  return true;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<ApVersion> parse_ap_version(std::string_view text) {
  ApVersion version;
  if (text.empty()) return version;
  constexpr int hex = 16;
  constexpr int decimal = 10;
  const bool is_one = take(text, hex, version.hlc) && take_dot(text) && take(text, decimal, version.node) &&
                      take_dot(text) && take(text, hex, version.incarnation) && take_dot(text) &&
                      take(text, decimal, version.sequence) && text.empty();
  return is_one ? std::optional(version) : std::nullopt;
}

}  // namespace rift::chaos::check
