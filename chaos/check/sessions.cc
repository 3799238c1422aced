#include "chaos/check/sessions.h"

#include <algorithm>

#include "chaos/check/ap_version.h"

namespace rift::chaos::check {
namespace {

struct Known {
  const Operation* op = nullptr;
  ApVersion version;
};

// All of one client and one key, by start.
void judge(std::vector<Known> done, SessionReport& report) {
  std::vector<Known> by_end = done;
  std::stable_sort(done.begin(), done.end(),
                   [](const Known& a, const Known& b) { return a.op->invoke < b.op->invoke; });
  std::stable_sort(by_end.begin(), by_end.end(),
                   [](const Known& a, const Known& b) { return a.op->complete < b.op->complete; });
  Known newest;
  std::size_t ended = 0;
  for (const Known& one : done) {
    for (; ended < by_end.size() && by_end[ended].op->complete < one.op->invoke; ++ended) {
      if (newest.op == nullptr || by_end[ended].version > newest.version) newest = by_end[ended];
    }
    if (one.op->kind != Kind::read || newest.op == nullptr) continue;
    ++report.judged;
    if (one.version >= newest.version) continue;
    ++(is_write(*newest.op) ? report.unread_writes : report.reads_back);
    if (report.offenders.size() < session_offenders_max)
      report.offenders.push_back({.before = newest.op->index, .read = one.op->index});
  }
}

}  // namespace

SessionReport find_broken_sessions(std::span<const Operation> operations, std::string_view keyspace) {
  std::map<std::pair<std::uint64_t, std::string_view>, std::vector<Known>> sessions;
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || op.outcome != Outcome::done) continue;
    const auto version = parse_ap_version(op.version);
    if (version) sessions[{op.client, op.key}].push_back({&op, *version});
  }
  SessionReport report;
  for (auto& [session, done] : sessions) judge(std::move(done), report);
  return report;
}

}  // namespace rift::chaos::check
