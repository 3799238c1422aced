// Checks a JSON value against the part of JSON Schema that docs/schemas uses: type, const, enum, required, properties,
// additionalProperties, items, prefixItems, minItems, maxItems, pattern, oneOf, $ref into $defs. An unknown keyword is an error,
// so that a schema cannot ask for something that is silently not checked.
#pragma once

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace rift::test {

class JsonSchema {
 public:
  explicit JsonSchema(nlohmann::json schema) : root_(std::move(schema)) {}

  // "" if `value` fits, else where it does not and why.
  std::string check(const nlohmann::json& value) const { return check(root_, value, "$"); }

 private:
  using Json = nlohmann::json;

  static bool is_type(const std::string& type, const Json& v) {
    if (type == "object") return v.is_object();
    if (type == "array") return v.is_array();
    if (type == "string") return v.is_string();
    if (type == "integer") return v.is_number_integer();
    if (type == "number") return v.is_number();
    if (type == "boolean") return v.is_boolean();
    return type == "null" && v.is_null();
  }

  std::string check(const Json& schema, const Json& v, const std::string& at) const {
    if (schema.contains("$ref")) {
      return check(root_.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))), v, at);
    }
    for (const auto& [keyword, rule] : schema.items()) {
      const std::string wrong = check_keyword(schema, keyword, rule, v, at);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  std::string check_keyword(const Json& schema, const std::string& keyword, const Json& rule, const Json& v,
                            const std::string& at) const {
    static const std::set<std::string> notes = {"$schema", "$id", "$defs", "title", "description"};
    if (notes.contains(keyword)) return {};
    if (keyword == "type") {
      const Json types = rule.is_array() ? rule : Json::array({rule});
      const bool fits = std::any_of(types.begin(), types.end(), [&](const Json& type) { return is_type(type, v); });
      return fits ? "" : at + ": not of type " + rule.dump();
    }
    if (keyword == "const") return v == rule ? "" : at + ": is not " + rule.dump();
    if (keyword == "enum")
      return std::find(rule.begin(), rule.end(), v) != rule.end() ? ""
                                                                  : at + ": " + v.dump() + " is none of " + rule.dump();
    if (keyword == "pattern")
      return !v.is_string() || std::regex_search(v.get<std::string>(), std::regex(rule.get<std::string>()))
                 ? ""
                 : at + ": " + v.dump() + " does not match " + rule.dump();
    if (keyword == "oneOf") return check_one_of(rule, v, at);
    if (keyword == "required") {
      for (const Json& name : rule) {
        if (v.is_object() && !v.contains(name.get<std::string>())) return at + ": lacks " + name.dump();
      }
      return {};
    }
    if (keyword == "properties") return check_members(rule, v, at);
    if (keyword == "additionalProperties") return check_others(schema, rule, v, at);
    if (keyword == "minItems")
      return !v.is_array() || v.size() >= rule.get<std::size_t>() ? "" : at + ": too few items";
    if (keyword == "maxItems")
      return !v.is_array() || v.size() <= rule.get<std::size_t>() ? "" : at + ": too many items";
    if (keyword == "items" || keyword == "prefixItems") return check_items(keyword == "items", rule, v, at);
    return at + ": the schema uses the unknown keyword " + keyword;
  }

  std::string check_one_of(const Json& rules, const Json& v, const std::string& at) const {
    std::string wrongs;
    int fitting = 0;
    for (const Json& rule : rules) {
      const std::string wrong = check(rule, v, at);
      fitting += wrong.empty() ? 1 : 0;
      wrongs += wrong + "; ";
    }
    return fitting == 1 ? "" : at + ": fits " + std::to_string(fitting) + " of the alternatives: " + wrongs;
  }

  std::string check_members(const Json& rules, const Json& v, const std::string& at) const {
    for (const auto& [name, rule] : rules.items()) {
      if (!v.is_object() || !v.contains(name)) continue;
      const std::string wrong = check(rule, v[name], at + '.' + name);
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  std::string check_others(const Json& schema, const Json& rule, const Json& v, const std::string& at) const {
    if (!v.is_object()) return {};
    for (const auto& [name, member] : v.items()) {
      if (schema.contains("properties") && schema["properties"].contains(name)) continue;
      if (rule.is_boolean() && !rule.get<bool>()) return at + ": unknown member " + name;
      const std::string wrong = rule.is_object() ? check(rule, member, at + '.' + name) : "";
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  std::string check_items(bool is_all, const Json& rule, const Json& v, const std::string& at) const {
    for (std::size_t i = 0; v.is_array() && i < v.size() && (is_all || i < rule.size()); ++i) {
      const std::string wrong = check(is_all ? rule : rule[i], v[i], at + '[' + std::to_string(i) + ']');
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

  Json root_;
};

}  // namespace rift::test
