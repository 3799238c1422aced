#include "chaos/check/sessions.h"

#include <algorithm>

#include "chaos/check/ap_version.h"

namespace rift::chaos::check {
namespace {

struct Known {
  const Operation* op = nullptr;
  ApVersion version;
};

void add_offender(std::uint64_t before, std::uint64_t read, SessionReport& report) {
  if (report.offenders.size() < session_offenders_max) report.offenders.push_back({.before = before, .read = read});
}

// All of one client and one key, by start.
void judge(std::vector<Known> done, bool by_tokens, SessionReport& report) {
  std::vector<Known> by_end = done;
  std::stable_sort(done.begin(), done.end(),
                   [](const Known& a, const Known& b) { return a.op->invoke < b.op->invoke; });
  std::stable_sort(by_end.begin(), by_end.end(),
                   [](const Known& a, const Known& b) { return a.op->complete < b.op->complete; });
  Known newest;
  std::size_t ended = 0;
  for (const Known& one : done) {
    for (; ended < by_end.size() && by_end[ended].op->complete < one.op->invoke; ++ended) {
      if (by_end[ended].op->held != Level::unspecified && !by_tokens) continue;  // degraded
      if (newest.op == nullptr || by_end[ended].version > newest.version) newest = by_end[ended];
    }
    if (one.op->kind != Kind::read || newest.op == nullptr) continue;
    ++report.judged;
    if (one.version >= newest.version) continue;
    ++(is_write(*newest.op) ? report.unread_writes : report.reads_back);
    add_offender(newest.op->index, one.op->index, report);
  }
}

using Creators = std::map<std::pair<std::string_view, std::string_view>, const Operation*>;  // by key and version

void judge_by_time(std::vector<Known> done, const Creators& creators, SessionReport& report) {
  std::stable_sort(done.begin(), done.end(),
                   [](const Known& a, const Known& b) { return a.op->invoke < b.op->invoke; });
  const Operation* own =
      nullptr;  // the client's last write; only where it has ended when a read begins is that one judged
  for (const Known& one : done) {
    if (is_write(*one.op)) {
      own = one.op;
      continue;
    }
    if (own == nullptr || own->complete >= one.op->invoke) continue;
    ++report.judged;
    const auto creator = creators.find({one.op->key, one.op->version});
    if (creator == creators.end() || creator->second->complete >= own->invoke) continue;
    ++report.unread_writes;
    add_offender(own->index, one.op->index, report);
  }
}

}  // namespace

SessionReport find_broken_sessions(std::span<const Operation> operations, std::string_view keyspace, NewerBy newer_by,
                                   bool by_tokens) {
  std::map<std::pair<std::uint64_t, std::string_view>, std::vector<Known>> sessions;
  Creators creators;
  for (const Operation& op : operations) {
    if (op.keyspace != keyspace || op.outcome != Outcome::done) continue;
    const auto version = parse_ap_version(op.version);
    if (!version) continue;
    sessions[{op.client, op.key}].push_back({&op, *version});
    if (is_write(op)) creators.emplace(std::pair(std::string_view(op.key), std::string_view(op.version)), &op);
  }
  SessionReport report;
  for (auto& [session, done] : sessions) {
    newer_by == NewerBy::time ? judge_by_time(std::move(done), creators, report)
                              : judge(std::move(done), by_tokens, report);
  }
  return report;
}

}  // namespace rift::chaos::check
