#include "cli/trial_load.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>

#include <fmt/format.h>

#include "base/rng.h"

namespace rift::cli {
namespace {

constexpr auto pace = std::chrono::microseconds(500);  // what falls due meanwhile is sent together
constexpr std::size_t complaints_max = 20;
constexpr std::size_t read_back_width = 256;

}  // namespace

Time TrialLoad::now() {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Result<std::unique_ptr<TrialLoad>> TrialLoad::start(Options options) {
  std::unique_ptr<TrialLoad> load(new TrialLoad(std::move(options)));
  load->padding_ = std::string(load->options_.value_size, 'v');
  const auto add = [&load](const std::string& pin) -> Result<void> {
    auto sender = std::make_unique<Sender>();
    sender->pin = pin;
    sender->client = TRY(Client::connect({.endpoints = load->options_.endpoints, .pin = pin}));
    load->senders_.push_back(std::move(sender));
    return {};
  };
  for (std::uint32_t c = 0; c < load->options_.clients; ++c) TRY(add(""));
  for (const std::string& endpoint : load->options_.endpoints) {
    if (load->options_.pinned_ones_too) TRY(add(endpoint));
  }
  load->pacer_ = std::thread([raw = load.get()] { raw->run(); });
  return load;
}

TrialLoad::~TrialLoad() { stop(); }

void TrialLoad::stop() {
  stopping_ = true;
  if (pacer_.joinable()) pacer_.join();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return open_ == 0; });
}

void TrialLoad::spare(const std::string& endpoint) {
  std::unique_lock lock(mutex_);
  for (std::size_t i = 0; i < senders_.size(); ++i) {
    if (senders_[i]->pin != endpoint) continue;
    spared_ = i;
    ended_.wait(lock, [this, i] { return senders_[i]->open == 0; });
  }
}

void TrialLoad::resume() {
  const std::lock_guard lock(mutex_);
  spared_ = nobody;
}

bool TrialLoad::is_full() const {
  const std::lock_guard lock(mutex_);
  return options_.in_flight_max > 0 && open_ >= options_.in_flight_max;
}

TrialLoad::Sender& TrialLoad::take_sender() {
  const std::lock_guard lock(mutex_);
  do {
    turn_ = (turn_ + 1) % senders_.size();
  } while (turn_ == spared_ && senders_.size() > 1);
  ++open_;
  ++senders_[turn_]->open;
  return *senders_[turn_];
}

void TrialLoad::run() {
  Rng rng(1);
  const Time begin = now();
  const auto due_of = [&](std::uint64_t number, std::uint32_t rate) {
    return begin + Duration(static_cast<std::int64_t>(number) * 1'000'000'000 / rate);
  };
  std::uint64_t puts = 0;
  std::uint64_t gets = 0;
  while (!stopping_) {
    const Time until = now();
    for (; options_.puts_per_second > 0 && !is_full() && due_of(puts, options_.puts_per_second) <= until; ++puts)
      put(puts, due_of(puts, options_.puts_per_second));
    for (; options_.gets_per_second > 0 && due_of(gets, options_.gets_per_second) <= until; ++gets) {
      std::uint64_t number = 0;
      {
        const std::lock_guard lock(mutex_);
        if (acknowledged_.empty()) continue;
        // Mostly one of the latest: a stale answer would miss it.
        const std::uint64_t back = std::min<std::uint64_t>(acknowledged_.size(), rng.chance(0.5) ? 1 : 1000);
        number = acknowledged_[acknowledged_.size() - 1 - rng.below(back)];
      }
      get(number, due_of(gets, options_.gets_per_second));
    }
    std::this_thread::sleep_for(pace);
  }
}

std::string TrialLoad::key(std::uint64_t number) const { return fmt::format("{}/{:010}", options_.prefix, number); }

void TrialLoad::put(std::uint64_t number, Time due) {
  submit({.keyspace = options_.keyspace,
          .verb = Verb::put,
          .key = Bytes(key(number)),
          .value = Bytes(fmt::format("{}/{}", number, padding_))},
         due, number);
}

void TrialLoad::get(std::uint64_t number, Time due) {
  submit({.keyspace = options_.keyspace, .verb = Verb::get, .key = Bytes(key(number))}, due, number);
}

void TrialLoad::submit(caller::Operation operation, Time due, std::uint64_t number) {
  Sender& sender = take_sender();
  const Sample begun{.is_read = operation.verb == Verb::get, .due = due};
  sender.client->submit(std::move(operation), [this, begun, number, &sender](const Answer& answer) {
    ended(begun, answer, number);
    const std::lock_guard lock(mutex_);
    --open_;
    --sender.open;
    ended_.notify_all();
  });
}

void TrialLoad::ended(const Sample& begun, const Answer& answer, std::uint64_t number) {
  Sample sample = begun;
  sample.ended = now();
  sample.outcome = answer.outcome;
  sample.term = answer.receipt.term;
  {
    const std::lock_guard lock(mutex_);
    samples_.push_back(sample);
    if (answer.is_done() && !sample.is_read) acknowledged_.push_back(number);
    const bool is_missing = answer.is_done() && sample.is_read && !answer.found;
    if (!answer.is_done() || is_missing) {
      is_missing ? ++stale_ : ++failed_;
      if (complaints_.size() < complaints_max) {
        complaints_.push_back(fmt::format("{} {}: {} after {} ms and {} attempts: {}", sample.is_read ? "get" : "put",
                                          key(number), is_missing ? "acknowledged, and absent" : to_string(answer.code),
                                          (sample.ended - sample.due) / std::chrono::milliseconds(1), answer.attempts,
                                          answer.why));
      }
    }
  }
}

std::vector<Sample> TrialLoad::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_;
}

std::uint64_t TrialLoad::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::uint64_t TrialLoad::stale() const {
  const std::lock_guard lock(mutex_);
  return stale_;
}

std::uint64_t TrialLoad::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_.size();
}

std::vector<std::string> TrialLoad::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

Result<std::uint64_t> TrialLoad::count_lost() {
  std::vector<std::uint64_t> numbers;
  {
    const std::lock_guard lock(mutex_);
    numbers = acknowledged_;
  }
  std::uint64_t lost = 0;
  for (std::size_t first = 0; first < numbers.size(); first += read_back_width) {
    const std::size_t last = std::min(numbers.size(), first + read_back_width);
    std::vector<std::promise<Answer>> answers(last - first);
    for (std::size_t i = first; i < last; ++i) {
      senders_.front()->client->submit(
          {.keyspace = options_.keyspace, .verb = Verb::get, .key = Bytes(key(numbers[i]))},
          [&answer = answers[i - first]](Answer reply) { answer.set_value(std::move(reply)); });
    }
    std::optional<Answer> failure;
    for (std::size_t i = first; i < last; ++i) {
      const Answer answer = answers[i - first].get_future().get();
      if (!answer.is_done()) failure = answer;
      if (!answer.found || answer.value.to_string() != fmt::format("{}/{}", numbers[i], padding_)) ++lost;
    }
    if (failure) return fail(failure->code, "the writes cannot be read back: " + failure->why);
  }
  return lost;
}

Duration percentile(std::vector<Duration> values, double q) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

std::vector<Duration> put_latencies(const std::vector<Sample>& samples, Time from, Time to) {
  std::vector<Duration> result;
  for (const Sample& sample : samples) {
    if (!sample.is_read && sample.due >= from && sample.due < to) result.push_back(sample.ended - sample.due);
  }
  return result;
}

Duration longest_gap(const std::vector<Sample>& samples, Time from, Time to) {
  std::optional<Time> last;
  Duration longest{};
  for (const Sample& sample : samples) {
    if (sample.is_read || sample.outcome != Outcome::done) continue;
    if (sample.ended > to) break;
    if (sample.ended >= from && last) longest = std::max(longest, sample.ended - *last);
    last = sample.ended;
  }
  return std::max(longest, last ? to - std::max(*last, from) : to - from);
}

}  // namespace rift::cli
