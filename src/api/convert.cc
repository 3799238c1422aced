#include "api/convert.h"

#include <algorithm>

#include <fmt/format.h>
#include <grpcpp/support/status.h>

#include "base/limits.h"
#include "riftkv/v1/kv.pb.h"
#include "rpc/catalog.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;

constexpr std::uint64_t budget_ms_max = static_cast<std::uint64_t>(limits::request_budget_max.count()) / 1'000'000;

constexpr std::uint64_t ttl_ms_max = static_cast<std::uint64_t>(limits::ttl_max.count()) / 1'000'000;

// Beyond the limit it stays beyond it: validate() refuses it.
Duration to_ttl(std::uint64_t ttl_ms) { return std::chrono::milliseconds(std::min(ttl_ms, ttl_ms_max + 1)); }

Condition to_condition(v1::Condition& message) {
  Condition condition;
  if (message.has_absent()) condition.kind = Condition::Kind::absent;
  if (message.has_version()) {
    condition.kind = Condition::Kind::version;
    condition.version = message.version();
  }
  if (message.has_value()) {
    condition.kind = Condition::Kind::value;
    condition.value = Bytes(std::move(*message.mutable_value()));
  }
  if (message.has_exists()) condition.kind = Condition::Kind::exists;
  if (message.has_created()) {
    condition.kind = Condition::Kind::created;
    condition.version = message.created();
  }
  return condition;
}

void take_ttl(std::uint64_t ttl_ms, Request& request) {
  if (ttl_ms > 0) request.operands.ensure().ttl = to_ttl(ttl_ms);
}

// A step without a verb becomes one that validate() refuses.
Step to_step(v1::Step& message) {
  Step step;
  step.key = Bytes(std::move(*message.mutable_key()));
  switch (message.verb_case()) {
    case v1::Step::kGet:
      step.verb = Verb::get;
      return step;
    case v1::Step::kPut:
      step.verb = Verb::put;
      step.value = Bytes(std::move(*message.mutable_put()->mutable_value()));
      step.ttl = to_ttl(message.put().ttl_ms());
      return step;
    case v1::Step::kDelete:
      step.verb = Verb::del;
      return step;
    case v1::Step::kIncrement:
      step.verb = Verb::increment;
      step.delta = message.increment().delta();
      step.ttl = to_ttl(message.increment().ttl_ms());
      return step;
    case v1::Step::VERB_NOT_SET:
      break;
  }
  step.verb = Verb::resolve;
  return step;
}

Result<void> take_txn(v1::TxnOperation& message, Request& request) {
  const int total = message.compares_size() + message.then_steps_size() + message.else_steps_size();
  if (static_cast<std::size_t>(total) > limits::txn_operations_max)
    return fail(Code::too_large,
                fmt::format("{} operations in one, the limit is {}", total, limits::txn_operations_max));
  request.verb = Verb::txn;
  Operands& operands = request.operands.ensure();
  for (v1::Compare& compare : *message.mutable_compares()) {
    operands.compares.push_back(Compare{.key = Bytes(std::move(*compare.mutable_key())),
                                        .condition = to_condition(*compare.mutable_condition())});
  }
  for (v1::Step& step : *message.mutable_then_steps()) operands.then_steps.push_back(to_step(step));
  for (v1::Step& step : *message.mutable_else_steps()) operands.else_steps.push_back(to_step(step));
  return {};
}

Result<void> take_multi_get(v1::MultiGetOperation& message, Request& request) {
  if (static_cast<std::size_t>(message.keys_size()) > limits::batch_ops_max)
    return fail(Code::too_large,
                fmt::format("{} keys in one, the limit is {}", message.keys_size(), limits::batch_ops_max));
  request.verb = Verb::multi_get;
  Operands& operands = request.operands.ensure();
  for (std::string& key : *message.mutable_keys())
    operands.then_steps.push_back(Step{.verb = Verb::get, .key = Bytes(std::move(key)), .value = {}});
  return {};
}

void take_range(std::string* end, Request& request) { request.operands.ensure().range_end = Bytes(std::move(*end)); }

void take_watch(v1::WatchOperation& message, Request& request) {
  request.verb = Verb::watch;
  take_range(message.mutable_end(), request);
  request.operands->single_key = !message.range();
  request.operands->revision = Revision(message.from_revision());
}

void take_lock(v1::LockOperation& message, Request& request) {
  request.verb = Verb::lock;
  request.value = Bytes(std::move(*message.mutable_holder()));
  request.operands.ensure().ttl = message.ttl_ms() == 0 ? limits::lock_ttl_default : to_ttl(message.ttl_ms());
  if (message.fence() == 0) return;
  request.condition.kind = Condition::Kind::created;
  request.condition.version = message.fence();
}

Result<void> take_verb(v1::Operation& operation, Request& request) {
  switch (operation.verb_case()) {
    case v1::Operation::kGet:
      request.verb = Verb::get;
      return {};
    case v1::Operation::kPut:
      request.verb = Verb::put;
      request.value = Bytes(std::move(*operation.mutable_put()->mutable_value()));
      take_ttl(operation.put().ttl_ms(), request);
      return {};
    case v1::Operation::kDelete:
      request.verb = Verb::del;
      return {};
    case v1::Operation::kCompareAndSet:
      request.verb = Verb::cas;
      request.value = Bytes(std::move(*operation.mutable_compare_and_set()->mutable_value()));
      request.condition = to_condition(*operation.mutable_compare_and_set()->mutable_condition());
      take_ttl(operation.compare_and_set().ttl_ms(), request);
      return {};
    case v1::Operation::kResolve:
      request.verb = Verb::resolve;
      return {};
    case v1::Operation::kIncrement:
      request.verb = Verb::increment;
      request.operands.ensure().delta = operation.increment().delta();
      take_ttl(operation.increment().ttl_ms(), request);
      return {};
    case v1::Operation::kDeleteRange:
      request.verb = Verb::del_range;
      take_range(operation.mutable_delete_range()->mutable_end(), request);
      return {};
    case v1::Operation::kTxn:
      return take_txn(*operation.mutable_txn(), request);
    case v1::Operation::kLock:
      take_lock(*operation.mutable_lock(), request);
      return {};
    case v1::Operation::kUnlock:
      request.verb = Verb::unlock;
      request.value = Bytes(std::move(*operation.mutable_unlock()->mutable_holder()));
      return {};
    case v1::Operation::kMultiGet:
      return take_multi_get(*operation.mutable_multi_get(), request);
    case v1::Operation::kScan:
      request.verb = Verb::scan;
      take_range(operation.mutable_scan()->mutable_end(), request);
      request.operands->keys_max = operation.scan().keys_max();
      request.operands->keys_only = operation.scan().keys_only();
      request.operands->cursor = Bytes(std::move(*operation.mutable_scan()->mutable_cursor()));
      return {};
    case v1::Operation::kWatch:
      take_watch(*operation.mutable_watch(), request);
      return {};
    case v1::Operation::kCompact:
      request.verb = Verb::compact;
      request.operands.ensure().revision = Revision(operation.compact().revision());
      return {};
    case v1::Operation::VERB_NOT_SET:
      break;
  }
  return fail(Code::invalid, "the operation has no verb that this node knows");
}

OpId to_op(const v1::OpId& op) {
  return {.client = {op.client_high(), op.client_low()},
          .sequence = op.sequence(),
          .floor = op.floor(),
          .first = op.first(),
          .retry = op.retry()};
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

v1::Level from_level(Level level) { return static_cast<v1::Level>(level); }

v1::Outcome from_outcome(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return v1::OUTCOME_DONE;
    case Outcome::not_done:
      return v1::OUTCOME_NOT_DONE;
    case Outcome::unknown:
      return v1::OUTCOME_UNKNOWN;
  }
  return v1::OUTCOME_UNKNOWN;
}

void fill_receipt(const Receipt& receipt, v1::Receipt& message) {
  message.set_asked(from_level(receipt.asked));
  message.set_reached(from_level(receipt.reached));
  for (const NodeId node : receipt.acknowledged_by) message.add_acknowledged_by(node.value());
  message.set_served_by(receipt.served_by.value());
  message.set_leader(receipt.leader.value());
  message.set_term(receipt.term.value());
  message.set_index(receipt.index.value());
  message.set_read_path(static_cast<v1::ReadPath>(receipt.read_path));
  if (receipt.staleness_bound)
    message.set_staleness_bound_ns(static_cast<std::uint64_t>(receipt.staleness_bound->count()));
  message.set_hints_left(receipt.hints_left);
  message.set_superseded(receipt.superseded);
  message.set_duplicate(receipt.duplicate);
  message.set_wal_durability(receipt.wal_durability);
  message.set_refounded(receipt.refounded);
  message.set_map_epoch(receipt.epoch.value());
  message.set_map_age_ms(static_cast<std::uint64_t>(receipt.map_age.count() / 1'000'000));
  if (receipt.superseded_by != Version{}) fill(receipt.superseded_by, *message.mutable_superseded_by());
  for (const NodeId node : receipt.hinted) message.add_hinted(node.value());
  message.set_degraded(receipt.degraded);
  for (const NodeId node : receipt.stand_ins) message.add_stand_ins(node.value());
  if (receipt.teaching == Teaching{}) return;
  v1::Teaching& teaching = *message.mutable_teaching();
  teaching.set_sloppy(receipt.teaching.sloppy);
  teaching.set_wall_clock(receipt.teaching.wall_clock);
  teaching.set_no_durability(receipt.teaching.no_durability);
}

void fill_results(const Results& results, v1::Results& message) {
  message.set_succeeded(results.succeeded);
  for (const Item& item : results.items) {
    v1::Item& out = *message.add_items();
    out.set_key(item.key.data(), item.key.size());
    out.set_found(item.found);
    out.set_value(item.value.data(), item.value.size());
    if (item.version != Version{}) fill(item.version, *out.mutable_version());
  }
  message.set_next_key(results.next_key.data(), results.next_key.size());
  message.set_revision(results.revision.value());
  message.set_compacted(results.compacted.value());
  message.set_deleted(results.deleted);
  for (const Event& event : results.events) {
    v1::Event& out = *message.add_events();
    out.set_kind(static_cast<v1::EventKind>(event.kind));
    out.set_revision(event.revision.value());
    out.set_key(event.key.data(), event.key.size());
    out.set_value(event.value.data(), event.value.size());
    if (event.version != Version{}) fill(event.version, *out.mutable_version());
  }
}

}  // namespace

void fill(const Version& version, v1::Version& message) {
  message.set_create_revision(version.create_revision.value());
  message.set_modify_revision(version.modify_revision.value());
  message.set_version(version.version);
  message.set_hlc(version.hlc);
  message.set_dot_node(version.dot_node.value());
  message.set_dot_incarnation(version.dot_incarnation);
  message.set_dot_sequence(version.dot_sequence);
}

Result<Request> to_request(RequestId id, v1::Operation& operation) {
  Request request;
  request.id = id;
  if (operation.keyspace().empty()) return fail(Code::invalid, "the operation names no keyspace");
  if (operation.keyspace().size() > limits::keyspace_name_bytes_max) {
    return fail(Code::unknown_keyspace,
                fmt::format("a keyspace name has at most {} bytes", limits::keyspace_name_bytes_max));
  }
  if (operation.budget_ms() > budget_ms_max) {
    return fail(Code::invalid, fmt::format("budget_ms is {}, the limit is {}", operation.budget_ms(), budget_ms_max));
  }
  request.level = TRY(rpc::to_level(operation.level()));
  TRY(take_verb(operation, request));
  request.keyspace = std::move(*operation.mutable_keyspace());
  request.key = Bytes(std::move(*operation.mutable_key()));
  request.epoch = MapEpoch(operation.map_epoch());
  request.budget = std::chrono::milliseconds(operation.budget_ms());
  request.write_back = !operation.no_write_back();
  request.token = operation.token();
  request.partition = PartitionId(operation.partition());
  if (operation.has_op()) request.op = to_op(operation.op());
  if (operation.has_seen()) request.seen = to_version(operation.seen());
  request.mints_token = operation.mints_token();
  return request;
}

void to_reply(Response&& response, v1::Reply& reply) {
  const std::string_view code = to_string(response.code);
  reply.set_code(code.data(), code.size());
  reply.set_outcome(from_outcome(response.outcome));
  reply.set_found(response.found);
  if (!response.value.empty()) reply.set_value(response.value.data(), response.value.size());
  if (response.version != Version{}) fill(response.version, *reply.mutable_version());
  reply.set_why(std::move(response.why));
  reply.set_hint(std::move(response.hint));
  fill_receipt(response.receipt, *reply.mutable_receipt());
  reply.set_more(response.more);
  if (response.results) fill_results(*response.results, *reply.mutable_results());
}

grpc::Status to_status(const Error& error) {
  const auto with = [&](grpc::StatusCode code) {
    return grpc::Status(code, fmt::format("{}: {}", to_string(error.code), error.detail));
  };
  switch (error.code) {
    case Code::ok:
      return grpc::Status::OK;
    case Code::invalid:
    case Code::unsupported:
      return with(grpc::StatusCode::INVALID_ARGUMENT);
    case Code::too_large:
    case Code::compacted:
      return with(grpc::StatusCode::OUT_OF_RANGE);
    case Code::unknown_keyspace:
      return with(grpc::StatusCode::NOT_FOUND);
    case Code::already_exists:
      return with(grpc::StatusCode::ALREADY_EXISTS);
    case Code::condition_failed:
    case Code::wrong_node:
    case Code::refused:
      return with(grpc::StatusCode::FAILED_PRECONDITION);
    case Code::overloaded:
    case Code::disk_full:
      return with(grpc::StatusCode::RESOURCE_EXHAUSTED);
    case Code::not_leader:
    case Code::no_leader:
    case Code::level_unreachable:
    case Code::clock_skewed:
    case Code::token_not_met:
    case Code::not_ready:
    case Code::unreachable:
      return with(grpc::StatusCode::UNAVAILABLE);
    case Code::superseded_entry:
    case Code::dedup_expired:
      return with(grpc::StatusCode::ABORTED);
    case Code::timeout:
      return with(grpc::StatusCode::DEADLINE_EXCEEDED);
    case Code::leadership_lost:
    case Code::level_missed:
    case Code::disconnected:
      return with(grpc::StatusCode::UNKNOWN);
    case Code::corruption:
      return with(grpc::StatusCode::DATA_LOSS);
    case Code::io:
      return with(grpc::StatusCode::INTERNAL);
  }
  return with(grpc::StatusCode::UNKNOWN);
}

}  // namespace rift::api
