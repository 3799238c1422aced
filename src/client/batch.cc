// The calls of the SDK that are several operations, one or more per partition, and one answer.
#include <map>

#include <fmt/format.h>

#include "base/limits.h"
#include "client/client.h"
#include "client/operations.h"
#include "client/runner.h"
#include "client/steady.h"

namespace rift {

using client::make;
using client::steady_now;

namespace {

// Several answers as one: done when all are; else the first that is not, but unknown before not done, for something may have happened.
std::size_t worst_of(const std::vector<Answer>& answers) {
  std::size_t worst = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].outcome > answers[worst].outcome) worst = i;
  }
  return worst;
}

Answer refused(const Error& error) {
  Answer answer;
  static_cast<Response&>(answer) = refuse({}, error.code, error.detail);
  answer.outcome = Outcome::not_done;  // nothing was sent
  return answer;
}

// A token is a place in the log of one partition: another would wait for what it never reaches.
Answer refused_token(std::size_t partitions) {
  Answer answer;
  static_cast<Response&>(answer) =
      refuse({}, Code::invalid, fmt::format("a token is of one partition, and this reads {}", partitions),
             "with ClientOptions::read_own the client keeps a token for each partition by itself");
  return answer;
}

// The map as it is known, or a fresh one if it lacks the keyspace: another client may have created it since.
Result<std::shared_ptr<const topology::Catalog>> map_that_knows(client::Runner& runner, const std::string& keyspace,
                                                                Time until) {
  auto map = runner.catalog();
  if (map->find(keyspace) == nullptr) map = TRY(runner.refresh_map(until));
  if (map->find(keyspace) == nullptr) return fail(Code::unknown_keyspace, "no keyspace is called " + keyspace);
  return map;
}

// Of the keys of each partition: which they are of those asked for.
using Places = std::map<PartitionId, std::vector<std::size_t>>;

Places places_of(const topology::Catalog& map, const std::string& keyspace, const std::vector<std::string>& keys) {
  const topology::Keyspace* known = map.find(keyspace);
  Places places;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool is_placed = known != nullptr && !known->partitions.empty();
    places[is_placed ? topology::place(*known, keys[i]).id : PartitionId()].push_back(i);
  }
  return places;
}

Answer read_places(Client& client, const std::string& keyspace, const std::vector<std::string>& keys,
                   const Places& places, Time until, const CallOptions& options) {
  if (options.token != 0 && places.size() > 1) return refused_token(places.size());
  std::vector<caller::Operation> operations;
  for (const auto& [partition, of_keys] : places) {
    auto operation = make(keyspace, Verb::multi_get, keys[of_keys.front()], options);
    for (const std::size_t place : of_keys) {
      operation.operands.ensure().then_steps.push_back(Step{.verb = Verb::get, .key = Bytes(keys[place]), .value = {}});
    }
    operation.deadline = std::max<Duration>(until - steady_now(), std::chrono::milliseconds(1));
    operations.push_back(std::move(operation));
  }
  Answer none;
  if (operations.empty()) static_cast<Response&>(none) = refuse({}, Code::invalid, "no keys to read");
  if (operations.empty()) return none;
  std::vector<Answer> answers = client.execute_all(std::move(operations));
  const std::size_t worst = worst_of(answers);
  if (!answers[worst].is_done()) return std::move(answers[worst]);
  std::vector<Item> items(keys.size());
  std::size_t answer = 0;
  for (const auto& [partition, of_keys] : places) {
    Boxed<Results>& results = answers[answer++].results;
    for (std::size_t i = 0; results && i < std::min(of_keys.size(), results->items.size()); ++i)
      items[of_keys[i]] = std::move(results->items[i]);
  }
  Answer whole = std::move(answers.front());
  whole.results.ensure().items = std::move(items);
  if (answers.size() > 1) whole.results->revision = Revision();  // each partition has its own
  return whole;
}

}  // namespace

Answer Client::multi_get(const std::string& keyspace, const std::vector<std::string>& keys,
                         const CallOptions& options) {
  const Time until = steady_now() + (options.deadline > Duration::zero() ? options.deadline : impl_->deadline());
  const auto map = map_that_knows(*impl_, keyspace, until);
  if (!map) return refused(map.error());
  const Places places = places_of(**map, keyspace, keys);
  Answer answer = read_places(*this, keyspace, keys, places, until, options);
  // The nodes have other partitions than this map, if the keyspace was dropped and created again: planned once more by theirs.
  if (answer.is_done() || answer.code != Code::invalid || keys.empty()) return answer;
  const auto fresh = impl_->refresh_map(until);
  if (!fresh) return answer;
  const Places now = places_of(**fresh, keyspace, keys);
  return now == places ? answer : read_places(*this, keyspace, keys, now, until, options);
}

std::vector<Answer> Client::put_all(const std::string& keyspace,
                                    const std::vector<std::pair<std::string, std::string>>& pairs,
                                    const CallOptions& options, const std::function<void(std::size_t)>& ended) {
  std::vector<Answer> answers;
  answers.reserve(pairs.size());
  while (answers.size() < pairs.size()) {
    std::vector<caller::Operation> operations;
    std::size_t bytes = 0;
    for (std::size_t i = answers.size(); i < pairs.size() && operations.size() < put_all_in_flight; ++i) {
      bytes += pairs[i].first.size() + pairs[i].second.size();
      if (!operations.empty() && bytes > put_all_bytes_in_flight) break;
      auto operation = make(keyspace, Verb::put, pairs[i].first, options);
      operation.value = Bytes(pairs[i].second);
      operations.push_back(std::move(operation));
    }
    for (Answer& answer : execute_all(std::move(operations))) answers.push_back(std::move(answer));
    if (ended) ended(answers.size());
  }
  return answers;
}

Result<caller::Scan> Client::scan(caller::ScanWish wish) const {
  const auto map = TRY(map_that_knows(*impl_, wish.keyspace, steady_now() + impl_->deadline()));
  const topology::Keyspace* keyspace = map->find(wish.keyspace);
  if (wish.keys_max == 0 || wish.keys_max > limits::scan_page_keys_max)
    wish.keys_max = static_cast<std::uint32_t>(limits::scan_page_keys_max);
  return caller::Scan::create(std::move(wish), *keyspace);
}

// A page may be a step through deleted keys only: then the next is asked for, within the one deadline.
Answer Client::next_page(caller::Scan& scan, const CallOptions& options) {
  const Time deadline = steady_now() + (options.deadline > Duration::zero() ? options.deadline : impl_->deadline());
  if (options.token != 0 && scan.revisions().size() > 1) return refused_token(scan.revisions().size());
  Answer whole;
  while (!scan.is_over()) {
    auto operations = scan.wanted();
    for (caller::Operation& operation : operations) {
      operation.deadline = std::max<Duration>(deadline - steady_now(), std::chrono::milliseconds(1));
      operation.token = options.token;
    }
    std::vector<PartitionId> partitions;
    for (const caller::Operation& operation : operations) partitions.push_back(operation.partition);
    std::vector<Answer> answers = execute_all(std::move(operations));
    if (!answers.empty()) {
      const std::size_t worst = worst_of(answers);
      if (!answers[worst].is_done()) return std::move(answers[worst]);
      for (std::size_t i = 0; i < answers.size(); ++i)
        scan.take(partitions[i], answers[i].results ? std::move(*answers[i].results) : Results{});
      whole = std::move(answers.front());
    }
    whole.results.emplace().items = scan.page();
    if (!whole.results->items.empty()) break;
  }
  whole.results.ensure();
  const auto revisions = scan.revisions();
  if (revisions.size() == 1) whole.results->revision = revisions.begin()->second;
  return whole;
}

Answer Client::del_range(const std::string& keyspace, ByteView first, ByteView end, const CallOptions& options) {
  const Time deadline = steady_now() + (options.deadline > Duration::zero() ? options.deadline : impl_->deadline());
  const auto map = map_that_knows(*impl_, keyspace, deadline);
  if (!map) return refused(map.error());
  const topology::Keyspace* known = (*map)->find(keyspace);
  std::uint64_t deleted = 0;
  Answer last;
  for (const topology::Partition& partition : known->partitions) {
    for (Bytes next(first); true;) {
      auto operation = make(keyspace, Verb::del_range, next.view(), options);
      operation.operands.ensure().range_end = Bytes(end);
      operation.partition = partition.id;
      operation.deadline = std::max<Duration>(deadline - steady_now(), std::chrono::milliseconds(1));
      last = execute(std::move(operation));
      deleted += last.results ? last.results->deleted : 0;
      last.results.ensure().deleted = deleted;
      // What went before has happened: not done would be untrue.
      if (!last.is_done() && deleted > 0) {
        last.why = "not all of the range: " + last.why;
        last.outcome = Outcome::unknown;
      }
      if (!last.is_done()) return last;
      // A repeated answer does not say where to go on, so that none tells the end of the range: asked again from here, by a new operation.
      if (last.receipt.duplicate && last.results->next_key.empty()) continue;
      next = std::exchange(last.results->next_key, {});
      if (next.empty()) break;
    }
  }
  return last;
}

}  // namespace rift
