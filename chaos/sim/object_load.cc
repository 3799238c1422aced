#include "chaos/sim/object_load.h"

#include <charconv>

#include <fmt/format.h>

namespace rift::chaos::sim {
namespace {

constexpr std::uint64_t first_sink = 700'000;  // far from those of the register load and the prober
constexpr std::size_t account_count = 4;
constexpr std::int64_t opening_balance = 100;
constexpr std::uint64_t counter_count = 2;
constexpr std::uint64_t list_count = 2;
constexpr Duration patience = std::chrono::seconds(6);

// Of one partition: a Txn touches no other.
constexpr std::string_view accounts_begin = "{bank}account";

std::string account(std::size_t number) { return fmt::format("{}{}", accounts_begin, number); }

std::int64_t number_in(const Bytes& value) {
  std::int64_t number = 0;
  const ByteView text = value.view();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

check::List list_in(const Bytes& value) {
  check::List list;
  const std::string text = value.to_string();
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find(' ', from), text.size());
    list.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return list;
}

Step put_step(const std::string& key, std::int64_t value) {
  return {.verb = Verb::put, .key = Bytes(key), .value = Bytes(std::to_string(value))};
}

}  // namespace

caller::Operation ObjectLoad::operation(Verb verb, const std::string& key) const {
  caller::Operation made;
  made.keyspace = options_.keyspace;
  made.verb = verb;
  made.key = Bytes(key);
  made.deadline = options_.timeout;
  return made;
}

caller::Operation ObjectLoad::accounts() const {
  caller::Operation made = operation(Verb::txn, account(0));
  for (std::size_t i = 0; i < account_count; ++i)
    made.operands.ensure().then_steps.push_back({.verb = Verb::get, .key = Bytes(account(i))});
  return made;
}

caller::Operation ObjectLoad::look_at_accounts() {
  switch (random().below(3)) {
    case 0: {
      const auto keyspace = cluster_.keyspace(options_.keyspace);
      if (!keyspace) return accounts();
      return range_of(Verb::scan, std::string(accounts_begin), topology::place(*keyspace, account(0)).id);
    }
    case 1: {
      caller::Operation made = accounts();
      made.verb = Verb::multi_get;
      return made;
    }
    default:
      return accounts();
  }
}

void ObjectLoad::ask(Actor& actor, caller::Operation operation, Answer answer) {
  ++open_;
  const Time invoke = cluster_.world().now();
  actor.client->submit(
      std::move(operation), [this, invoke, answer = std::move(answer)](const caller::Completion& completion) {
        --open_;
        const Response& response = completion.response;
        done_ += response.outcome == Outcome::done ? 1 : 0;
        cluster_.world().trace("object", static_cast<std::uint64_t>(response.code), to_string(response.outcome));
        answer(response, {.outcome = response.outcome, .invoke = invoke, .complete = cluster_.world().now()});
      });
}

std::optional<Response> ObjectLoad::ask_and_wait(Actor& actor, const caller::Operation& operation) {
  const auto got = std::make_shared<std::optional<Response>>();
  caller::Operation patient = operation;
  patient.deadline = patience;
  ask(actor, std::move(patient), [got](const Response& response, const check::Attempted&) { *got = response; });
  cluster_.wait([&] { return got->has_value(); }, 2 * patience);
  return *got;
}

Result<void> ObjectLoad::open() {
  for (const NodeId id : cluster_.ids()) {
    auto actor = std::make_unique<Actor>();
    actor->node = id;
    SimClient::Options client{.sink = SinkId(first_sink + id.value()), .pinned = id, .caller = {}};
    client.caller.retry = true;
    client.caller.deduplicate = true;
    client.caller.read_own = true;
    actor->client = std::make_unique<SimClient>(cluster_.world(), cluster_.nodes(), client);
    actors_.push_back(std::move(actor));
  }
  caller::Operation made = operation(Verb::txn, account(0));
  for (std::size_t i = 0; i < account_count; ++i)
    made.operands.ensure().then_steps.push_back(put_step(account(i), opening_balance));
  const auto opened = ask_and_wait(*actors_.front(), made);
  if (!opened || opened->outcome != Outcome::done)
    return fail(Code::timeout, "the accounts could not be opened: " + (opened ? opened->why : "no answer"));
  return {};
}

void ObjectLoad::start(Time end) {
  end_ = end;
  for (auto& actor : actors_) act_again(*actor);
}

void ObjectLoad::node_down(NodeId node) {
  for (auto& actor : actors_) actor->client->node_down(node);
}

void ObjectLoad::act_again(Actor& actor) {
  cluster_.world().after(random().between(options_.period / 2, options_.period * 3 / 2), [this, &actor] {
    if (cluster_.world().now() >= end_) return;
    act(actor);
    act_again(actor);
  });
}

void ObjectLoad::act(Actor& actor) {
  switch (random().below(11)) {
    case 0:
    case 1:
      return add(actor);
    case 2:
    case 3:
      return append(actor);
    case 4:
      return transfer(actor);
    case 5:
      return read_bank(actor);
    case 6:
      return put_for_a_while(actor);
    case 7:
      return read_own(actor);
    case 8:
      return erase_range(actor);
    default:
      return actor.holding ? unlock(actor) : lock(actor);
  }
}

void ObjectLoad::add(Actor& actor) {
  const std::string key = fmt::format("counter{}", random().below(counter_count));
  caller::Operation made = operation(Verb::increment, key);
  made.operands.ensure().delta = 1;
  ask(actor, std::move(made), [this, key](const Response& response, const check::Attempted& attempt) {
    std::optional<std::int64_t> result;
    if (response.outcome == Outcome::done) result = number_in(response.value);
    additions_.push_back({.key = key, .result = result, .attempt = attempt});
  });
}

// Reads the list and puts the tag behind what it saw, if that is still there.
void ObjectLoad::append(Actor& actor) {
  const std::string key = fmt::format("list{}", random().below(list_count));
  const std::string tag = fmt::format("{}.{}", to_string(actor.node), ++actor.tags);
  ask(actor, operation(Verb::get, key), [this, &actor, key, tag](const Response& seen, const check::Attempted& read) {
    if (seen.outcome != Outcome::done) return;
    list_reads_.push_back({.key = key, .list = list_in(seen.value), .attempt = read});
    caller::Operation made = operation(Verb::cas, key);
    made.condition.kind = seen.found ? Condition::Kind::value : Condition::Kind::absent;
    if (seen.found) made.condition.value = seen.value;
    made.value = Bytes(seen.found ? seen.value.to_string() + ' ' + tag : tag);
    ask(actor, std::move(made), [this, key, tag](const Response&, const check::Attempted& attempt) {
      appendings_.push_back({.key = key, .tag = tag, .attempt = attempt});
    });
  });
}

// Moves money between two accounts, if neither has changed since they were read.
void ObjectLoad::transfer(Actor& actor) {
  ask(actor, accounts(), [this, &actor](const Response& seen, const check::Attempted&) {
    if (seen.outcome != Outcome::done || !seen.results || seen.results->items.size() != account_count) return;
    const auto& items = seen.results->items;
    const std::size_t from = random().below(account_count);
    const std::size_t to = (from + 1 + random().below(account_count - 1)) % account_count;
    const auto amount = static_cast<std::int64_t>(1 + random().below(20));
    caller::Operation made = operation(Verb::txn, account(from));
    Operands& operands = made.operands.ensure();
    for (const std::size_t which : {from, to}) {
      operands.compares.push_back({.key = Bytes(account(which)),
                                   .condition = {.kind = Condition::Kind::version,
                                                 .version = items[which].version.modify_revision.value(),
                                                 .value = {}}});
    }
    operands.then_steps = {put_step(account(from), number_in(items[from].value) - amount),
                           put_step(account(to), number_in(items[to].value) + amount)};
    ask(actor, std::move(made), [](const Response&, const check::Attempted&) {});
  });
}

void ObjectLoad::read_bank(Actor& actor) {
  ask(actor, look_at_accounts(), [this](const Response& response, const check::Attempted& attempt) {
    check::BankRead read{.balances = {}, .attempt = attempt};
    if (response.results) {
      for (const Item& item : response.results->items) read.balances.push_back(number_in(item.value));
    }
    bank_reads_.push_back(std::move(read));
  });
}

// A key of its own that goes by itself, and not before its time.
void ObjectLoad::put_for_a_while(Actor& actor) {
  const std::string key = fmt::format("brief{}.{}", to_string(actor.node), ++actor.tags);
  caller::Operation made = operation(Verb::put, key);
  made.value = Bytes(key);
  made.operands.ensure().ttl = options_.brief;
  ask(actor, std::move(made), [this, &actor, key](const Response& put, const check::Attempted& written) {
    if (put.outcome != Outcome::done) return;
    // Steady clocks differ by a little; the lease of the key counts from its proposal, which is not before its invocation.
    const Time safe = written.invoke + options_.brief * 98 / 100;
    ask(actor, operation(Verb::get, key), [this, key, safe](const Response& seen, const check::Attempted& read) {
      if (seen.outcome == Outcome::done && !seen.found && read.complete < safe) early_.push_back(key);
    });
  });
}

// Its own replica, whatever its role, is to know at least what it wrote itself (read tokens, DESIGN 5).
void ObjectLoad::read_own(Actor& actor) {
  const std::string key = fmt::format("own.{}", to_string(actor.node));
  caller::Operation made = operation(Verb::put, key);
  const auto number = static_cast<std::int64_t>(++actor.tags);
  made.value = Bytes(std::to_string(number));
  ask(actor, std::move(made), [this, &actor, key, number](const Response& put, const check::Attempted&) {
    if (put.outcome != Outcome::done) return;
    const std::uint64_t version = put.version.version;
    caller::Operation read = operation(Verb::get, key);
    read.level = Level::one;
    ask(actor, std::move(read), [this, key, number, version](const Response& seen, const check::Attempted&) {
      if (seen.outcome != Outcome::done || (seen.found && seen.version.version >= version)) return;
      stale_.push_back(fmt::format("{} was written as {} by a client that then read {}", key, number,
                                   seen.found ? seen.value.to_string() : "nothing"));
    });
  });
}

// Keys of its own, in one partition, and then all of them away.
void ObjectLoad::erase_range(Actor& actor) {
  const std::string prefix = fmt::format("{{heap{}.{}}}", to_string(actor.node), ++actor.tags);
  caller::Operation made = operation(Verb::txn, prefix + "0");
  for (std::int64_t i = 0; i < 3; ++i)
    made.operands.ensure().then_steps.push_back(put_step(prefix + std::to_string(i), i));
  const auto keyspace = cluster_.keyspace(options_.keyspace);
  if (!keyspace) return;
  const PartitionId partition = topology::place(*keyspace, prefix + "0").id;
  ask(actor, std::move(made), [this, &actor, prefix, partition](const Response& put, const check::Attempted&) {
    if (put.outcome != Outcome::done) return;
    ask(actor, range_of(Verb::del_range, prefix, partition),
        [this, &actor, prefix, partition](const Response& erased, const check::Attempted&) {
          if (erased.outcome != Outcome::done) return;
          ask(actor, range_of(Verb::scan, prefix, partition),
              [this, prefix](const Response& left, const check::Attempted&) {
                if (left.outcome == Outcome::done && left.results && !left.results->items.empty())
                  stale_.push_back(fmt::format("{} was there after its range had been deleted",
                                               left.results->items.front().key.to_string()));
              });
        });
  });
}

caller::Operation ObjectLoad::range_of(Verb verb, const std::string& prefix, PartitionId partition) const {
  caller::Operation made = operation(verb, prefix);
  made.operands.ensure().range_end = Bytes(prefix + '~');
  made.partition = partition;
  return made;
}

void ObjectLoad::judge_brief_keys(Actor& actor, std::vector<std::string>& failures) {
  if (!early_.empty())
    failures.push_back(fmt::format("{}: {} was gone before its time", options_.keyspace, early_.front()));
  const auto keyspace = cluster_.keyspace(options_.keyspace);
  if (!keyspace) return failures.push_back(options_.keyspace + ": nobody knows the keyspace at the end");
  for (const topology::Partition& partition : keyspace->partitions) judge_brief_keys(actor, partition.id, failures);
}

void ObjectLoad::judge_brief_keys(Actor& actor, PartitionId partition, std::vector<std::string>& failures) {
  caller::Operation scan = operation(Verb::scan, "brief");
  scan.partition = partition;
  scan.operands.ensure().range_end = Bytes("brief~");
  scan.operands.ensure().keys_only = true;
  std::optional<Response> left;
  const auto nothing_is_left = [&] {
    left = ask_and_wait(actor, scan);
    return left && left->outcome == Outcome::done && left->results && left->results->items.empty();
  };
  if (cluster_.wait(nothing_is_left, patience)) return;
  failures.push_back(fmt::format("{}: keys whose time has passed long ago are still there: {}", options_.keyspace,
                                 !left || left->outcome != Outcome::done ? "no answer"
                                 : left->results && !left->results->items.empty()
                                     ? left->results->items.front().key.to_string()
                                     : "no results"));
}

void ObjectLoad::lock(Actor& actor) {
  caller::Operation made = operation(Verb::lock, "lock");
  made.value = Bytes(fmt::format("{}/{}", to_string(actor.node), ++actor.tags));
  made.operands.ensure().ttl = options_.lease;
  const std::string holder = made.value.to_string();
  ask(actor, std::move(made), [this, &actor, holder](const Response& response, const check::Attempted& attempt) {
    if (response.outcome != Outcome::done) return;
    check::Holding holding;
    holding.key = "lock";
    holding.holder = holder;
    holding.fence = response.version.create_revision.value();
    holding.invoke = attempt.invoke;
    holding.acquired = attempt.complete;
    holding.lease = options_.lease;
    actor.holding = holdings_.size();
    holdings_.push_back(std::move(holding));
  });
}

void ObjectLoad::unlock(Actor& actor) {
  check::Holding& holding = holdings_[*actor.holding];
  actor.holding.reset();
  if (random().chance(0.3)) return;  // it forgets; the lease ends
  holding.unlock_invoke = cluster_.world().now();
  caller::Operation made = operation(Verb::unlock, "lock");
  made.value = Bytes(holding.holder);
  ask(actor, std::move(made), [](const Response&, const check::Attempted&) {});
}

void ObjectLoad::judge(std::vector<std::string>& failures) {
  const auto take = [&](const std::vector<std::string>& found) {
    for (const std::string& sentence : found) failures.push_back(options_.keyspace + ": " + sentence);
  };
  Actor& actor = *actors_.front();
  std::map<std::string, std::int64_t> counters;
  std::map<std::string, check::List> lists;
  const auto value_of = [&](const std::string& key) -> std::optional<Bytes> {
    const auto got = ask_and_wait(actor, operation(Verb::get, key));
    if (got && got->outcome == Outcome::done) return got->value;
    failures.push_back(options_.keyspace + ": " + key +
                       " could not be read at the end: " + (got ? got->why : "no answer"));
    return std::nullopt;
  };
  for (std::uint64_t i = 0; i < counter_count; ++i) {
    const std::string key = fmt::format("counter{}", i);
    if (const auto value = value_of(key)) counters[key] = number_in(*value);
  }
  for (std::uint64_t i = 0; i < list_count; ++i) {
    const std::string key = fmt::format("list{}", i);
    if (const auto value = value_of(key)) lists[key] = list_in(*value);
  }
  take(check::check_counters(additions_, counters));
  take(check::check_lists(appendings_, list_reads_, lists));
  take(check::check_bank(bank_reads_, opening_balance * static_cast<std::int64_t>(account_count)));
  take(check::check_locks(holdings_));
  take(stale_);
  judge_brief_keys(actor, failures);
}

}  // namespace rift::chaos::sim
