#include "chaos/sim/sim_store.h"

#include <fmt/format.h>

#include "causal/clock.h"

namespace rift::chaos::sim {
namespace {

Verb verb_of(load::Kind kind) {
  switch (kind) {
    case load::Kind::read:
      return Verb::get;
    case load::Kind::write:
      return Verb::put;
    case load::Kind::cas:
      return Verb::cas;
    case load::Kind::erase:
      return Verb::del;
  }
  return Verb::get;
}

caller::Operation plain_operation_of(const load::Ask& ask) {
  caller::Operation operation;
  operation.keyspace = ask.keyspace;
  operation.verb = verb_of(ask.kind);
  operation.level = ask.level;
  operation.key = Bytes(ask.key);
  if (ask.value) operation.value = Bytes(*ask.value);
  operation.deadline = ask.timeout;
  if (ask.kind == load::Kind::cas) {
    operation.condition.kind = ask.expected ? Condition::Kind::value : Condition::Kind::absent;
    if (ask.expected) operation.condition.value = Bytes(*ask.expected);
  }
  return operation;
}

load::Answer answer_of(const load::Ask& ask, const Response& response) {
  load::Answer answer;
  answer.outcome = response.outcome;
  answer.code = response.code;
  answer.error = response.why;
  if (response.outcome == Outcome::done || response.code == Code::condition_failed)
    answer.version = version_text(response.version);
  if (response.receipt.degraded) answer.held = response.receipt.reached;
  if (response.outcome == Outcome::done) answer.revision = response.version.modify_revision.value();
  if (ask.kind == load::Kind::read && response.outcome == Outcome::done && response.found)
    answer.value = response.value.to_string();
  if (response.code == Code::condition_failed) {
    answer.has_seen = true;
    if (response.found) answer.seen = response.value.to_string();
  }
  return answer;
}

}  // namespace

std::string version_text(const Version& version) {
  if (version.hlc != 0) {
    return fmt::format("{:x}.{}.{:x}.{}", version.hlc, version.dot_node.value(), version.dot_incarnation,
                       version.dot_sequence);
  }
  return version.modify_revision == Revision() ? std::string() : std::to_string(version.modify_revision.value());
}

void run_load(World& world, load::Load& load, Time start, Time end) {
  while (world.now() < end) {
    const auto due = load.next_due();
    const Time until = due ? std::min(start + due->time_since_epoch(), end) : end;
    world.run_until(until);
    load.run_due(Time(world.now() - start));
  }
}

SimClient& SimStore::client(const load::Ask& ask) {
  auto& client = clients_[{ask.client, ask.node}];
  if (client == nullptr) {
    SimClient::Options options{.sink = SinkId(1000 + ask.client), .pinned = ask.node, .caller = {}};
    options.caller.retry = options_.retry;
    options.caller.deduplicate = options_.deduplicate;
    client = std::make_unique<SimClient>(cluster_.world(), cluster_.nodes(), options);
  }
  return *client;
}

caller::Operation SimStore::operation_of(const load::Ask& ask) {
  caller::Operation operation = plain_operation_of(ask);
  if (!options_.tokens) return operation;
  operation.seen = sessions_[{ask.client, ask.keyspace}].seen(PartitionId(), ask.key);
  operation.mints_token = true;
  return operation;
}

bool SimStore::may_be_beyond_drift(const Version& version, Time since) {
  if (version.hlc == 0) return false;
  SimNode& node = cluster_.node(version.dot_node);
  const bool clock_known = node.is_up() && node.executor().wall_stepped() < since;
  if (!clock_known) return true;
  // The stamp was made at some moment since then: what the clock said at the first of them decides (seed 1210 of its day).
  const auto elapsed = std::chrono::duration_cast<WallTime::duration>(cluster_.world().now() - since);
  return causal::Hlc(version.hlc) > causal::drift_limit(node.executor().now().wall - elapsed);
}

void SimStore::submit(const load::Ask& ask, Done done) {
  const Time invoke = cluster_.world().now();
  client(ask).submit(
      operation_of(ask), [this, ask, invoke, done = std::move(done)](const caller::Completion& completion) {
        const Response& response = completion.response;
        const load::Answer answer = answer_of(ask, response);
        if (response.outcome == Outcome::done) {
          if (options_.tokens) sessions_[{ask.client, ask.keyspace}].note(PartitionId(), ask.key, response.version);
          answers_.push_back(Answered{.keyspace = ask.keyspace,
                                      .key = ask.key,
                                      .kind = ask.kind,
                                      .level = answer.held != Level::unspecified ? answer.held : ask.level,
                                      .value = ask.kind == load::Kind::read ? answer.value : ask.value,
                                      .version = response.version,
                                      .invoke = invoke,
                                      .complete = cluster_.world().now(),
                                      .is_beyond_drift = may_be_beyond_drift(response.version, invoke)});
        }
        cluster_.world().trace("done", ask.client * 1'000'000 + ask.sequence, to_string(response.outcome));
        done(answer, Time(cluster_.world().now() - start_));
      });
}

void SimStore::node_down(NodeId node) {
  for (auto& [pin, client] : clients_) client->node_down(node);
}

}  // namespace rift::chaos::sim
