#include "caller/scan.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/assert.h"

namespace rift::caller {

namespace {

constexpr std::string_view cursor_format = "1";  // of "1.partition.key", the key in hexadecimal digits

std::string hex_of(ByteView bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0 || text.size() > 2 * limits::key_bytes_max) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    if (error != std::errc() || end != text.data() + i + 2) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace

Result<Scan::Position> Scan::parse_cursor(const std::string& text, const topology::Keyspace& keyspace) {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string::npos ? first : text.find('.', first + 1);
  std::uint32_t partition = 0;
  if (second != std::string::npos && text.substr(0, first) == cursor_format) {
    const char* const end = text.data() + second;
    const auto [stopped, error] = std::from_chars(text.data() + first + 1, end, partition);
    const auto key = from_hex(std::string_view(text).substr(second + 1));
    const auto is_meant = [&](const topology::Partition& p) { return p.id.value() == partition; };
    if (error == std::errc() && stopped == end && key) {
      if (std::any_of(keyspace.partitions.begin(), keyspace.partitions.end(), is_meant))
        return Position{.partition = PartitionId(partition), .key = Bytes(*key)};
      return fail(Code::invalid, fmt::format("the cursor is of another life of {}: it was dropped and created again, "
                                             "begin anew",
                                             keyspace.name));
    }
  }
  return fail(Code::invalid, "this is no cursor of a scan; pass on what the page before has given");
}

Result<Scan> Scan::create(ScanWish wish, const topology::Keyspace& keyspace) {
  if (wish.cursor.empty()) return Scan(std::move(wish), keyspace);
  if (keyspace.mode == Mode::cp)
    return fail(Code::invalid, keyspace.name + " is a cp keyspace: its scan goes on from a key");
  Position from = TRY(parse_cursor(wish.cursor, keyspace));
  return Scan(std::move(wish), keyspace, std::move(from));
}

Scan::Scan(ScanWish wish, const topology::Keyspace& keyspace, Position from)
    : wish_(std::move(wish)), by_hash_(keyspace.mode == Mode::ap) {
  for (const topology::Partition& partition : keyspace.partitions) {
    if (partition.id < from.partition) continue;
    Cursor& cursor = cursors_[partition.id];
    if (!by_hash_) cursor.next = wish_.first;
    if (partition.id == from.partition) cursor.next = from.key;
  }
}

std::string Scan::cursor() const {
  for (const auto& [partition, cursor] : cursors_) {
    if (cursor.has_ended && cursor.items.empty()) continue;
    const Bytes& key = cursor.items.empty() ? cursor.next : cursor.items.front().key;
    return fmt::format("{}.{}.{}", cursor_format, partition.value(), hex_of(key.view()));
  }
  return {};
}

std::vector<Operation> Scan::wanted() const {
  std::vector<Operation> operations;
  for (const auto& [partition, cursor] : cursors_) {
    if (by_hash_ && !cursor.items.empty()) break;  // one partition after the other
    if (cursor.has_ended || !cursor.items.empty()) continue;
    Operation operation{.keyspace = wish_.keyspace,
                        .verb = Verb::scan,
                        .level = wish_.level,
                        .key = by_hash_ ? wish_.first : cursor.next,
                        .partition = partition};
    Operands& operands = operation.operands.emplace();
    operands.range_end = wish_.end;
    operands.keys_max = wish_.keys_max;
    operands.keys_only = wish_.keys_only;
    if (by_hash_) operands.cursor = cursor.next;
    operations.push_back(std::move(operation));
    if (by_hash_) break;
  }
  return operations;
}

void Scan::take(PartitionId partition, Results results) {
  const auto it = cursors_.find(partition);
  ASSERT(it != cursors_.end());
  Cursor& cursor = it->second;
  cursor.has_ended = results.next_key.empty();
  cursor.next = std::move(results.next_key);
  cursor.revision = results.revision;
  std::move(results.items.begin(), results.items.end(), std::back_inserter(cursor.items));
}

std::vector<Item> Scan::page() {
  std::vector<Item> items;
  while (items.size() < wish_.keys_max) {
    Cursor* least = nullptr;
    for (auto& [partition, cursor] : cursors_) {
      if (cursor.items.empty()) {
        if (!cursor.has_ended) return items;  // it may hold a smaller key
        continue;
      }
      if (by_hash_) {
        least = &cursor;
        break;
      }
      if (least == nullptr || cursor.items.front().key.view() < least->items.front().key.view()) least = &cursor;
    }
    if (least == nullptr) break;
    items.push_back(std::move(least->items.front()));
    least->items.pop_front();
  }
  return items;
}

bool Scan::is_over() const {
  return std::all_of(cursors_.begin(), cursors_.end(),
                     [](const auto& pair) { return pair.second.has_ended && pair.second.items.empty(); });
}

std::map<PartitionId, Revision> Scan::revisions() const {
  std::map<PartitionId, Revision> revisions;
  for (const auto& [partition, cursor] : cursors_) revisions[partition] = cursor.revision;
  return revisions;
}

}  // namespace rift::caller
