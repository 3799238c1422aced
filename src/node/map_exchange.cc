// Node: maps that come from peers. The map's way is the log of `_system`; who has no replica of it yet, or one that lags, pulls the map of a peer
// whose frames name a newer epoch. Such a map is committed: the peer has applied it (DESIGN 7).
#include <fmt/format.h>

#include "node/node.h"
#include "wire/keys.h"
#include "wire/records.h"

namespace rift::node {
namespace {

// As long as the log usually needs for what frames already tell; and between two pulls.
constexpr Duration map_lag_patience = std::chrono::milliseconds(500);
constexpr Duration map_pull_interval = std::chrono::milliseconds(500);

const std::string& told_map_key() {
  static const std::string key = wire::node_meta_key("map");
  return key;
}

}  // namespace

void Node::hear_epoch(NodeId from, MapEpoch epoch) {
  if (!catalog_ || epoch <= catalog_->epoch || epoch < map_lag_.epoch) return;
  if (map_lag_.since == Time::max()) map_lag_.since = loop_.now().steady;
  map_lag_.from = from;
  map_lag_.epoch = epoch;
}

// A peer speaks of a partition that is not hosted here: one of the two maps is old. Its epoch, which its frames carry, says which; without a
// newer one there is nothing to learn.
void Node::hear_of_unknown(NodeId from, PartitionId partition) {
  LOG_DEBUG(env_.log, "node.unknown_partition", "{} speaks of partition {}", to_string(from), partition.value());
  if (catalog_ && map_lag_.epoch > catalog_->epoch) map_lag_.since = Time();  // no patience: the log does not bring it
}

void Node::pull_map() {
  if (!catalog_ || map_lag_.epoch <= catalog_->epoch) {
    map_lag_ = MapLag{};
    return;
  }
  const Time now = loop_.now().steady;
  if (now < next_map_pull_ || now < map_lag_.since + map_lag_patience) return;
  next_map_pull_ = now + map_pull_interval;
  ++counters_["map_pulls"];
  loop_.outbox().add(map_lag_.from, env::Lane::control, PartitionId(),
                     wire::encode_message(wire::MapPull{.epoch = catalog_->epoch}));
  loop_.schedule_round();
}

void Node::on_map_pull(NodeId from, const wire::MapPull& pull) {
  if (!catalog_ || pull.epoch >= catalog_->epoch) return;
  loop_.outbox().add(
      from, env::Lane::data, PartitionId(),
      wire::encode_message(wire::MapPush{.revision = catalog_revision_, .catalog = wire::encode(*catalog_)}));
  loop_.schedule_round();
}

void Node::on_map_push(NodeId from, const wire::MapPush& push) {
  auto catalog = wire::decode_catalog(push.catalog);
  if (!catalog) {
    ++counters_["messages_malformed"];
    return;
  }
  if (!catalog_ || catalog->cluster != identity_.cluster || catalog->epoch <= catalog_->epoch) return;
  LOG_INFO(env_.log, "node.map_pulled", "epoch={} from={}", catalog->epoch.value(), to_string(from));
  MARK(env_.recorder, "node.map_pulled");
  loop_.run([this, record = wire::encode_message(push)](Turn& turn) { keep_told_map(record, turn); });
  catalog_revision_ = std::max(catalog_revision_, push.revision);
  adopt(std::move(*catalog));
}

void Node::keep_told_map(const Bytes& record, Turn& turn) { turn.put(env::Table::meta, told_map_key(), record); }

Result<std::optional<topology::Catalog>> Node::load_told_map() {
  const auto stored = TRY(env_.storage.get(env::Table::meta, told_map_key()));
  if (!stored) return std::optional<topology::Catalog>();
  const auto message = TRY(wire::decode_message(*stored));
  const auto* push = std::get_if<wire::MapPush>(&message);
  if (push == nullptr)
    return fail(Code::corruption, "the record of the map that this node was told is another message");
  catalog_revision_ = std::max(catalog_revision_, push->revision);
  return std::optional(TRY(wire::decode_catalog(push->catalog)));
}

}  // namespace rift::node
