#include "chaos/sim/versions.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace rift::chaos::sim {
namespace {

auto order(const Version& version) {
  return std::tuple(version.hlc, version.dot_node, version.dot_incarnation, version.dot_sequence);
}

// For questions of the kind "what was the largest version answered before this began": answers in the order of their ends, taken in up to a time.
class Seen {
 public:
  explicit Seen(std::vector<const Answered*> answers) : by_end_(std::move(answers)) {
    std::sort(by_end_.begin(), by_end_.end(),
              [](const Answered* a, const Answered* b) { return a->complete < b->complete; });
  }
  const Answered* largest_before(Time time) {
    for (; taken_ < by_end_.size() && by_end_[taken_]->complete < time; ++taken_) {
      if (largest_ == nullptr || is_older(largest_->version, by_end_[taken_]->version)) largest_ = by_end_[taken_];
    }
    return largest_;
  }

 private:
  std::vector<const Answered*> by_end_;
  std::size_t taken_ = 0;
  const Answered* largest_ = nullptr;
};

std::vector<const Answered*> by_start(std::vector<const Answered*> answers) {
  std::sort(answers.begin(), answers.end(), [](const Answered* a, const Answered* b) { return a->invoke < b->invoke; });
  return answers;
}

}  // namespace

bool is_older(const Version& a, const Version& b) { return order(a) < order(b); }

void judge_one_version_per_value(const std::vector<Answered>& answers, const std::vector<Answered>& held,
                                 std::vector<std::string>& failures) {
  std::map<std::tuple<std::string, std::string, std::string>, std::string> versions;
  for (const auto* group : {&answers, &held}) {
    for (const Answered& answer : *group) {
      const std::string version = version_text(answer.version);
      if (!answer.value || version.empty()) continue;
      const auto [it, is_new] = versions.emplace(std::tuple(answer.keyspace, answer.key, *answer.value), version);
      if (is_new || it->second == version) continue;
      failures.push_back(fmt::format("{}: the write of {} to {} was carried out twice: it has the versions {} and {}",
                                     answer.keyspace, *answer.value, answer.key, it->second, version));
      return;
    }
  }
}

void judge_stamps(const std::vector<Answered>& answers, std::vector<std::string>& failures) {
  std::map<NodeId, std::vector<const Answered*>> by_node;
  std::map<std::tuple<NodeId, std::uint64_t, std::uint64_t>, const Answered*> dots;
  for (const Answered& answer : answers) {
    const Version& version = answer.version;
    if (!answer.is_write() || version.hlc == 0) continue;
    if (!answer.is_beyond_drift) by_node[version.dot_node].push_back(&answer);
    const auto [it, is_new] =
        dots.emplace(std::tuple(version.dot_node, version.dot_incarnation, version.dot_sequence), &answer);
    if (is_new) continue;
    failures.push_back(fmt::format("{}: the dot of {} was given to two writes, of {} and of {}", answer.keyspace,
                                   version_text(version), it->second->key, answer.key));
    return;
  }
  for (const auto& [node, writes] : by_node) {
    Seen seen(writes);
    for (const Answered* write : by_start(writes)) {
      const Answered* before = seen.largest_before(write->invoke);
      if (before == nullptr || is_older(before->version, write->version)) continue;
      failures.push_back(fmt::format("{}: {} stamped {} with {} after it had stamped {} with {}", write->keyspace,
                                     to_string(node), write->key, version_text(write->version), before->key,
                                     version_text(before->version)));
      return;
    }
  }
}

void judge_quorums(const std::vector<Answered>& answers, std::vector<std::string>& failures) {
  std::map<std::pair<std::string, std::string>, std::vector<const Answered*>> by_key;
  for (const Answered& answer : answers) {
    if (answer.level == Level::majority || answer.level == Level::all)
      by_key[{answer.keyspace, answer.key}].push_back(&answer);
  }
  for (const auto& [key, operations] : by_key) {
    Seen seen(operations);
    for (const Answered* read : by_start(operations)) {
      const Answered* before = seen.largest_before(read->invoke);
      if (before == nullptr || read->is_write() || !is_older(read->version, before->version)) continue;
      failures.push_back(fmt::format(
          "{}: a read of {} at {} returned version {} although {} had been answered before it began", key.first,
          key.second, to_string(read->level), version_text(read->version), version_text(before->version)));
      return;
    }
  }
}

}  // namespace rift::chaos::sim
