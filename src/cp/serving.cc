// What a CpReplica answers to a read, once its applied state may serve it.
#include <fmt/format.h>

#include "base/limits.h"
#include "cp/replica.h"
#include "cp/scan.h"
#include "replica/weight.h"

namespace rift::cp {
namespace {

Item item_of(const Bytes& key, const std::optional<wire::CpValue>& value) {
  Item item{.key = key, .found = value && !value->deleted, .value = {}, .version = {}};
  if (value) item.version = version_of(*value);
  if (item.found) item.value = value->value;
  return item;
}

}  // namespace

Result<void> CpReplica::serve(const PendingRead& read, ReadPath path, Turn& turn) {
  const bool local = path == ReadPath::local;
  ++(local ? counters_.reads_local : counters_.reads_linearizable);
  Response response;
  response.id = read.id;
  response.receipt = receipt(read.asked);
  response.receipt.index = applier_.index();
  response.receipt.term = applier_.applied().term;
  response.receipt.read_path = path;
  response.receipt.reached = local ? Level::one : read.asked == Level::all ? Level::all : Level::majority;
  if (local) {
    response.receipt.acknowledged_by = {options_.self};
    response.receipt.staleness_bound = freshness_.bound(applier_.index(), turn.now().steady);
  }
  if (read.asked == Level::all && !local) response.receipt.acknowledged_by = raft_.config()->all_voters();
  if (read.verb == Verb::get) {
    TRY(answer_get(read.key, response, turn));
  } else {
    response.results.emplace().revision = applier_.applied().revision;
    const Operands none;
    const Operands& operands = read.operands ? *read.operands : none;
    if (read.verb == Verb::scan) {
      TRY(scan_page(space_, read.key.view(), operands, *response.results, turn));
    } else {
      TRY(answer_multi_get(operands, response, turn));
    }
  }
  served_bytes_ += weight(response);
  turn.reply(std::move(response));
  return {};
}

Result<void> CpReplica::answer_get(ByteView key, Response& response, Turn& turn) {
  const auto value = TRY(read_value(space_, key, turn));
  if (!value) {
    // A delete may have explained it, and been forgotten with the history: then there is only the floor to tell.
    const Revision floor = applier_.applied().compacted;
    if (floor != Revision()) response.results.emplace().compacted = floor;
    return {};
  }
  response.found = !value->deleted;
  response.version = version_of(*value);
  if (response.found) response.value = value->value;
  return {};
}

// All of one state: nothing is applied between two of them.
Result<void> CpReplica::answer_multi_get(const Operands& operands, Response& response, Turn& turn) {
  constexpr std::size_t bytes_max = limits::value_bytes_max + limits::key_bytes_max;  // one key of any size fits
  std::size_t bytes = 0;
  for (const Step& step : operands.then_steps) {
    Item item = item_of(step.key, TRY(read_value(space_, step.key, turn)));
    bytes += item.key.size() + item.value.size();
    if (bytes > bytes_max) {
      const RequestId id = response.id;
      response = refusal(id, Code::too_large, fmt::format("together the values exceed {} bytes", bytes_max),
                         "ask for fewer keys at once");
      return {};
    }
    response.results->items.push_back(std::move(item));
  }
  return {};
}

}  // namespace rift::cp
