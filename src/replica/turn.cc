#include "replica/turn.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "base/hash.h"

namespace rift {
namespace {

constexpr std::size_t slots_min = 64;

std::uint64_t slot_hash(env::Table table, ByteView key) {
  return xxh3_64(key) ^ (static_cast<std::uint64_t>(table) << 56);
}

}  // namespace

void TurnOutput::clear_batch() {
  batch.clear();
  must_store = false;
}

void TurnOutput::clear_effects() {
  send_now.clear();
  send_when_durable.clear();
  reply_now.clear();
  reply_when_stored.clear();
  reply_when_durable.clear();
  wakes.clear();
  failures.clear();
}

Turn::Turn(Inputs inputs, TurnOutput& output)
    : inputs_(inputs), output_(output), marks_{.batch = output.batch.mark()} {}

void Turn::account() {
  output_.must_store = output_.must_store || (!may_wait_ && output_.batch.size() > marks_.batch.operations);
  marks_.batch = output_.batch.mark();
  may_wait_ = false;
}

void Turn::begin(PartitionId partition) {
  account();  // a job may write for itself and then begin for others
  partition_ = partition;
  failed_ = false;
  marks_ = Marks{.batch = output_.batch.mark(),
                 .send_now = output_.send_now.size(),
                 .send_when_durable = output_.send_when_durable.size(),
                 .reply_now = output_.reply_now.size(),
                 .reply_when_stored = output_.reply_when_stored.size(),
                 .reply_when_durable = output_.reply_when_durable.size()};
}

// What was answered with reply() stands: it never rests on this Turn's batch.
void Turn::abandon() {
  output_.batch.truncate(marks_.batch);
  output_.send_now.resize(marks_.send_now);
  output_.send_when_durable.resize(marks_.send_when_durable);
  output_.reply_when_stored.resize(marks_.reply_when_stored);
  output_.reply_when_durable.resize(marks_.reply_when_durable);
  slots_.clear();
  erased_ranges_.clear();
  indexed_ = 0;
  may_wait_ = false;
}

bool Turn::end() {
  if (!failed_) {
    account();
    return true;
  }
  abandon();
  output_.reply_now.resize(marks_.reply_now);  // whoever waits for a replica that stops is answered by its node
  return false;
}

void Turn::wake_at(Time at) { output_.wakes.emplace_back(partition_, at); }

void Turn::send(NodeId to, env::Lane lane, Bytes message) {
  output_.send_now.push_back(Outgoing{.partition = partition_, .to = to, .lane = lane, .message = std::move(message)});
}

void Turn::send_when_durable(NodeId to, env::Lane lane, Bytes message) {
  output_.send_when_durable.push_back(
      Outgoing{.partition = partition_, .to = to, .lane = lane, .message = std::move(message)});
}

void Turn::reply(Response response, bool last) {
  output_.reply_now.push_back(Reply{.response = std::move(response), .last = last});
}

void Turn::reply_when_stored(Response response, bool last) {
  output_.reply_when_stored.push_back(Reply{.response = std::move(response), .last = last});
}

void Turn::reply_when_durable(Response response, bool last) {
  output_.reply_when_durable.push_back(Reply{.response = std::move(response), .last = last});
}

void Turn::fail(std::string reason) {
  failed_ = true;
  output_.failures.emplace_back(partition_, std::move(reason));
}

std::shared_ptr<env::Snapshot> Turn::pin() {
  TurnPlaces* places = inputs_.places;
  if (places == nullptr || places->store == nullptr || !places->view.expired()) return nullptr;
  std::shared_ptr<env::Snapshot> view = places->store->pin();
  places->view = view;
  return view;
}

std::shared_ptr<const void> Turn::take_incoming_place() {
  TurnPlaces* places = inputs_.places;
  if (places == nullptr || !places->incoming.expired()) return nullptr;
  const std::shared_ptr<const void> place = std::make_shared<char>();
  places->incoming = place;
  return place;
}

void Turn::insert_slot(std::size_t operation) {
  const auto entry = output_.batch.at(operation);
  std::size_t slot = slot_hash(entry.table, entry.key) & (slots_.size() - 1);
  while (slots_[slot] != 0) {
    const auto held = output_.batch.at(slots_[slot] - 1);
    if (held.table == entry.table && held.key == entry.key) break;  // the newer operation takes its place
    slot = (slot + 1) & (slots_.size() - 1);
  }
  slots_[slot] = static_cast<std::uint32_t>(operation + 1);
}

void Turn::index_batch() {
  const std::size_t size = output_.batch.size();
  if (indexed_ == size) return;
  if (slots_.size() < size * 2) {
    slots_.assign(std::max(slots_min, std::size_t{1} << (64 - static_cast<unsigned>(__builtin_clzll(size * 4)))), 0);
    indexed_ = 0;
    erased_ranges_.clear();
  }
  for (; indexed_ < size; ++indexed_) {
    if (output_.batch.at(indexed_).kind == env::WriteBatch::Kind::erase_range) {
      erased_ranges_.push_back(indexed_);
    } else {
      insert_slot(indexed_);
    }
  }
}

std::optional<std::size_t> Turn::find_in_batch(env::Table table, ByteView key) {
  index_batch();
  if (slots_.empty()) return std::nullopt;
  std::size_t slot = slot_hash(table, key) & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const auto held = output_.batch.at(slots_[slot] - 1);
    if (held.table == table && held.key == key) return slots_[slot] - 1;
  }
  return std::nullopt;
}

bool Turn::covered_by_erased_range(env::Table table, ByteView key, std::size_t after) const {
  return std::any_of(erased_ranges_.begin(), erased_ranges_.end(), [&](std::size_t operation) {
    const auto range = output_.batch.at(operation);
    return operation >= after && range.table == table && range.key <= key && key < range.value;
  });
}

Result<std::optional<Bytes>> Turn::get(env::Table table, ByteView key) {
  const auto operation = find_in_batch(table, key);
  if (covered_by_erased_range(table, key, operation ? *operation + 1 : 0)) return std::optional<Bytes>();
  if (!operation) return inputs_.reader.get(table, key);
  if (output_.batch.at(*operation).kind == env::WriteBatch::Kind::erase) return std::optional<Bytes>();
  return std::optional<Bytes>(output_.batch.value_at(*operation));
}

// The whole batch is laid over the page: a few scans for a request, never one for each of many keys.
Result<std::vector<env::KeyValue>> Turn::scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                              std::size_t bytes_max) {
  std::map<std::string, std::optional<Bytes>> overlay;
  std::size_t erased = 0;
  const auto in_range = [&](ByteView key) { return key >= range.first && (range.last.empty() || key < range.last); };
  for (std::size_t i = 0; i < output_.batch.size(); ++i) {
    const auto entry = output_.batch.at(i);
    if (entry.table != table) continue;
    if (entry.kind == env::WriteBatch::Kind::erase_range) ++erased;
    if (entry.kind != env::WriteBatch::Kind::erase_range && in_range(entry.key))
      overlay[std::string(entry.key)] = std::nullopt;
  }
  if (overlay.empty() && erased == 0) return inputs_.reader.scan(table, range, keys_max, bytes_max);

  std::vector<env::KeyValue> merged;
  std::size_t bytes = 0;
  std::string from = range.first;
  auto next_own = overlay.begin();
  const auto add = [&](const std::string& key, Bytes value) {
    bytes += key.size() + value.size();
    merged.push_back(env::KeyValue{.key = key, .value = std::move(value)});
    return merged.size() < keys_max && bytes <= bytes_max;
  };
  while (true) {
    const auto page = TRY(inputs_.reader.scan(table, env::Range{from, range.last}, keys_max, bytes_max));
    for (const auto& pair : page) {
      for (; next_own != overlay.end() && next_own->first < pair.key; ++next_own) {
        auto own = TRY(get(table, next_own->first));
        if (own && !add(next_own->first, *own)) return merged;
      }
      if (next_own != overlay.end() && next_own->first == pair.key) ++next_own;
      auto current = TRY(get(table, pair.key));
      if (current && !add(pair.key, *current)) return merged;
    }
    if (page.empty()) break;
    from = page.back().key + std::string(1, '\0');
  }
  for (; next_own != overlay.end(); ++next_own) {
    auto own = TRY(get(table, next_own->first));
    if (own && !add(next_own->first, *own)) return merged;
  }
  return merged;
}

}  // namespace rift
