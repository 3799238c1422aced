#include "ap/scan_page.h"

#include <fmt/format.h>

#include "replica/scan_page.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::ap {
namespace {

Result<void> fill(Core& core, const Reads& reads, const Request& request, Results& results, Turn& turn) {
  static const Operands none;
  const Operands& asked = request.operands ? *request.operands : none;
  const auto is_in_range = [&](ByteView key) {
    return key >= request.key.view() && (asked.range_end.empty() || key < asked.range_end.view());
  };
  env::Range range = core.records.range();
  if (!asked.cursor.empty())
    range.first = wire::ap_data_key(core.options.partition, core.options.generation, asked.cursor.view());
  ScanPage page(asked, results);
  while (true) {
    const auto rows = TRY(turn.scan(env::Table::state_ap, range, page.rows_wanted(), limits::scan_page_bytes_max));
    if (rows.empty()) return {};
    for (const env::KeyValue& row : rows) {
      const ByteView key = TRY(wire::parse_ap_data_key(row.key));
      auto envelope = TRY(wire::decode_envelope(row.value));
      const bool is_wanted =
          envelope.kind == causal::Kind::value && !reads.has_ended(envelope, turn) && is_in_range(key);
      if (!page.take(key, version_of(envelope.stamp), std::move(envelope.payload), is_wanted)) return {};
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
  TRY(fill(core, reads, request, response.results.emplace(), turn));
  response.receipt = core.receipt(Level::one);
  response.receipt.reached = Level::one;
  response.receipt.acknowledged_by = {core.self()};
  response.receipt.read_path = ReadPath::local;
  turn.reply_when_stored(std::move(response));
  return {};
}

}  // namespace rift::ap
