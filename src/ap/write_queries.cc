#include "ap/write_queries.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/node_list.h"

namespace rift::ap {
namespace {

std::size_t bytes_of(const Request& request) { return request.key.size() + request.value.size(); }

}  // namespace

Result<void> WriteQueries::submit(const Request& request, Turn& turn) {
  if (auto refused = writes_.refusal(request, turn)) {
    turn.reply(std::move(*refused));
    return {};
  }
  if (request.operands && request.operands->ttl > Duration::zero()) {
    turn.reply(refuse(request.id, Code::unsupported,
                      core_.options.name + " is of an atomic keyspace, whose reads must not go by a clock, as the end "
                                           "of a time to live would make them",
                      "use a cp keyspace, or an ap keyspace that is not atomic"));
    return {};
  }
  const Bounds& bounds = core_.options.bounds;
  if (queries_.size() >= bounds.pending_writes_max || bytes_ + bytes_of(request) > bounds.pending_bytes_max) {
    MARK(turn.recorder(), "ap.queries_overflow");
    turn.reply(refuse(request.id, Code::overloaded,
                      fmt::format("{} has {} writes of {} under way that ask what the owners hold",
                                  to_string(core_.self()), queries_.size(), core_.options.name),
                      "retry"));
    return {};
  }
  const auto slot = TRY(core_.records.load(turn, request.key));
  const std::uint64_t token = core_.next_token();
  const auto entry = queries_.emplace_hint(queries_.end(), token,
                                           Query{.request = request,
                                                 .deadline = turn.now().steady + budget_of(request),
                                                 .newest = slot.stamp(),
                                                 .catching_up = {{core_.self(), core_.catching_up}}});
  bytes_ += bytes_of(request);
  ask(token, entry->second, turn);
  core_.deadlines.add(std::min(entry->second.deadline, turn.now().steady + core_.options.timers.read_retry), token);
  return advance(entry, turn);
}

void WriteQueries::ask(std::uint64_t token, const Query& query, Turn& turn) {
  const Bytes message = wire::encode_message(wire::Versions{.token = token, .key = query.request.key});
  for (const NodeId owner : *core_.placement.owners()) {
    if (!query.catching_up.contains(owner) && core_.placement.reaches(owner))
      turn.send(owner, env::Lane::data, message);
  }
}

void WriteQueries::end(Entry entry) {
  bytes_ -= bytes_of(entry->second.request);
  queries_.erase(entry);
}

// By the owners of now: the map may have changed since the question.
Result<void> WriteQueries::advance(Entry entry, Turn& turn) {
  Query& query = entry->second;
  const auto& owners = *core_.placement.owners();
  const auto counted = std::count_if(owners.begin(), owners.end(), [&](NodeId owner) {
    const auto answer = query.catching_up.find(owner);
    return answer != query.catching_up.end() && !answer->second;
  });
  const std::size_t needed = owners_needed(Level::majority, owners.size());
  if (static_cast<std::size_t>(counted) < needed) {
    if (refuse_if_hopeless(query, needed, turn)) end(entry);
    return {};
  }
  const Duration left = query.deadline - turn.now().steady;
  // It may have been asleep since: its client has given up, and nothing of it is anywhere (trap T46).
  if (left <= Duration::zero()) return on_deadline(entry->first, turn);
  Request request = std::move(query.request);
  const causal::Stamp newest = query.newest;
  bytes_ -= bytes_of(request);
  queries_.erase(entry);
  request.budget = left;
  return writes_.submit(request, newest, turn);
}

bool WriteQueries::refuse_if_hopeless(const Query& query, std::size_t needed, Turn& turn) {
  std::vector<NodeId> behind;
  std::size_t left = 0;
  for (const NodeId owner : *core_.placement.owners()) {
    const auto answer = query.catching_up.find(owner);
    const bool has_answered = answer != query.catching_up.end();
    if (has_answered && answer->second) {
      behind.push_back(owner);
    } else if (has_answered || core_.placement.reaches(owner)) {
      ++left;
    }
  }
  if (behind.empty() || left >= needed) return false;
  turn.reply(refuse(
      query.request.id, Code::level_unreachable,
      fmt::format("{} of the owners of {} lack what their disks have lost until the others have brought it back: {} of "
                  "{} are left to tell {} the newest version, an atomic write needs {}",
                  names_of(behind), core_.options.name, left, core_.placement.copies(), to_string(core_.self()),
                  needed),
      "retry; `rift status` tells when they have caught up"));
  return true;
}

Result<void> WriteQueries::on_versions(NodeId from, const wire::VersionsReply& reply, Turn& turn) {
  const auto entry = queries_.find(reply.token);
  if (entry == queries_.end()) return {};
  entry->second.catching_up[from] = reply.catching_up;
  if (reply.found) entry->second.newest = std::max(entry->second.newest, reply.stamp);
  return advance(entry, turn);
}

Result<void> WriteQueries::on_deadline(std::uint64_t token, Turn& turn) {
  const auto entry = queries_.find(token);
  if (entry == queries_.end()) return {};
  const Query& query = entry->second;
  const Time now = turn.now().steady;
  if (now >= query.deadline) {
    ++core_.counters.levels_missed;
    turn.reply(refuse(query.request.id, Code::level_unreachable,
                      fmt::format("fewer than {} owners of {} told {} in time what they hold, which an atomic write "
                                  "asks first; nothing was written",
                                  owners_needed(Level::majority, core_.placement.copies()), core_.options.name,
                                  to_string(core_.self())),
                      "retry, or another node"));
    end(entry);
    return {};
  }
  ask(token, query, turn);
  core_.deadlines.add(std::min(query.deadline, now + core_.options.timers.read_retry), token);
  return advance(entry, turn);
}

void WriteQueries::cancel(RequestId request) {
  const auto entry = std::find_if(queries_.begin(), queries_.end(),
                                  [request](const auto& query) { return query.second.request.id == request; });
  if (entry != queries_.end()) end(entry);
}

void WriteQueries::let_go(Turn& turn) {
  for (const auto& [token, query] : queries_) {
    turn.reply(refuse(query.request.id, Code::wrong_node, "this node is no owner of the key any more",
                      "ask again with the newest map"));
  }
  queries_.clear();
  bytes_ = 0;
}

}  // namespace rift::ap
