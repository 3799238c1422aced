#include "chaos/live/network.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/core.h>

namespace rift::chaos::live {
namespace {

LinkId reverse(LinkId link) { return {.from = link.to, .to = link.from}; }

// Not those that were reset: the heal does that itself, to every connection that stands, used or not.
std::uint64_t connections(const LinkCounters& counters) {
  return counters.connections_held + counters.connections_refused;
}

std::vector<LinkId> links_between(const std::vector<NodeId>& from, const std::vector<NodeId>& to) {
  std::vector<LinkId> links;
  for (const NodeId a : from) {
    for (const NodeId b : to) links.push_back({.from = a, .to = b});
  }
  return links;
}

std::vector<LinkId> links_of(const Groups& groups, CutKind kind) {
  std::vector<LinkId> links;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (std::size_t j = 0; j < groups.size(); ++j) {
      if (i == j || (kind == CutKind::one_way && i != 0)) continue;
      const auto some = links_between(groups[i], groups[j]);
      links.insert(links.end(), some.begin(), some.end());
    }
  }
  return links;
}

std::string trim(std::string text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t end = 0; end != std::string::npos; start = end + 1) {
    end = text.find(separator, start);
    parts.push_back(trim(text.substr(start, end == std::string::npos ? end : end - start)));
  }
  return parts;
}

}  // namespace

Result<Cut> Network::cut(const Groups& groups, CutKind kind) {
  if (groups.size() < 2) return rift::fail(Code::invalid, "a cut needs two groups, as in: n1,n2 / n3,n4,n5");
  const auto known = links_->links();
  std::set<NodeId> seen;
  for (const auto& group : groups) {
    for (const NodeId node : group) {
      const bool exists =
          std::any_of(known.begin(), known.end(), [node](LinkId link) { return link.from == node || link.to == node; });
      if (!exists) return rift::fail(Code::invalid, "there is no node " + rift::to_string(node));
      if (!seen.insert(node).second) return rift::fail(Code::invalid, rift::to_string(node) + " is named twice");
    }
    if (group.empty()) return rift::fail(Code::invalid, "a group of a cut is empty");
  }

  const Lock lock(mutex_);
  Standing standing;
  standing.cut = {
      .name = fmt::format("cut-{}", next_cut_++), .groups = groups, .kind = kind, .links = links_of(groups, kind)};
  for (const LinkId link : standing.cut.links) {
    if (const auto counters = links_->counters(link)) standing.before[link] = *counters;
  }
  const Cut result = standing.cut;
  cuts_[result.name] = std::move(standing);
  TRY(reshape());
  return result;
}

Result<std::vector<HealedCut>> Network::heal(const std::string& name) {
  const Lock lock(mutex_);
  std::map<std::string, Standing> ended;
  if (name.empty()) {
    ended.swap(cuts_);
  } else {
    auto node = cuts_.extract(name);
    if (node.empty()) return rift::fail(Code::invalid, fmt::format("there is no cut '{}'", name));
    ended.insert(std::move(node));
  }
  TRY(reshape());
  std::vector<HealedCut> healed;
  for (const auto& [cut_name, standing] : ended) {
    healed.push_back({.cut = standing.cut, .links = proof_of(standing)});
  }
  return healed;
}

Result<void> Network::delay(LinkId link, Duration delay) {
  const auto known = links_->links();
  if (std::find(known.begin(), known.end(), link) == known.end() &&
      std::find(known.begin(), known.end(), reverse(link)) == known.end()) {
    return rift::fail(Code::invalid, "there is no link " + to_string(link));
  }
  if (delay < Duration::zero() || delay > std::chrono::minutes(1)) {
    return rift::fail(Code::invalid, "a delay lies between 0 and 60 s");
  }
  const Lock lock(mutex_);
  if (delay == Duration::zero()) {
    delays_.erase(link);
  } else {
    delays_[link] = delay;
  }
  return reshape();
}

bool Network::is_cut(LinkId link) const {
  return std::any_of(cuts_.begin(), cuts_.end(), [link](const auto& entry) {
    const auto& links = entry.second.cut.links;
    return std::find(links.begin(), links.end(), link) != links.end();
  });
}

// A node sends data only on connections that it dialled, so cutting i->j alone leaves what j says back on them in place (its HTTP/2
// replies), or j->i would die with it. Cut both ways, nothing passes on either's connections.
Result<void> Network::reshape() {
  const auto delay_of = [this](LinkId link) REQUIRES_LOCK(mutex_) {
    const auto found = delays_.find(link);
    return found == delays_.end() ? Duration::zero() : found->second;
  };
  for (const LinkId link : links_->links()) {
    const bool forward = is_cut(link);
    TRY(links_->shape(link, {.cut_forward = forward,
                             .cut_back = forward && is_cut(reverse(link)),
                             .delay_forward = delay_of(link),
                             .delay_back = delay_of(reverse(link))}));
  }
  return {};
}

std::vector<Cut> Network::cuts() const {
  const Lock lock(mutex_);
  std::vector<Cut> result;
  for (const auto& [name, standing] : cuts_) result.push_back(standing.cut);
  return result;
}

std::vector<LinkState> Network::show() const {
  const Lock lock(mutex_);
  std::vector<LinkState> result;
  for (const LinkId link : links_->links()) {
    const auto counters = links_->counters(link);
    const auto delay = delays_.find(link);
    result.push_back({.id = link,
                      .cut = is_cut(link),
                      .delay = delay == delays_.end() ? Duration::zero() : delay->second,
                      .counters = counters ? *counters : LinkCounters{}});
  }
  return result;
}

std::vector<check::LinkProof> Network::proof(const std::string& name) const {
  const Lock lock(mutex_);
  const auto found = cuts_.find(name);
  return found == cuts_.end() ? std::vector<check::LinkProof>{} : proof_of(found->second);
}

std::vector<check::LinkProof> Network::proof_of(const Standing& standing) const {
  std::vector<check::LinkProof> result;
  for (const auto& [link, before] : standing.before) {
    const auto now = links_->counters(link);
    if (!now) continue;
    result.push_back({.from = link.from,
                      .to = link.to,
                      .bytes_held = now->bytes_held - before.bytes_held,
                      .connections = connections(*now) - connections(before)});
  }
  return result;
}

Result<NodeId> parse_node(const std::string& text) {
  const std::string_view digits = text.starts_with("n") ? std::string_view(text).substr(1) : std::string_view(text);
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number == 0) {
    return rift::fail(Code::invalid, fmt::format("'{}' is no node; nodes are called n1, n2, ...", text));
  }
  return NodeId(number);
}

Result<Groups> parse_groups(const std::string& text) {
  Groups groups;
  for (const std::string& part : split(text, '/')) {
    std::vector<NodeId> group;
    for (const std::string& name : split(part, ',')) {
      group.push_back(name == "c" ? NodeId() : TRY(parse_node(name)));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

std::string to_string(const Groups& groups) {
  std::string text;
  for (const auto& group : groups) {
    if (!text.empty()) text += ' ';
    std::string names;
    for (const NodeId node : group)
      names += (names.empty() ? "" : " ") + (node == NodeId() ? "c" : rift::to_string(node));
    text += '{' + names + '}';
  }
  return text;
}

}  // namespace rift::chaos::live
