#include "chaos/load/generator.h"

#include <fmt/core.h>

#include "base/assert.h"
#include "base/hash.h"
#include "chaos/check/lost.h"

namespace rift::chaos::load {
namespace {

constexpr std::uint32_t clients_per_node_max = 1000;
constexpr std::uint32_t keys_max = 1'000'000;

}  // namespace

Result<void> LoadOptions::validate() const {
  if (nodes.empty()) return fail(Code::invalid, "a load needs nodes");
  if (keyspaces.empty()) return fail(Code::invalid, "a load needs keyspaces");
  if (clients_per_node == 0 || clients_per_node > clients_per_node_max)
    return fail(Code::invalid, "clients_per_node is out of range");
  if (keys == 0 || keys > keys_max || still_keys > keys_max) return fail(Code::invalid, "keys is out of range");
  if (period <= Duration::zero() || timeout <= Duration::zero() || length <= Duration::zero()) {
    return fail(Code::invalid, "period, timeout and length must be positive");
  }
  if (write_share < 0 || write_share > 1) return fail(Code::invalid, "write_share is no share");
  if (set_share < 0 || set_share > 1) return fail(Code::invalid, "set_share is no share");
  if (set_stretch < Duration::zero()) return fail(Code::invalid, "set_stretch is negative");
  if (edit_share < 0 || edit_share > 1) return fail(Code::invalid, "edit_share is no share");
  if (documents > keys_max) return fail(Code::invalid, "documents is out of range");
  for (const KeyspaceLoad& keyspace : keyspaces) {
    if (keyspace.cas_share < 0 || keyspace.cas_share > 1) return fail(Code::invalid, "cas_share is no share");
  }
  return {};
}

Result<Generator> Generator::create(const LoadOptions& options) {
  TRY(options.validate());
  return Generator(options);
}

Generator::Generator(const LoadOptions& options) : options_(options) {
  std::uint64_t id = 0;
  for (std::size_t keyspace = 0; keyspace < options_.keyspaces.size(); ++keyspace) {
    // One stream per place, begun anew for each keyspace: the same draws in each.
    Rng places(options_.seed);
    for (NodeId node : options_.nodes) {
      for (std::uint32_t i = 0; i < options_.clients_per_node; ++i) {
        clients_.push_back({.id = ++id, .keyspace = keyspace, .node = node, .rng = places.fork()});
        const Duration phase = clients_.back().rng.between(Duration::zero(), options_.period - Duration(1));
        due_.push({Time(phase), clients_.size() - 1});
      }
    }
  }
}

std::optional<Time> Generator::next_due() const {
  if (due_.empty() || due_.top().at >= Time(options_.length)) return std::nullopt;
  return due_.top().at;
}

Attempt Generator::take() {
  ASSERT(next_due().has_value());
  const Due due = due_.top();
  due_.pop();
  due_.push({due.at + options_.period, due.client});
  return draw(clients_[due.client], due.at);
}

Ask Generator::edit(const Ask& read, const Value& document) {
  Client& client = clients_[read.client - 1];
  Ask ask = read;
  ask.sequence = ++client.sequence;
  ask.kind = Kind::write;
  ask.level = options_.keyspaces[client.keyspace].level;
  const std::string element = fmt::format("c{},{}", client.id, ask.sequence);
  ask.value = document ? *document + check::element_separator + element : element;
  return ask;
}

std::string Generator::key_name(std::uint64_t number) const {
  return number < options_.keys ? fmt::format("k{:02}", number) : fmt::format("still{:02}", number - options_.keys);
}

std::vector<std::string> Generator::all_keys() const {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < options_.keys + options_.still_keys; ++i) names.push_back(key_name(i));
  return names;
}

// Draws the same numbers whatever comes of them, so that keyspaces with other rules stay in step.
Attempt Generator::draw(Client& client, Time scheduled) {
  const KeyspaceLoad& keyspace = options_.keyspaces[client.keyspace];
  const std::uint64_t key = client.rng.below(std::uint64_t(options_.keys) + options_.still_keys);
  const bool is_write = client.rng.chance(options_.write_share) && !(is_holding_still_ && key >= options_.keys);
  const double cas_draw = client.rng.unit();
  Ask ask{.client = client.id,
          .sequence = ++client.sequence,
          .keyspace = keyspace.name,
          .node = client.node,
          .kind = is_write ? Kind::write : Kind::read,
          .key = key_name(key),
          .level = keyspace.level,
          .timeout = options_.timeout};
  if (options_.roams) ask.node = options_.nodes[client.rng.below(options_.nodes.size())];
  const bool is_edit = options_.documents > 0 && client.rng.chance(options_.edit_share) && !is_holding_still_;
  if (is_edit) {
    ask.kind = Kind::read;
    ask.key = fmt::format("{}{:02}", check::document_prefix, client.rng.below(options_.documents));
  }
  if (ask.kind == Kind::read) {
    if (keyspace.read_level != Level::unspecified) ask.level = keyspace.read_level;
    return {scheduled, ask, is_edit};
  }
  ask.value = fmt::format("c{},{}", client.id, ask.sequence);
  if (options_.set_share > 0 && client.rng.chance(options_.set_share)) {
    ask.key = options_.set_stretch > Duration::zero()
                  ? fmt::format("s{}", scheduled.time_since_epoch() / options_.set_stretch)
                  : fmt::format("s{}.{}", client.id, ask.sequence);
    return {scheduled, ask};
  }
  const auto seen = client.seen.find(ask.key);
  if (cas_draw < keyspace.cas_share && seen != client.seen.end()) {
    ask.kind = Kind::cas;
    ask.expected = seen->second;
  }
  return {scheduled, ask};
}

void Generator::note_seen(std::uint64_t client, const std::string& key, const Value& value) {
  ASSERT(client >= 1 && client <= clients_.size());
  clients_[client - 1].seen[key] = value;
}

}  // namespace rift::chaos::load
