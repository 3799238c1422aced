#include "cp/proposals.h"

#include <algorithm>
#include <tuple>

#include "base/assert.h"
#include "wire/records.h"

namespace rift::cp {
namespace {

wire::Command to_command(Request& request) {
  wire::Command command;
  command.verb = request.verb;
  command.key = std::move(request.key);
  command.value = std::move(request.value);
  command.condition = std::move(request.condition);
  command.op = request.op;
  command.operands = std::move(request.operands);
  return command;
}

// What a command takes of its entry. A few bytes may delete a thousand keys: one entry holds few of those.
std::size_t weight(const wire::Command& command) {
  const std::size_t size = wire::encoded_size(command);
  return command.verb == Verb::del_range ? std::max(size, limits::entry_bytes_soft / 4) : size;
}

}  // namespace

Time deadline_of(const Request& request, Time now) {
  const Duration since = (now + budget_of(request)).time_since_epoch();
  return Time((since + deadline_grid - Duration(1)) / deadline_grid * deadline_grid);
}

std::vector<PackedEntry> pack(std::span<Request> writes, Time now) {
  std::vector<PackedEntry> entries;
  std::vector<wire::Command> commands;
  std::vector<Waiter> waiters;
  std::size_t bytes = 0;
  const auto close = [&] {
    if (commands.empty()) return;
    entries.push_back(PackedEntry{.payload = wire::encode_commands(commands), .waiters = std::move(waiters)});
    commands.clear();
    waiters = {};
    bytes = 0;
  };
  for (Request& request : writes) {
    const Waiter waiter{
        .id = request.id, .verb = request.verb, .asked = request.level, .deadline = deadline_of(request, now)};
    wire::Command command = to_command(request);
    const std::size_t size = weight(command);
    if (bytes + size > limits::entry_bytes_soft) close();
    bytes += size;
    commands.push_back(std::move(command));
    waiters.push_back(waiter);
  }
  close();
  return entries;
}

void Proposals::add(Term term, LogIndex index, std::vector<Waiter> waiters) {
  ASSERT(table_.empty() || std::tie(table_.back().term, table_.back().index) < std::tie(term, index));
  for (const Waiter& waiter : waiters) next_deadline_ = std::min(next_deadline_, waiter.deadline);
  waiting_ += waiters.size();
  table_.push_back(Proposal{.term = term, .index = index, .waiters = std::move(waiters)});
}

std::size_t Proposals::count(const std::vector<Waiter>& waiters) const {
  return static_cast<std::size_t>(
      std::count_if(waiters.begin(), waiters.end(), [](const Waiter& w) { return w.id != RequestId(); }));
}

void Proposals::drop_settled() {
  while (!table_.empty() && table_.front().waiters.empty()) table_.pop_front();
  if (table_.empty()) next_deadline_ = Time::max();
}

std::vector<Waiter> Proposals::take(Term term, LogIndex index) {
  const auto before = [](const Proposal& proposal, const std::pair<Term, LogIndex>& wanted) {
    return std::tie(proposal.term, proposal.index) < std::tie(wanted.first, wanted.second);
  };
  const auto at = std::lower_bound(table_.begin(), table_.end(), std::pair(term, index), before);
  if (at == table_.end() || at->term != term || at->index != index) return {};
  auto waiters = std::exchange(at->waiters, {});
  waiting_ -= count(waiters);
  drop_settled();
  return waiters;
}

std::vector<Waiter> Proposals::take_range(Term term, LogIndex first, LogIndex last) {
  std::vector<Waiter> taken;
  for (Proposal& proposal : table_) {
    if (proposal.term != term || proposal.index < first || proposal.index > last) continue;
    waiting_ -= count(proposal.waiters);
    taken.insert(taken.end(), proposal.waiters.begin(), proposal.waiters.end());
    proposal.waiters.clear();
  }
  drop_settled();
  return taken;
}

std::vector<Proposals::Expired> Proposals::take_expired(Time now) {
  std::vector<Expired> expired;
  if (now < next_deadline_) return expired;
  next_deadline_ = Time::max();
  for (Proposal& proposal : table_) {
    for (Waiter& waiter : proposal.waiters) {
      if (waiter.id == RequestId()) continue;
      if (waiter.deadline <= now) {
        expired.push_back(Expired{.term = proposal.term, .waiter = waiter});
        waiter.id = RequestId();
      } else {
        next_deadline_ = std::min(next_deadline_, waiter.deadline);
      }
    }
    if (count(proposal.waiters) == 0) proposal.waiters.clear();
  }
  waiting_ -= expired.size();
  drop_settled();
  return expired;
}

}  // namespace rift::cp
