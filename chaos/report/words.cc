#include "chaos/report/words.h"

#include <cmath>

#include <fmt/core.h>

namespace rift::chaos::report {

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string percent(double ratio) {
  const double tenths = std::floor(ratio * 1000 + 1e-9);
  return tenths == 0 || tenths == 1000 ? fmt::format("{:.0f} %", tenths / 10) : fmt::format("{:.1f} %", tenths / 10);
}

std::string in_seconds(Duration duration) {
  const double seconds = to_seconds(duration);
  return seconds > 0 && seconds < 0.1 ? fmt::format("{:.0f} ms", std::ceil(seconds * 1000))
                                      : fmt::format("{:.1f} s", seconds);
}

// The copies of each key are compared while somebody watches, the digests once at the end: the end may be the first to see them equal.
std::string agreement(const check::Measured& measured) {
  if (measured.convergence.took) return in_seconds(*measured.convergence.took);
  return measured.digests_equal ? "at the end" : "never";
}

std::string yes_no(check::Linearizable answer) {
  switch (answer) {
    case check::Linearizable::yes:
      return "yes";
    case check::Linearizable::no:
      return "no";
    case check::Linearizable::inconclusive:
      return "undecided";
  }
  return "undecided";
}

std::string lost_count(const check::Measured& measured) {
  return measured.has_final_state ? grouped(measured.lost.lost.size()) : "not known";
}

std::string_view mode_label(Mode mode) {
  switch (mode) {
    case Mode::cp:
      return "CP";
    case Mode::ap:
      return "AP";
  }
  return "";
}

std::string escaped(std::string_view text, std::size_t bytes_max) {
  std::string out;
  const bool is_cut = text.size() > bytes_max;
  text = text.substr(0, bytes_max);
  // Not in the middle of a character.
  while (is_cut && !text.empty() && (static_cast<unsigned char>(text.back()) & 0x80U) != 0) text.remove_suffix(1);
  for (char symbol : text) {
    switch (symbol) {
      case '&':
        out += "&amp;";
        continue;
      case '<':
        out += "&lt;";
        continue;
      case '>':
        out += "&gt;";
        continue;
      case '"':
        out += "&quot;";
        continue;
      case '\'':
        out += "&#39;";
        continue;
      default:
        break;
    }
    if (static_cast<unsigned char>(symbol) < 0x20 || symbol == 0x7F) {
      out += "\xEF\xBF\xBD";
    } else {
      out += symbol;
    }
  }
  return is_cut ? out + "\xE2\x80\xA6" : out;
}

}  // namespace rift::chaos::report
