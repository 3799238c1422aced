#include "chaos/check/staleness.h"

#include <algorithm>
#include <unordered_map>

#include "chaos/check/ap_version.h"
#include "chaos/check/values.h"

namespace rift::chaos::check {
namespace {

class KeyReads {
 public:
  KeyReads(std::span<const Operation* const> operations, NewerBy newer_by, StalenessReport& report)
      : operations_(operations), names_(operations), newer_by_(newer_by), report_(report) {}

  void judge() {
    index_writes();
    for (const Operation* op : operations_) {
      if (op->kind == Kind::read && op->outcome == Outcome::done) judge_read(*op);
    }
  }

 private:
  void index_writes() {
    for (const Operation* op : operations_) {
      if (!is_write(*op)) continue;
      if (op->outcome != Outcome::not_done) creators_.emplace(names_.made_by(*op), op);
      if (op->outcome == Outcome::done) acknowledged_.push_back(op);
    }
    std::sort(acknowledged_.begin(), acknowledged_.end(),
              [](const Operation* a, const Operation* b) { return a->invoke < b->invoke; });
    earliest_end_ = acknowledged_;
    for (std::size_t i = earliest_end_.size(); i-- > 1;) {
      if (earliest_end_[i]->complete < earliest_end_[i - 1]->complete) earliest_end_[i - 1] = earliest_end_[i];
    }
  }

  void judge_read(const Operation& read) {
    const auto name = names_.seen_as(read.value, read.version);
    if (!name) {
      ++report_.unjudged;
      return;
    }
    ++report_.reads;
    const Operation* creator = nullptr;
    if (*name != ValueNames::initial()) {
      const auto found = creators_.find(*name);
      if (found == creators_.end() || read.complete < found->second->invoke) {
        report_.phantoms.push_back(read.index);
        return;
      }
      creator = found->second;
      if (creator->outcome == Outcome::unknown) return;  // it may be taking effect only now
    }
    // The acknowledged write that ended first among those that began after the creator had ended.
    const auto later = std::partition_point(acknowledged_.begin(), acknowledged_.end(), [&](const Operation* op) {
      return creator != nullptr && op->invoke <= creator->complete;
    });
    if (later == acknowledged_.end()) return;
    const Operation* newer = earliest_end_[static_cast<std::size_t>(later - acknowledged_.begin())];
    if (newer_by_ == NewerBy::time_and_version) newer = earliest_larger(later, read);
    if (newer == nullptr || newer->complete >= read.invoke) return;
    ++report_.stale;
    report_.indexes.push_back(read.index);
    report_.offenders.push_back({.read = read.index,
                                 .overwritten = creator == nullptr ? 0 : creator->index,
                                 .newer = newer->index,
                                 .age = read.invoke - newer->complete});
  }

  const Operation* earliest_larger(std::vector<const Operation*>::const_iterator from, const Operation& read) const {
    const auto returned = parse_ap_version(read.version);
    const Operation* earliest = nullptr;
    for (auto it = from; it != acknowledged_.end(); ++it) {
      const auto written = parse_ap_version((*it)->version);
      if (returned && written && *written <= *returned) continue;
      if (earliest == nullptr || (*it)->complete < earliest->complete) earliest = *it;
    }
    return earliest;
  }

  std::span<const Operation* const> operations_;
  ValueNames names_;
  NewerBy newer_by_;
  StalenessReport& report_;
  std::unordered_map<std::string, const Operation*> creators_;
  std::vector<const Operation*> acknowledged_;  // by start
  std::vector<const Operation*> earliest_end_;  // at i: the one of acknowledged_[i...] that ended first
};

}  // namespace

StalenessReport find_stale_reads(std::span<const Operation> operations, std::string_view keyspace, NewerBy newer_by) {
  StalenessReport report;
  for (const auto& [key, ops] : by_key(operations, keyspace)) KeyReads(ops, newer_by, report).judge();
  std::sort(report.indexes.begin(), report.indexes.end());
  std::stable_sort(report.offenders.begin(), report.offenders.end(),
                   [](const StaleRead& a, const StaleRead& b) { return a.age > b.age; });
  if (!report.offenders.empty()) report.worst = report.offenders.front().age;
  if (report.offenders.size() > offenders_max) report.offenders.resize(offenders_max);
  return report;
}

}  // namespace rift::chaos::check
