#include "cli/json_parts.h"

#include <algorithm>
#include <string_view>

#include <nlohmann/json.hpp>

namespace rift::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view base64_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    const std::size_t letters = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t j = 0; j < 4; ++j) {
      text += j < letters ? base64_letters[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return text;
}

bool is_utf8(const std::string& bytes) {
  try {
    (void)json(bytes).dump();
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

}  // namespace

json json_number(std::uint64_t value) { return std::to_string(value); }

json json_moment(WallTime at) {
  if (at == WallTime()) return nullptr;
  return json_number(static_cast<std::uint64_t>(at.time_since_epoch().count()));
}

json json_nodes(const std::vector<NodeId>& nodes) {
  json value = json::array();
  for (const NodeId node : nodes) value.push_back(node.value());
  return value;
}

json json_version(const Version& version) {
  return {{"create_revision", json_number(version.create_revision.value())},
          {"modify_revision", json_number(version.modify_revision.value())},
          {"version", json_number(version.version)},
          {"hlc", json_number(version.hlc)},
          {"dot_node", version.dot_node.value()},
          {"dot_incarnation", json_number(version.dot_incarnation)},
          {"dot_sequence", json_number(version.dot_sequence)}};
}

void put_bytes(json& object, const std::string& name, ByteView bytes) {
  const std::string text(bytes);
  if (is_utf8(text)) {
    object[name] = text;
  } else {
    object[name + "_base64"] = base64(bytes);
  }
}

}  // namespace rift::cli
