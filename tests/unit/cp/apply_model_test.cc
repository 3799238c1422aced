// Random commands against a simple model of the state machine: the same answers, the same keys, the same history; and two replicas that cut the
// log into different Turns, one of them restarted now and then, have the same hash (trap 45).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "apply_bench.h"
#include "base/rng.h"

namespace rift::cp {
namespace {

struct Record {
  bool live = false;
  bool lock = false;
  std::string value;
  std::uint64_t created = 0, modified = 0, version = 0;
  Duration expiry{};
};

struct Change {
  std::uint64_t revision = 0;
  Event::Kind kind = Event::Kind::put;
  std::string key;
  std::string value;
  friend auto operator<=>(const Change&, const Change&) = default;
};

struct Answer {
  Code code = Code::ok;
  std::string value{};
  std::uint64_t revision = 0;  // spent; 0: none
  bool succeeded = false;
  std::uint64_t deleted = 0;
};

// What an operation means, without log, store, batches or bounds.
class Model {
 public:
  Answer run(const wire::Command& command, Duration time) {
    const std::string key = command.key.to_string();
    const Duration ttl = command.operands ? command.operands->ttl : Duration();
    const Verb verb = command.verb;
    if (verb == Verb::txn) return txn(*command.operands, time);
    if (verb == Verb::del_range) return del_range(key, command.operands->range_end.to_string());
    if (verb == Verb::lock) return lock(key, command.value.to_string(), expiry(time, ttl));
    if (verb == Verb::unlock) return unlock(key, command.value.to_string());
    if (verb == Verb::expire) return expire(time);
    if (verb == Verb::cas && ((keys_[key].live && keys_[key].lock) || !holds(key, command.condition)))
      return failed(key);
    return alone([&](Answer& a) {
      if (verb == Verb::del) return del(a, key);
      if (verb == Verb::increment) return increment(a, key, command.operands->delta, expiry(time, ttl));
      return put(a, key, command.value.to_string(), expiry(time, ttl));
    });
  }

  const std::map<std::string, Record>& keys() const { return keys_; }
  const std::vector<Change>& changes() const { return changes_; }
  std::uint64_t revision() const { return revision_; }

 private:
  static Duration expiry(Duration time, Duration ttl) { return ttl > Duration::zero() ? time + ttl : Duration(); }
  bool holds(const std::string& key, const Condition& condition) {
    const Record& r = keys_[key];
    if (condition.kind == Condition::Kind::absent) return !r.live;
    if (!r.live) return false;
    if (condition.kind == Condition::Kind::version) return r.modified == condition.version;
    if (condition.kind == Condition::Kind::created) return r.created == condition.version;
    if (condition.kind == Condition::Kind::value) return r.value == condition.value.view();
    return true;
  }
  Answer failed(const std::string& key) {
    return Answer{.code = Code::condition_failed, .value = keys_[key].live ? keys_[key].value : ""};
  }
  // All of `body` or, where it says false, none of it.
  template <class Body>
  Answer alone(Body body) {
    const auto before = keys_;
    Answer answer;
    touched_.clear();
    if (!body(answer)) {
      keys_ = before;
      return answer;
    }
    commit(answer, Event::Kind::del);
    return answer;
  }
  void commit(Answer& answer, Event::Kind gone) {
    if (touched_.empty()) return;
    answer.revision = ++revision_;
    for (const std::string& key : touched_) {
      const Record& r = keys_[key];
      changes_.push_back({revision_, r.live ? Event::Kind::put : gone, key, r.live ? r.value : ""});
    }
  }
  void touch(const std::string& key) {
    if (std::find(touched_.begin(), touched_.end(), key) == touched_.end()) touched_.push_back(key);
  }
  bool is_touched(const std::string& key) const {
    return std::find(touched_.begin(), touched_.end(), key) != touched_.end();
  }
  bool put(Answer& answer, const std::string& key, const std::string& value, Duration expiry) {
    Record& r = keys_[key];
    if (r.live && r.lock) {
      answer = failed(key);
      return false;
    }
    if (!r.live) {
      r.created = revision_ + 1;
      r.version = 1;
    } else if (!is_touched(key)) {
      ++r.version;
    }
    r.live = true;
    r.value = value;
    r.modified = revision_ + 1;
    r.expiry = expiry;
    touch(key);
    return true;
  }
  bool del(Answer& answer, const std::string& key) {
    Record& r = keys_[key];
    if (r.live && r.lock) {
      answer = failed(key);
      return false;
    }
    if (!r.live) return true;
    r.live = false;
    r.modified = revision_ + 1;
    touch(key);
    return true;
  }
  bool increment(Answer& answer, const std::string& key, std::int64_t delta, Duration expiry) {
    Record& r = keys_[key];
    if (r.live && r.lock) {
      answer = failed(key);
      return false;
    }
    std::int64_t number = 0;
    if (r.live) {
      if (r.value.empty() || r.value.find_first_not_of("-0123456789") != std::string::npos) {
        answer.code = Code::invalid;
        return false;
      }
      number = std::stoll(r.value);
    }
    answer.value = std::to_string(number + delta);
    return put(answer, key, answer.value, expiry);
  }
  Answer txn(const Operands& operands, Duration time) {
    const bool succeeded = std::all_of(operands.compares.begin(), operands.compares.end(),
                                       [&](const Compare& c) { return holds(c.key.to_string(), c.condition); });
    Answer result = alone([&](Answer& a) {
      for (const Step& step : succeeded ? operands.then_steps : operands.else_steps) {
        const std::string key = step.key.to_string();
        bool fine = true;
        if (step.verb == Verb::put) fine = put(a, key, step.value.to_string(), expiry(time, step.ttl));
        if (step.verb == Verb::del) fine = del(a, key);
        if (step.verb == Verb::increment) fine = increment(a, key, step.delta, expiry(time, step.ttl));
        if (!fine) return false;
      }
      a.value.clear();
      return true;
    });
    result.succeeded = result.code == Code::ok && succeeded;
    return result;
  }
  Answer del_range(const std::string& first, const std::string& end) {
    touched_.clear();
    Answer answer;
    for (auto& [key, r] : keys_) {
      if (key < first || (!end.empty() && key >= end) || !r.live || r.lock) continue;
      r.live = false;
      r.modified = revision_ + 1;
      touch(key);
      ++answer.deleted;
    }
    commit(answer, Event::Kind::del);
    return answer;
  }
  Answer lock(const std::string& key, const std::string& holder, Duration until) {
    Record& r = keys_[key];
    if (r.live && (!r.lock || r.value != holder)) return failed(key);
    if (r.live) {
      r.expiry = until;
      return {};
    }
    return alone([&](Answer& a) {
      put(a, key, holder, until);
      keys_[key].lock = true;
      return true;
    });
  }
  Answer unlock(const std::string& key, const std::string& holder) {
    Record& r = keys_[key];
    if (!r.live || !r.lock || r.value != holder) return failed(key);
    r.lock = false;
    return alone([&](Answer& a) { return del(a, key); });
  }
  Answer expire(Duration time) {
    std::vector<std::pair<Duration, std::string>> due;
    for (const auto& [key, r] : keys_) {
      if (r.live && r.expiry > Duration::zero() && r.expiry <= time) due.emplace_back(r.expiry, key);
    }
    std::sort(due.begin(), due.end());
    touched_.clear();
    for (const auto& [at, key] : due) {
      keys_[key].live = false;
      keys_[key].lock = false;
      keys_[key].modified = revision_ + 1;
      touch(key);
    }
    Answer answer;
    commit(answer, Event::Kind::expired);
    return answer;
  }

  std::map<std::string, Record> keys_;
  std::vector<Change> changes_;
  std::vector<std::string> touched_;
  std::uint64_t revision_ = 0;
};

struct Generator {
  Rng rng;
  std::uint64_t revision = 0;

  std::string key() { return std::string(1, static_cast<char>('a' + rng.below(6))); }
  std::string value() { return rng.chance(0.5) ? std::to_string(rng.below(4)) : "text"; }
  Duration ttl() { return rng.chance(0.3) ? Duration(seconds(rng.between(1, 5))) : Duration(); }
  Condition condition() {
    return Condition{.kind = static_cast<Condition::Kind>(rng.between(1, 5)),
                     .version = revision - std::min(revision, rng.below(4)),
                     .value = Bytes(value())};
  }
  Step step() {
    constexpr Verb verbs[] = {Verb::get, Verb::put, Verb::put, Verb::del, Verb::increment};
    return Step{.verb = verbs[rng.below(5)], .key = Bytes(key()), .value = Bytes(value()), .delta = 2, .ttl = ttl()};
  }
  std::vector<Step> steps(std::uint64_t least) {
    std::vector<Step> steps;
    for (std::uint64_t n = least + rng.below(4); n > 0; --n) steps.push_back(step());
    return steps;
  }
  wire::Command command() {
    switch (rng.below(12)) {
      case 0:
        return del_of(key());
      case 1:
      case 2: {
        wire::Command cas = put_of(key(), value(), ttl());
        cas.verb = Verb::cas;
        cas.condition = condition();
        return cas;
      }
      case 3:
        return increment_of(key(), static_cast<std::int64_t>(rng.below(9)) - 4, ttl());
      case 4:
      case 5: {
        std::vector<Compare> compares;
        for (std::uint64_t n = rng.below(3); n > 0; --n) compares.push_back({Bytes(key()), condition()});
        return txn_of(std::move(compares), steps(1), steps(0));
      }
      case 6:
        return rng.chance(0.3) ? del_range_of(key(), key()) : put_of(key(), value());
      case 7:
        return lock_of("l" + key(), "h" + std::to_string(rng.below(2)), seconds(rng.between(1, 4)));
      case 8:
        return rng.chance(0.5) ? unlock_of("l" + key(), "h" + std::to_string(rng.below(2)))
                               : lock_of(key(), "h0", seconds(2));
      case 9:
        return expire_of();
      default:
        return put_of(key(), value(), ttl());
    }
  }
};

void compare_answers(const wire::Command& command, const Applied& got, const Answer& expected) {
  const auto verb = static_cast<int>(command.verb);
  ASSERT_EQ(got.code, expected.code) << verb;
  const bool says_value =
      got.code == Code::condition_failed || (command.verb == Verb::increment && got.code == Code::ok);
  if (says_value) {
    ASSERT_EQ(got.value, Bytes(expected.value)) << verb;
  }
  if (got.code != Code::ok || !got.results) return;
  ASSERT_EQ(got.results->revision, Revision(expected.revision)) << verb;
  ASSERT_EQ(got.results->succeeded, expected.succeeded);
  ASSERT_EQ(got.results->deleted, expected.deleted);
}

void compare_states(ApplyBench& bench, const Model& model) {
  ASSERT_EQ(bench.applied().revision, Revision(model.revision()));
  for (const auto& [key, expected] : model.keys()) {
    const auto got = bench.value(key);
    ASSERT_EQ(is_live(got), expected.live) << key;
    if (!expected.live) continue;
    ASSERT_EQ(got->value, Bytes(expected.value)) << key;
    ASSERT_EQ(got->lock, expected.lock) << key;
    ASSERT_EQ(got->expiry, expected.expiry) << key;
    ASSERT_EQ(got->create_revision, Revision(expected.created)) << key;
    ASSERT_EQ(got->modify_revision, Revision(expected.modified)) << key;
    ASSERT_EQ(got->version, expected.version) << key;
  }
  std::vector<Change> told;
  for (const auto& event : bench.history()) {
    if (event.revision <= bench.applied().compacted) continue;
    told.push_back({event.revision.value(), event.kind, event.key.to_string(), event.value.to_string()});
  }
  std::vector<Change> expected = model.changes();
  std::erase_if(expected, [&](const Change& c) { return c.revision <= bench.applied().compacted.value(); });
  ASSERT_EQ(told.size(), expected.size());
  std::sort(told.begin(), told.end());  // changes of one revision come together, in whatever order
  std::sort(expected.begin(), expected.end());
  for (std::size_t i = 0; i < told.size(); ++i) ASSERT_EQ(told[i], expected[i]) << i;
}

void run_seed(std::uint64_t seed) {
  Generator generator{.rng = Rng(seed)};
  Rng& rng = generator.rng;
  ApplyBench one;
  ApplyBench other;
  Model model;
  std::vector<raft::Entry> held;  // not yet given to the other
  Duration time{};
  std::vector<wire::Command> named_before;
  std::vector<Applied> answered;
  std::uint64_t sequence = 0;
  for (int round = 0; round < 120; ++round) {
    time += seconds(rng.below(2));
    std::vector<wire::Command> commands;
    for (std::uint64_t n = rng.below(5); n > 0; --n) commands.push_back(generator.command());
    std::optional<std::size_t> repeated;
    if (!commands.empty() && rng.chance(0.3)) commands.back() = named(commands.back(), kit::op_of(1, ++sequence));
    if (!named_before.empty() && rng.chance(0.2)) {
      repeated = rng.below(named_before.size());
      commands.push_back(named_before[*repeated]);
    }
    if (rng.chance(0.05)) commands.push_back(compact_of(rng.below(model.revision() + 1)));
    raft::Entry entry{.term = Term(1),
                      .index = next(one.applier().index()),
                      .kind = raft::EntryKind::command,
                      .log_time = time,
                      .payload = wire::encode_commands(commands)};
    held.push_back(entry);
    const auto results = one.apply_entry(std::move(entry));
    ASSERT_EQ(results.size(), commands.size());
    for (std::size_t i = 0; i < commands.size(); ++i) {
      if (results[i].duplicate) {
        const Applied& first = answered[*repeated];
        ASSERT_EQ(results[i].code, first.code);
        ASSERT_EQ(results[i].value, first.value);
        ASSERT_EQ(results[i].version, first.version);
        ASSERT_EQ(results[i].results, first.results);
        continue;
      }
      if (commands[i].verb == Verb::compact) continue;
      compare_answers(commands[i], results[i], model.run(commands[i], time));
      if (!commands[i].op) continue;
      named_before.push_back(commands[i]);
      answered.push_back(results[i]);
    }
    generator.revision = model.revision();
    if (rng.chance(0.05)) one.restart();
    if (rng.chance(0.6)) continue;
    other.apply_together(held);
    held.clear();
    ASSERT_EQ(one.applied(), other.applied());
  }
  compare_states(one, model);
}

TEST(ApplyModel, RandomLogsMeanWhatTheModelSays) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    run_seed(seed);
    if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace rift::cp
