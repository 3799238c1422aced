#include "client/convert.h"

#include <array>
#include <optional>

#include <grpcpp/support/status.h>

#include "riftkv/v1/kv.pb.h"

namespace rift::client {
namespace {

namespace v1 = riftkv::v1;

constexpr std::array all_codes{Code::ok,
                               Code::invalid,
                               Code::too_large,
                               Code::unknown_keyspace,
                               Code::unsupported,
                               Code::condition_failed,
                               Code::not_leader,
                               Code::no_leader,
                               Code::overloaded,
                               Code::level_unreachable,
                               Code::disk_full,
                               Code::wrong_node,
                               Code::not_ready,
                               Code::already_exists,
                               Code::refused,
                               Code::superseded_entry,
                               Code::compacted,
                               Code::clock_skewed,
                               Code::token_not_met,
                               Code::dedup_expired,
                               Code::timeout,
                               Code::level_missed,
                               Code::leadership_lost,
                               Code::disconnected,
                               Code::corruption,
                               Code::io,
                               Code::unreachable};

std::optional<Code> parse_code(std::string_view text) {
  for (const Code code : all_codes) {
    if (to_string(code) == text) return code;
  }
  return std::nullopt;
}

Outcome to_outcome(v1::Outcome outcome) {
  if (outcome == v1::OUTCOME_DONE) return Outcome::done;
  if (outcome == v1::OUTCOME_NOT_DONE) return Outcome::not_done;
  return Outcome::unknown;  // and so is one that a newer server may invent
}

// A code of a newer server: nothing that would be sent again.
Code code_of(const v1::Reply& reply, Outcome outcome) {
  if (const auto code = parse_code(reply.code())) return *code;
  switch (outcome) {
    case Outcome::done:
      return Code::ok;
    case Outcome::not_done:
      return Code::invalid;
    case Outcome::unknown:
      return Code::io;
  }
  return Code::io;
}

Level to_level(v1::Level level) { return v1::Level_IsValid(level) ? static_cast<Level>(level) : Level::unspecified; }

Receipt to_receipt(const v1::Receipt& message) {
  Receipt receipt;
  receipt.asked = to_level(message.asked());
  receipt.reached = to_level(message.reached());
  for (const std::uint32_t node : message.acknowledged_by()) receipt.acknowledged_by.push_back(NodeId(node));
  receipt.served_by = NodeId(message.served_by());
  receipt.leader = NodeId(message.leader());
  receipt.term = Term(message.term());
  receipt.index = LogIndex(message.index());
  receipt.read_path =
      v1::ReadPath_IsValid(message.read_path()) ? static_cast<ReadPath>(message.read_path()) : ReadPath::none;
  if (message.has_staleness_bound_ns())
    receipt.staleness_bound = Duration(static_cast<std::int64_t>(message.staleness_bound_ns()));
  receipt.hints_left = message.hints_left();
  receipt.superseded = message.superseded();
  receipt.duplicate = message.duplicate();
  receipt.wal_durability = message.wal_durability();
  receipt.refounded = message.refounded();
  receipt.epoch = MapEpoch(message.map_epoch());
  receipt.map_age = std::chrono::milliseconds(static_cast<std::int64_t>(message.map_age_ms()));
  if (message.has_superseded_by()) receipt.superseded_by = to_version(message.superseded_by());
  for (const std::uint32_t node : message.hinted()) receipt.hinted.emplace_back(node);
  receipt.degraded = message.degraded();
  for (const std::uint32_t node : message.stand_ins()) receipt.stand_ins.emplace_back(node);
  receipt.teaching = Teaching{.sloppy = message.teaching().sloppy(),
                              .wall_clock = message.teaching().wall_clock(),
                              .no_durability = message.teaching().no_durability()};
  return receipt;
}

void fill_version(const Version& version, v1::Version& message) {
  message.set_create_revision(version.create_revision.value());
  message.set_modify_revision(version.modify_revision.value());
  message.set_version(version.version);
  message.set_hlc(version.hlc);
  message.set_dot_node(version.dot_node.value());
  message.set_dot_incarnation(version.dot_incarnation);
  message.set_dot_sequence(version.dot_sequence);
}

void fill_condition(const Condition& condition, v1::Condition& message) {
  switch (condition.kind) {
    case Condition::Kind::none:
      return;
    case Condition::Kind::absent:
      message.mutable_absent();
      return;
    case Condition::Kind::version:
      message.set_version(condition.version);
      return;
    case Condition::Kind::value:
      message.set_value(condition.value.data(), condition.value.size());
      return;
    case Condition::Kind::exists:
      message.mutable_exists();
      return;
    case Condition::Kind::created:
      message.set_created(condition.version);
      return;
  }
}

// Rounded up: a time to live may not become none.
std::uint64_t to_ms(Duration duration) { return static_cast<std::uint64_t>((duration.count() + 999'999) / 1'000'000); }

std::uint64_t ttl_ms(const Request& request) { return request.operands ? to_ms(request.operands->ttl) : 0; }

// validate() has seen every step: a verb that is none of these cannot be.
void fill_step(const Step& step, v1::Step& message) {
  message.set_key(step.key.data(), step.key.size());
  if (step.verb == Verb::get) message.mutable_get();
  if (step.verb == Verb::del) message.mutable_delete_();
  if (step.verb == Verb::put) {
    message.mutable_put()->set_value(step.value.data(), step.value.size());
    message.mutable_put()->set_ttl_ms(to_ms(step.ttl));
  }
  if (step.verb == Verb::increment) {
    message.mutable_increment()->set_delta(step.delta);
    message.mutable_increment()->set_ttl_ms(to_ms(step.ttl));
  }
}

void fill_txn(const Operands& operands, v1::TxnOperation& message) {
  for (const Compare& compare : operands.compares) {
    v1::Compare& out = *message.add_compares();
    out.set_key(compare.key.data(), compare.key.size());
    fill_condition(compare.condition, *out.mutable_condition());
  }
  for (const Step& step : operands.then_steps) fill_step(step, *message.add_then_steps());
  for (const Step& step : operands.else_steps) fill_step(step, *message.add_else_steps());
}

void fill_scan(const Operands& operands, v1::ScanOperation& message) {
  message.set_end(operands.range_end.data(), operands.range_end.size());
  message.set_keys_max(operands.keys_max);
  message.set_keys_only(operands.keys_only);
  message.set_cursor(operands.cursor.data(), operands.cursor.size());
}

void fill_watch(const Operands& operands, v1::WatchOperation& message) {
  message.set_range(!operands.single_key);
  message.set_end(operands.range_end.data(), operands.range_end.size());
  message.set_from_revision(operands.revision.value());
}

void fill_verb(const Request& request, v1::Operation& operation) {
  const Operands none;
  const Operands& operands = request.operands ? *request.operands : none;
  switch (request.verb) {
    case Verb::get:
      operation.mutable_get();
      return;
    case Verb::put:
      operation.mutable_put()->set_value(request.value.data(), request.value.size());
      operation.mutable_put()->set_ttl_ms(ttl_ms(request));
      return;
    case Verb::del:
      operation.mutable_delete_();
      return;
    case Verb::cas: {
      v1::CompareAndSetOperation& cas = *operation.mutable_compare_and_set();
      cas.set_value(request.value.data(), request.value.size());
      fill_condition(request.condition, *cas.mutable_condition());
      cas.set_ttl_ms(ttl_ms(request));
      return;
    }
    case Verb::resolve:
      operation.mutable_resolve();
      return;
    case Verb::increment:
      operation.mutable_increment()->set_delta(operands.delta);
      operation.mutable_increment()->set_ttl_ms(ttl_ms(request));
      return;
    case Verb::del_range:
      operation.mutable_delete_range()->set_end(operands.range_end.data(), operands.range_end.size());
      return;
    case Verb::txn:
      fill_txn(operands, *operation.mutable_txn());
      return;
    case Verb::lock:
      operation.mutable_lock()->set_holder(request.value.data(), request.value.size());
      operation.mutable_lock()->set_ttl_ms(ttl_ms(request));
      if (request.condition.kind == Condition::Kind::created)
        operation.mutable_lock()->set_fence(request.condition.version);
      return;
    case Verb::unlock:
      operation.mutable_unlock()->set_holder(request.value.data(), request.value.size());
      return;
    case Verb::multi_get:
      for (const Step& step : operands.then_steps)
        operation.mutable_multi_get()->add_keys(step.key.data(), step.key.size());
      return;
    case Verb::scan:
      fill_scan(operands, *operation.mutable_scan());
      return;
    case Verb::watch:
      fill_watch(operands, *operation.mutable_watch());
      return;
    case Verb::compact:
      operation.mutable_compact()->set_revision(operands.revision.value());
      return;
    case Verb::expire:
    case Verb::verify:
      return;  // never a request
  }
}

}  // namespace

void fill(const Request& request, v1::Operation& operation) {
  operation.set_keyspace(request.keyspace);
  operation.set_key(request.key.data(), request.key.size());
  operation.set_level(static_cast<v1::Level>(request.level));
  // Rounded up: 0 would mean the node's default.
  operation.set_budget_ms(static_cast<std::uint64_t>((request.budget.count() + 999'999) / 1'000'000));
  operation.set_map_epoch(request.epoch.value());
  operation.set_no_write_back(!request.write_back);
  operation.set_token(request.token);
  operation.set_partition(request.partition.value());
  if (request.op) {
    v1::OpId& op = *operation.mutable_op();
    op.set_client_high(request.op->client.high);
    op.set_client_low(request.op->client.low);
    op.set_sequence(request.op->sequence);
    op.set_floor(request.op->floor);
    op.set_first(request.op->first);
    op.set_retry(request.op->retry);
  }
  if (request.seen != Version{}) fill_version(request.seen, *operation.mutable_seen());
  operation.set_mints_token(request.mints_token);
  fill_verb(request, operation);
}

Version to_version(const v1::Version& message) {
  return {.create_revision = Revision(message.create_revision()),
          .modify_revision = Revision(message.modify_revision()),
          .version = message.version(),
          .hlc = message.hlc(),
          .dot_node = NodeId(message.dot_node()),
          .dot_incarnation = message.dot_incarnation(),
          .dot_sequence = message.dot_sequence()};
}

namespace {

Results to_results(v1::Results& message) {
  Results results;
  results.succeeded = message.succeeded();
  for (v1::Item& item : *message.mutable_items()) {
    results.items.push_back(Item{.key = Bytes(std::move(*item.mutable_key())),
                                 .found = item.found(),
                                 .value = Bytes(std::move(*item.mutable_value())),
                                 .version = to_version(item.version())});
  }
  results.next_key = Bytes(std::move(*message.mutable_next_key()));
  results.revision = Revision(message.revision());
  results.compacted = Revision(message.compacted());
  results.deleted = message.deleted();
  for (v1::Event& event : *message.mutable_events()) {
    if (!v1::EventKind_IsValid(event.kind()) || event.kind() == v1::EVENT_KIND_UNSPECIFIED) continue;
    results.events.push_back(Event{.kind = static_cast<Event::Kind>(event.kind()),
                                   .revision = Revision(event.revision()),
                                   .key = Bytes(std::move(*event.mutable_key())),
                                   .value = Bytes(std::move(*event.mutable_value())),
                                   .version = to_version(event.version())});
  }
  return results;
}

}  // namespace

Response to_response(RequestId id, v1::Reply& reply) {
  Response response;
  response.id = id;
  response.outcome = to_outcome(reply.outcome());
  response.code = code_of(reply, response.outcome);
  response.found = reply.found();
  if (!reply.value().empty()) response.value = Bytes(std::move(*reply.mutable_value()));
  if (reply.has_version()) response.version = to_version(reply.version());
  response.why = std::move(*reply.mutable_why());
  response.hint = std::move(*reply.mutable_hint());
  response.receipt = to_receipt(reply.receipt());
  response.more = reply.more();
  if (reply.has_results()) response.results = Boxed<Results>(to_results(*reply.mutable_results()));
  return response;
}

Error to_error(const grpc::Status& status) {
  const std::string& text = status.error_message();
  if (const auto colon = text.find(": "); colon != std::string::npos) {
    const auto code = parse_code(std::string_view(text).substr(0, colon));
    if (code && *code != Code::ok) return {*code, text.substr(colon + 2)};
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return {Code::timeout, "no answer in time"};
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED)
    return {Code::unsupported, "the server does not know this call"};
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {  // before anything could be sent
    if (text.find("failed to connect") != std::string::npos) return {Code::unreachable, "no connection"};
    if (text.find("DNS resolution failed") != std::string::npos) return {Code::unreachable, "no such host"};
  }
  return {Code::disconnected, text};
}

}  // namespace rift::client
