#include "cp/dedup.h"

#include <algorithm>

#include "base/assert.h"
#include "wire/keys.h"

namespace rift::cp {
namespace {

constexpr std::size_t page_rows_max = 256;
constexpr std::size_t page_bytes_max = 8 * limits::mebi;
constexpr std::size_t expired_per_entry_max = 256;
constexpr std::size_t item_overhead_bytes = 64;
constexpr Duration used_step = std::chrono::seconds(1);  // a client's place in the order moves at most this often

Duration stepped(Duration log_time) { return log_time - log_time % used_step; }

// What an outcome takes in its row: what was read, and where a range goes on.
std::size_t value_bytes(const wire::DedupOutcome& outcome) {
  std::size_t bytes = outcome.seen.size();
  if (!outcome.results) return bytes;
  for (const Item& item : outcome.results->items) bytes += item.key.size() + item.value.size() + item_overhead_bytes;
  return bytes;
}
std::size_t next_key_bytes(const wire::DedupOutcome& outcome) {
  return outcome.results ? outcome.results->next_key.size() : 0;
}
std::size_t seen_bytes(const wire::DedupOutcome& outcome) { return value_bytes(outcome) + next_key_bytes(outcome); }

// What happened stays known (code, revision, which steps ran, how many keys went).
void omit_values(wire::DedupOutcome& outcome) {
  outcome.seen = Bytes();
  outcome.seen_omitted = true;
  if (outcome.results) outcome.results->items.clear();
}
void omit_next_key(wire::DedupOutcome& outcome) {
  outcome.seen_omitted = true;
  outcome.results->next_key = Bytes();
}

std::size_t cost(const wire::DedupOutcome& outcome) { return sizeof(outcome) + seen_bytes(outcome); }

auto position(std::vector<wire::DedupOutcome>& outcomes, std::uint64_t sequence) {
  const auto below = [](const wire::DedupOutcome& outcome, std::uint64_t wanted) { return outcome.sequence < wanted; };
  return std::lower_bound(outcomes.begin(), outcomes.end(), sequence, below);
}

}  // namespace

Result<DedupTable> DedupTable::load(Space space, Limits limits, Turn& turn) {
  DedupTable table(space, limits);
  auto range = wire::cp_dedup_range(space.partition, space.generation);
  while (true) {
    const auto page = TRY(turn.scan(env::Table::state_cp, range, page_rows_max, page_bytes_max));
    if (page.empty()) return table;
    for (const auto& record : page) {
      const ClientId id = TRY(wire::parse_cp_dedup_key(record.key));
      const auto row = TRY(wire::decode_dedup_row(record.value));
      table.order_.emplace(row.last_used, id);
      table.clients_.emplace(id, Client{.last_used = row.last_used});
    }
    range.first = page.back().key + std::string(1, '\0');
  }
}

Result<void> DedupTable::load_row(const ClientId& id, Client& client, Turn& turn) {
  if (client.row) return {};
  const auto stored = TRY(turn.get(env::Table::state_cp, wire::cp_dedup_key(space_.partition, space_.generation, id)));
  if (!stored) return fail(Code::corruption, "the dedup row of client " + to_string(id) + " is missing");
  client.row = std::make_unique<wire::DedupRow>(TRY(wire::decode_dedup_row(*stored)));
  loaded_.push_back(id);
  for (const auto& outcome : client.row->outcomes) loaded_bytes_ += cost(outcome);
  return {};
}

// The oldest client makes room where there are too many, never the one that is being served.
DedupTable::Client* DedupTable::open(const ClientId& id, Duration log_time, Turn& turn) {
  if (clients_.size() >= limits_.clients_max && !order_.empty()) {
    if (order_.begin()->first + limits_.kept_at_least > log_time) {
      MARK(turn.recorder(), "cp.dedup_full");
      return nullptr;
    }
    MARK(turn.recorder(), "cp.dedup_client_evicted");
    drop(order_.begin(), turn);
  }
  const Duration used = stepped(log_time);
  Client& client = clients_[id];
  client.last_used = used;
  client.row = std::make_unique<wire::DedupRow>();
  client.row->last_used = used;
  order_.emplace(used, id);
  loaded_.push_back(id);
  mark_changed(id, client);
  return &client;
}

void DedupTable::use(const ClientId& id, Client& client, Duration used) {
  if (client.last_used == used) return;
  order_.erase({client.last_used, id});
  order_.emplace(used, id);
  client.last_used = used;
  client.row->last_used = used;
  mark_changed(id, client);
}

void DedupTable::drop(Order::iterator oldest, Turn& turn) {
  const ClientId id = oldest->second;
  turn.erase(env::Table::state_cp, wire::cp_dedup_key(space_.partition, space_.generation, id));
  clients_.erase(id);
  order_.erase(oldest);
}

std::size_t DedupTable::expire(Duration log_time, Turn& turn) {
  std::size_t dropped = 0;
  for (; dropped < expired_per_entry_max && !order_.empty(); ++dropped) {
    if (order_.begin()->first + limits_.lifetime >= log_time) break;
    MARK(turn.recorder(), "cp.dedup_client_expired");
    drop(order_.begin(), turn);
  }
  return dropped;
}

void DedupTable::mark_changed(const ClientId& id, Client& client) {
  if (client.changed) return;
  client.changed = true;
  changed_.push_back(id);
}

Result<DedupTable::Look> DedupTable::look(const OpId& op, Duration log_time, Turn& turn) {
  const Duration used = stepped(log_time);
  const auto known = clients_.find(op.client);
  const bool is_new = known == clients_.end();
  if (is_new && !op.first) return Look{.found = Found::unknown};
  Client* const found = is_new ? open(op.client, log_time, turn) : &known->second;
  if (found == nullptr) return Look{.found = Found::full};
  Client& client = *found;
  TRY(load_row(op.client, client, turn));
  use(op.client, client, used);
  wire::DedupRow& row = *client.row;
  if (const std::uint64_t floor = is_new ? op.sequence : op.floor; floor > row.floor) {
    row.floor = floor;
    mark_changed(op.client, client);
  }
  if (op.sequence < row.floor) return Look{.found = Found::forgotten};
  const auto at = position(row.outcomes, op.sequence);
  if (at == row.outcomes.end() || at->sequence != op.sequence) return Look{.found = Found::fresh, .opened = is_new};
  MARK(turn.recorder(), "cp.dedup_replay");
  return Look{.found = Found::replay, .outcome = *at};
}

void DedupTable::record(const ClientId& id, wire::DedupOutcome outcome) {
  Client& client = clients_.at(id);
  ASSERT(client.row != nullptr);
  wire::DedupRow& row = *client.row;
  const bool has_seen = seen_bytes(outcome) > 0;
  const auto at = position(row.outcomes, outcome.sequence);
  ASSERT(at == row.outcomes.end() || at->sequence != outcome.sequence);
  loaded_bytes_ += cost(outcome);
  row.outcomes.insert(at, std::move(outcome));
  mark_changed(id, client);
  if (has_seen) bound_seen(row);
}

// The largest values go first; of equal ones the oldest. Where a range goes on is kept as long as there are values. What is below the floor
// counts for nothing: it goes with the next write.
void DedupTable::bound_seen(wire::DedupRow& row) {
  const auto open = position(row.outcomes, row.floor);
  std::size_t total = 0;
  for (auto it = open; it != row.outcomes.end(); ++it) total += seen_bytes(*it);
  const auto drop_largest = [&](auto bytes_of, auto omit) {
    const auto smaller = [&](const auto& a, const auto& b) { return bytes_of(a) < bytes_of(b); };
    const auto largest = std::max_element(open, row.outcomes.end(), smaller);
    const std::size_t bytes = bytes_of(*largest);
    if (bytes > 0) omit(*largest);
    total -= bytes;
    return bytes > 0;
  };
  while (total > limits_.seen_bytes_max) {
    if (!drop_largest(value_bytes, omit_values)) drop_largest(next_key_bytes, omit_next_key);
  }
}

void DedupTable::write(Turn& turn) {
  for (const ClientId& id : changed_) {
    const auto it = clients_.find(id);
    if (it == clients_.end() || !it->second.changed) continue;  // dropped since, perhaps opened again
    wire::DedupRow& row = *it->second.row;
    const auto open = position(row.outcomes, row.floor);
    for (auto done = row.outcomes.begin(); done != open; ++done) loaded_bytes_ -= std::min(loaded_bytes_, cost(*done));
    row.outcomes.erase(row.outcomes.begin(), open);
    it->second.changed = false;
    turn.put(env::Table::state_cp, wire::cp_dedup_key(space_.partition, space_.generation, id), wire::encode(row));
  }
  changed_.clear();
  if (loaded_bytes_ + loaded_.size() * sizeof(wire::DedupRow) > limits_.memory_bytes_max) unload_rows();
}

// All of them: what is used comes back with one read each.
void DedupTable::unload_rows() {
  for (const ClientId& id : loaded_) {
    if (const auto it = clients_.find(id); it != clients_.end()) it->second.row.reset();
  }
  loaded_.clear();
  loaded_bytes_ = 0;
}

}  // namespace rift::cp
