#include "chaos/check/zone.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

#include <fmt/core.h>

#include "chaos/check/values.h"

namespace rift::chaos::check {
namespace {

constexpr std::int64_t infinite = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t before_all = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t initial = 0;  // id of the value before any write
constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
constexpr std::size_t witness_max = 6;
// The index of a read that no client made: what was found at the end. Never part of a witness, which names operations.
constexpr std::uint64_t look_index = std::numeric_limits<std::uint64_t>::max();

std::int64_t start_of(const Operation& op) { return op.invoke.time_since_epoch().count(); }
std::int64_t end_of(const Operation& op) {
  return is_write(op) && op.outcome == Outcome::unknown ? infinite : op.complete.time_since_epoch().count();
}

// The operations that hold one value, reduced to what matters. The initial value has no creator and ended before all.
struct Cluster {
  const Operation* creator = nullptr;
  std::size_t source = nobody;     // the value a compare-and-set replaced
  std::size_t successor = nobody;  // the value that a compare-and-set put in its place
  bool live = false;
  std::int64_t first_end = infinite;
  std::int64_t last_start = before_all;
  const Operation* ends_first = nullptr;
  const Operation* starts_last = nullptr;

  void add(const Operation& op) {
    if (end_of(op) < first_end) first_end = end_of(op), ends_first = &op;
    if (start_of(op) > last_start) last_start = start_of(op), starts_last = &op;
  }
};

// A chain of clusters that nothing can come between.
struct Unit {
  std::int64_t first_end = infinite;
  std::int64_t last_start = before_all;
  std::size_t ends_first = nobody;  // the cluster that has it
  std::size_t starts_last = nobody;
  bool is_forward() const { return first_end < last_start; }
};

std::string seconds(std::int64_t nanoseconds) {
  return fmt::format("{:.3f} s", static_cast<double>(nanoseconds) / 1e9);
}

std::string who(const Operation& op) {
  return op.index == look_index ? "the look at the end"
                                : fmt::format("{}'s {}", to_string(op.node), to_string(op.kind));
}

std::string_view verb(const Operation& op) { return op.kind == Kind::read ? "returned" : "used"; }

class KeyCheck {
 public:
  explicit KeyCheck(std::span<const Operation* const> operations) : operations_(operations) {}

  KeyFinding run() {
    if (!operations_.empty()) finding_.key = operations_.front()->key;
    const bool decided =
        collect() || raise_the_living() || join_sources() || add_readers() || build_units() || find_clash();
    if (!decided) finding_.answer = Linearizable::yes;
    return std::move(finding_);
  }

 private:
  // Each step returns true once the answer stands.

  bool collect() {
    ValueNames names(operations_);
    clusters_.emplace_back();  // the initial value
    clusters_[initial].live = true;
    clusters_[initial].first_end = before_all + 1;
    ids_.emplace(ValueNames::initial(), initial);
    for (const Operation* op : operations_) {
      if (!is_write(*op) || op->outcome == Outcome::not_done) continue;
      const std::size_t id = id_of(names.made_by(*op));
      if (clusters_[id].creator != nullptr) return doubt("the value {} was written twice", names.show_made(*op));
      clusters_[id].creator = op;
    }
    for (const Operation* op : operations_) {
      if (!collect_one(names, *op)) return doubt("an absent answer cannot be matched with the delete that caused it");
    }
    return false;
  }

  // What `op` saw: a read its value, a failed compare-and-set what it found, a successful one what it replaced.
  bool collect_one(const ValueNames& names, const Operation& op) {
    if (op.kind == Kind::cas && op.outcome != Outcome::not_done) {
      const auto name = names.seen_as(op.expected, {});
      if (!name) return false;
      const std::size_t source = id_of(*name);
      clusters_[id_of(names.made_by(op))].source = source;
      return true;
    }
    const bool is_read = op.kind == Kind::read && op.outcome == Outcome::done;
    const bool is_failed_cas = op.kind == Kind::cas && op.code == Code::condition_failed && op.has_seen;
    if (!is_read && !is_failed_cas) return true;
    const auto name = names.seen_as(is_read ? op.value : op.seen, op.version);
    if (!name) return false;
    readers_.push_back({&op, id_of(*name)});
    return true;
  }

  // Drops unknown writes whose value nobody saw, directly or through a compare-and-set that is itself live.
  bool raise_the_living() {
    std::vector<std::size_t> todo;
    for (const auto& [op, id] : readers_) todo.push_back(id);
    for (std::size_t id = 1; id < clusters_.size(); ++id) {
      const Operation* creator = clusters_[id].creator;
      if (creator != nullptr && creator->outcome == Outcome::done) todo.push_back(id);
    }
    while (!todo.empty()) {
      Cluster& cluster = clusters_[todo.back()];
      todo.pop_back();
      if (cluster.creator == nullptr || cluster.live) continue;
      cluster.live = true;
      cluster.add(*cluster.creator);
      if (cluster.source != nobody) todo.push_back(cluster.source);
    }
    return false;
  }

  bool join_sources() {
    for (std::size_t id = 1; id < clusters_.size(); ++id) {
      const Cluster& cluster = clusters_[id];
      if (!cluster.live || cluster.source == nobody) continue;
      Cluster& source = clusters_[cluster.source];
      if (!source.live) {
        return violation({cluster.creator}, "{} at {} replaced a value that nobody had written", who(*cluster.creator),
                         seconds(start_of(*cluster.creator)));
      }
      if (source.successor != nobody) {
        const Operation* other = clusters_[source.successor].creator;
        return violation({source.creator, other, cluster.creator}, "{} and {} both replaced the same value of this key",
                         who(*other), who(*cluster.creator));
      }
      source.successor = id;
    }
    return false;
  }

  bool add_readers() {
    for (const auto& [op, id] : readers_) {
      Cluster& cluster = clusters_[id];
      if (!cluster.live) return from_nowhere(*op, id);
      if (cluster.creator != nullptr && end_of(*op) < start_of(*cluster.creator)) {
        return violation({op, cluster.creator}, "{} ended at {} with a value whose {} began only at {}", who(*op),
                         seconds(end_of(*op)), to_string(cluster.creator->kind), seconds(start_of(*cluster.creator)));
      }
      if (op->kind == Kind::cas && op->seen == op->expected) {
        return violation({cluster.creator, op}, "{} at {} failed although it saw the very value it expected", who(*op),
                         seconds(start_of(*op)));
      }
      cluster.add(*op);
    }
    return false;
  }

  bool from_nowhere(const Operation& reader, std::size_t id) {
    for (const Operation* op : operations_) {
      if (!is_write(*op) || op->outcome != Outcome::not_done || op->kind == Kind::erase) continue;
      const auto found = ids_.find(ValueNames::of_value(*op->value));
      if (found == ids_.end() || found->second != id) continue;
      return violation({op, &reader}, "{} at {} saw the value of {}, which had been reported as not done", who(reader),
                       seconds(start_of(reader)), who(*op));
    }
    return violation({&reader}, "{} at {} returned a value that nobody had written", who(reader),
                     seconds(start_of(reader)));
  }

  bool build_units() {
    std::size_t seen = 0;
    std::size_t living = 0;
    for (std::size_t id = 0; id < clusters_.size(); ++id) {
      if (!clusters_[id].live) continue;
      ++living;
      if (clusters_[id].source != nobody) continue;
      Unit unit;
      for (std::size_t at = id; at != nobody; at = clusters_[at].successor, ++seen) {
        const Cluster& cluster = clusters_[at];
        if (unit.last_start > cluster.first_end) return chain_clash(unit.starts_last, at);
        if (cluster.first_end < unit.first_end) unit.first_end = cluster.first_end, unit.ends_first = at;
        if (cluster.last_start > unit.last_start) unit.last_start = cluster.last_start, unit.starts_last = at;
      }
      units_.push_back(unit);
    }
    return seen != living && cycle();
  }

  // Compare-and-sets that each replace another's value in a circle: none can have been first.
  bool cycle() {
    std::vector<bool> reached(clusters_.size(), false);
    for (std::size_t id = 0; id < clusters_.size(); ++id) {
      if (!clusters_[id].live || clusters_[id].source != nobody) continue;
      for (std::size_t at = id; at != nobody; at = clusters_[at].successor) reached[at] = true;
    }
    std::vector<const Operation*> members;
    for (std::size_t id = 1; id < clusters_.size(); ++id) {
      if (clusters_[id].live && !reached[id]) members.push_back(clusters_[id].creator);
    }
    return violation(members,
                     "compare-and-set operations replaced one another's values in a circle, so none can be the first");
  }

  bool find_clash() {
    std::vector<Unit> forward;
    std::copy_if(units_.begin(), units_.end(), std::back_inserter(forward),
                 [](const Unit& u) { return u.is_forward(); });
    std::sort(forward.begin(), forward.end(), [](const Unit& a, const Unit& b) { return a.first_end < b.first_end; });
    for (std::size_t i = 1; i < forward.size(); ++i) {
      if (forward[i].first_end < forward[i - 1].last_start) return clash(forward[i - 1], forward[i]);
    }
    for (const Unit& unit : units_) {
      if (unit.is_forward()) continue;
      // The stretches are disjoint by now, so only the last that begins before this unit can hold it.
      auto after = std::partition_point(forward.begin(), forward.end(),
                                        [&](const Unit& u) { return u.first_end < unit.last_start; });
      if (after == forward.begin()) continue;
      const Unit& holder = *std::prev(after);
      if (unit.first_end < holder.last_start) return clash(holder, unit);
    }
    return false;
  }

  // Neither order of the two units is possible: something of each ended before something of the other began.
  bool clash(const Unit& a, const Unit& b) {
    if (a.ends_first == initial) return tell(a, b);
    if (b.ends_first == initial) return tell(b, a);
    // Both tellings are true. The better one ends with a read, the later the better: that is the stale answer somebody got.
    const Operation& a_late = *clusters_[a.starts_last].starts_last;
    const Operation& b_late = *clusters_[b.starts_last].starts_last;
    if (is_write(a_late) != is_write(b_late)) return is_write(a_late) ? tell(b, a) : tell(a, b);
    return start_of(b_late) > start_of(a_late) ? tell(b, a) : tell(a, b);
  }

  // `old` is shown to be the older one, and yet something saw it after `young` had been confirmed.
  bool tell(const Unit& old, const Unit& young) {
    const Operation& late = *clusters_[old.starts_last].starts_last;
    const Operation& confirmed = *clusters_[young.ends_first].ends_first;
    const Operation* older = clusters_[old.ends_first].ends_first;
    const Operation& young_late = *clusters_[young.starts_last].starts_last;
    const std::string proof =
        older == nullptr
            ? std::string("nothing had been written before")
            : fmt::format("{} had confirmed the older one at {}, before {} of the newer one began at {}", who(*older),
                          seconds(end_of(*older)), who(young_late), seconds(start_of(young_late)));
    return violation({&late, &confirmed, older, &young_late, clusters_[old.starts_last].creator,
                      clusters_[young.ends_first].creator},
                     "{} at {} {} {}, although {} had confirmed {} at {}; {}", who(late), seconds(start_of(late)),
                     verb(late), show(old.starts_last), who(confirmed), show(young.ends_first),
                     seconds(end_of(confirmed)), proof);
  }

  // Within a chain: `later` must follow `earlier`, but something of it ended before something of `earlier` began.
  bool chain_clash(std::size_t earlier, std::size_t later) {
    const Operation& late = *clusters_[earlier].starts_last;
    const Operation* confirmed = clusters_[later].ends_first;
    return violation({&late, confirmed, clusters_[earlier].creator, clusters_[later].creator},
                     "{} at {} {} {}, although {} had already confirmed {}, which replaced it, at {}", who(late),
                     seconds(start_of(late)), verb(late), show(earlier), who(*confirmed), show(later),
                     seconds(end_of(*confirmed)));
  }

  std::string show(std::size_t id) const {
    const Operation* creator = clusters_[id].creator;
    if (creator == nullptr) return "the initial absence";
    return creator->kind == Kind::erase ? std::string("a delete") : fmt::format("\"{}\"", *creator->value);
  }

  std::size_t id_of(const std::string& name) {
    const auto [at, is_new] = ids_.emplace(name, clusters_.size());
    if (is_new) clusters_.emplace_back();
    return at->second;
  }

  template <class... Args>
  bool doubt(fmt::format_string<Args...> format, Args&&... args) {
    finding_.answer = Linearizable::inconclusive;
    finding_.reason = fmt::format(format, std::forward<Args>(args)...);
    return true;
  }

  template <class... Args>
  bool violation(std::vector<const Operation*> ops, fmt::format_string<Args...> format, Args&&... args) {
    finding_.answer = Linearizable::no;
    finding_.reason = fmt::format(format, std::forward<Args>(args)...);
    for (const Operation* op : ops) {
      if (op == nullptr || op->index == look_index || finding_.witness.size() == witness_max) continue;
      if (std::find(finding_.witness.begin(), finding_.witness.end(), op->index) == finding_.witness.end()) {
        finding_.witness.push_back(op->index);
      }
    }
    std::sort(finding_.witness.begin(), finding_.witness.end());
    return true;
  }

  std::span<const Operation* const> operations_;
  KeyFinding finding_;
  std::vector<Cluster> clusters_;  // by value id; 0 is the initial value
  std::unordered_map<std::string, std::size_t> ids_;
  std::vector<std::pair<const Operation*, std::size_t>> readers_;
  std::vector<Unit> units_;
};

// Reads of what was found of one key, each begun after everything else of it had ended.
std::vector<Operation> looks_at_the_end(std::span<const Operation* const> operations, const FinalState& state) {
  const Operation& any = *operations.front();
  Time end = any.invoke;
  for (const Operation* op : operations) {
    end = std::max(end, op->outcome == Outcome::unknown ? op->invoke : op->complete);
  }
  end += Duration(1);
  std::vector<Operation> looks;
  const auto look = [&](Value value) {
    Operation& op = looks.emplace_back();
    op.index = look_index;
    op.keyspace = any.keyspace;
    op.key = any.key;
    op.value = std::move(value);
    op.invoke = op.complete = end;
    op.outcome = Outcome::done;
  };
  const auto held = state.find(any.key);
  if (held != state.end()) {
    for (const std::string& value : held->second) look(value);
  } else if (ValueNames(operations).seen_as(std::nullopt, {})) {
    look(std::nullopt);
  }
  return looks;
}

LinearizabilityReport check_keys(std::span<const Operation> operations, std::string_view keyspace,
                                 const FinalState* final_state) {
  LinearizabilityReport report;
  for (auto& [key, ops] : by_key(operations, keyspace)) {
    ++report.keys;
    report.operations += ops.size();
    const std::vector<Operation> looks =
        final_state == nullptr ? std::vector<Operation>() : looks_at_the_end(ops, *final_state);
    for (const Operation& look : looks) ops.push_back(&look);
    KeyFinding finding = check_key(ops);
    if (finding.answer != Linearizable::yes) report.findings.push_back(std::move(finding));
  }
  std::stable_partition(report.findings.begin(), report.findings.end(),
                        [](const KeyFinding& f) { return f.answer == Linearizable::no; });
  if (!report.findings.empty()) report.answer = report.findings.front().answer;
  return report;
}

}  // namespace

KeyFinding check_key(std::span<const Operation* const> operations) { return KeyCheck(operations).run(); }

LinearizabilityReport check_linearizable(std::span<const Operation> operations, std::string_view keyspace) {
  return check_keys(operations, keyspace, nullptr);
}

LinearizabilityReport check_linearizable(std::span<const Operation> operations, std::string_view keyspace,
                                         const FinalState& final_state) {
  return check_keys(operations, keyspace, &final_state);
}

}  // namespace rift::chaos::check
