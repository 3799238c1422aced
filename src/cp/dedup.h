// DedupTable: exactly-once for clients that name their operations (DESIGN 4, review 3). Per client a window of outcomes at or above the
// floor that the client's requests carry. What it answers is a pure function of the log: rows in memory are a cache, and which of them are loaded
// changes nothing. It executes nothing. Owned by Applier, on the shard's thread.
#pragma once

#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cp/space.h"

namespace rift::cp {

// While copies of a request may be on their way, the row that it opened stays: dropped, it would let the next copy run again.
constexpr Duration dedup_row_kept_at_least = 2 * limits::request_budget_max;
static_assert(limits::dedup_row_lifetime > dedup_row_kept_at_least);

class DedupTable {
 public:
  struct Limits {
    std::size_t clients_max = limits::dedup_clients_max;
    std::size_t seen_bytes_max = limits::dedup_seen_value_bytes_max;  // values in one row: seen, computed, read
    Duration lifetime = limits::dedup_row_lifetime;                   // in log time, since the client's last use
    Duration kept_at_least = dedup_row_kept_at_least;                 // however many newcomers there are
    std::size_t memory_bytes_max = 32 * limits::mebi;                 // rows kept loaded between rounds
  };
  enum class Found : std::uint8_t {
    fresh,      // execute it, then record()
    replay,     // executed before: answer `outcome`
    unknown,    // the client has no row and does not open one: expired, or never was
    forgotten,  // below the floor: the client said that it has this outcome
    full,       // a new client, and every row is too fresh to make room
  };
  struct Look {
    Found found = Found::fresh;
    wire::DedupOutcome outcome{};
    bool opened = false;  // by this look: what the client did before, if anything, is not known
  };

  static Result<DedupTable> load(Space space, Limits limits, Turn& turn);

  // Opens the row of a new client (where op.first), raises the floor, and finds the operation. A row opened at a sequence says nothing of
  // those below it: the client may have had a row that has expired.
  Result<Look> look(const OpId& op, Duration log_time, Turn& turn);
  // After look() said fresh.
  void record(const ClientId& client, wire::DedupOutcome outcome);
  // Drops rows that have been unused for `lifetime`; a bounded number per call. Called once per entry. Returns how many went.
  std::size_t expire(Duration log_time, Turn& turn);
  // Puts the rows that have changed since the last write() into the batch: once per round.
  void write(Turn& turn);

  std::size_t clients() const { return clients_.size(); }

 private:
  struct Client {
    Duration last_used{};                   // in steps of used_step
    std::unique_ptr<wire::DedupRow> row{};  // null: not loaded
    bool changed = false;
  };
  using Order = std::set<std::pair<Duration, ClientId>>;  // oldest first

  DedupTable(Space space, Limits limits) : space_(space), limits_(limits) {}
  Result<void> load_row(const ClientId& id, Client& client, Turn& turn);
  // Null: no row may go.
  Client* open(const ClientId& id, Duration log_time, Turn& turn);
  void use(const ClientId& id, Client& client, Duration used);
  void drop(Order::iterator oldest, Turn& turn);
  void mark_changed(const ClientId& id, Client& client);
  void bound_seen(wire::DedupRow& row);
  void unload_rows();

  Space space_;
  Limits limits_;
  std::unordered_map<ClientId, Client> clients_;  // never iterated
  Order order_;
  std::vector<ClientId> changed_;
  std::vector<ClientId> loaded_;
  std::size_t loaded_bytes_ = 0;
};

}  // namespace rift::cp
