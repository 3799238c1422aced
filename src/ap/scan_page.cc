#include "ap/scan_page.h"

#include <fmt/format.h>

#include "wire/keys.h"
#include "wire/records.h"

namespace rift::ap {
namespace {

constexpr std::size_t rows_per_step = 256;

class Page {
 public:
  Page(const Request& request, Results& results)
      : first_(request.key.view()),
        operands_(request.operands ? *request.operands : none_),
        keys_max_(operands_.keys_max == 0 ? limits::scan_page_keys_max : operands_.keys_max),
        results_(results) {}

  ByteView from() const { return operands_.cursor.view(); }
  // False: this row is of the next page.
  bool take(ByteView key, causal::Envelope envelope, bool is_there) {
    const bool is_wanted =
        is_there && key >= first_ && (operands_.range_end.empty() || key < operands_.range_end.view());
    const std::size_t size = key.size() + (operands_.keys_only ? 0 : envelope.payload.size());
    const bool is_full =
        results_.items.size() >= keys_max_ || (!results_.items.empty() && bytes_ + size > limits::scan_page_bytes_max);
    if (rows_ >= scan_rows_max || read_bytes_ >= scan_read_bytes_max || (is_wanted && is_full)) {
      results_.next_key = Bytes(key);
      return false;
    }
    ++rows_;
    read_bytes_ += key.size() + envelope.payload.size();
    if (!is_wanted) return true;
    bytes_ += size;
    Item item{.key = Bytes(key), .found = true, .value = {}, .version = version_of(envelope.stamp)};
    if (!operands_.keys_only) item.value = std::move(envelope.payload);
    results_.items.push_back(std::move(item));
    return true;
  }

 private:
  inline static const Operands none_{};

  ByteView first_;
  const Operands& operands_;
  std::size_t keys_max_;
  Results& results_;
  std::size_t rows_ = 0;
  std::size_t read_bytes_ = 0;
  std::size_t bytes_ = 0;
};

Result<void> fill(Core& core, const Reads& reads, Page& page, Turn& turn) {
  env::Range range = core.records.range();
  if (!page.from().empty())
    range.first = wire::ap_data_key(core.options.partition, core.options.generation, page.from());
  while (true) {
    const auto rows = TRY(turn.scan(env::Table::state_ap, range, rows_per_step, limits::scan_page_bytes_max));
    if (rows.empty()) return {};
    for (const env::KeyValue& row : rows) {
      const ByteView key = TRY(wire::parse_ap_data_key(row.key));
      auto envelope = TRY(wire::decode_envelope(row.value));
      const bool is_there = envelope.kind == causal::Kind::value && !reads.has_ended(envelope, turn);
      if (!page.take(key, std::move(envelope), is_there)) return {};
    }
    range.first = rows.back().key + '\0';
  }
}

std::optional<Response> refuse_scan(const Core& core, const Request& request) {
  const Placement& placement = core.placement;
  if (placement.keyspace().atomic) {
    return refuse(request.id, Code::unsupported,
                  core.options.name + " is of an atomic keyspace: its keys are read by majority, a scan is of one copy",
                  "read the keys that you know, or use a keyspace that is not atomic");
  }
  if (placement.read_level(request.level) != Level::one) {
    return refuse(
        request.id, Code::unsupported,
        fmt::format("an ap keyspace is scanned at level ONE: a page is what one owner holds, it cannot be of {}",
                    to_string(request.level)),
        "ONE, and read at a higher level the keys that matter");
  }
  if (!core.catching_up) return std::nullopt;
  return refuse(
      request.id, Code::level_unreachable,
      fmt::format("{} lacks what its disk has lost until the others have brought it back", to_string(core.self())),
      "another owner");
}

}  // namespace

Result<void> scan_page(Core& core, const Reads& reads, const Request& request, Turn& turn) {
  if (auto refused = refuse_scan(core, request)) {
    turn.reply(std::move(*refused));
    return {};
  }
  ++core.counters.scans;
  Response response;
  response.id = request.id;
  Page page(request, response.results.emplace());
  TRY(fill(core, reads, page, turn));
  Receipt& receipt = response.receipt;
  receipt.asked = receipt.reached = Level::one;
  receipt.acknowledged_by = {core.self()};
  receipt.served_by = core.self();
  receipt.read_path = ReadPath::local;
  receipt.wal_durability = !core.placement.fsync();
  receipt.epoch = core.placement.epoch();
  turn.reply_when_stored(std::move(response));
  return {};
}

}  // namespace rift::ap
