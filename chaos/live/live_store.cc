#include "chaos/live/live_store.h"

#include <fmt/core.h>

namespace rift::chaos::live {
namespace {

constexpr auto connect_limit = std::chrono::seconds(10);

caller::Operation to_operation(const load::Ask& ask) {
  caller::Operation operation{
      .keyspace = ask.keyspace, .level = ask.level, .key = Bytes(ask.key), .deadline = ask.timeout};
  switch (ask.kind) {
    case check::Kind::read:
      operation.verb = Verb::get;
      break;
    case check::Kind::write:
      operation.verb = Verb::put;
      break;
    case check::Kind::erase:
      operation.verb = Verb::del;
      break;
    case check::Kind::cas:
      operation.verb = Verb::cas;
      break;
  }
  if (ask.value) operation.value = Bytes(*ask.value);
  if (ask.kind == check::Kind::cas && ask.expected) {
    operation.condition = {.kind = Condition::Kind::value, .value = Bytes(*ask.expected)};
  } else if (ask.kind == check::Kind::cas) {
    operation.condition.kind = Condition::Kind::absent;
  }
  return operation;
}

check::Value value_of(const Response& response) {
  return response.found ? check::Value(response.value.to_string()) : std::nullopt;
}

}  // namespace

std::string version_text(const Version& version) {
  if (version.modify_revision.value() != 0) return fmt::format("r{}", version.modify_revision.value());
  if (version.hlc == 0) return {};
  return fmt::format("{}.{}.{}.{}", version.hlc, version.dot_node.value(), version.dot_incarnation,
                     version.dot_sequence);
}

load::Answer to_answer(const load::Ask& ask, const Response& response) {
  load::Answer answer{.outcome = response.outcome,
                      .code = response.code,
                      .error = response.why,
                      .version = version_text(response.version),
                      .revision = response.version.modify_revision.value()};
  if (response.receipt.degraded) answer.held = response.receipt.reached;
  // For a read too: nobody was served, and nothing was refused either.
  if (answer.outcome == Outcome::not_done && !took_no_effect(response.code)) answer.outcome = Outcome::unknown;
  if (ask.kind == check::Kind::read && answer.outcome == Outcome::done) answer.value = value_of(response);
  if (ask.kind == check::Kind::cas && response.code == Code::condition_failed) {
    answer.has_seen = true;
    answer.seen = value_of(response);
  }
  return answer;
}

Result<std::unique_ptr<LiveStore>> LiveStore::connect(const std::map<NodeId, std::string>& endpoints, Mailbox& mailbox,
                                                      const RunClock& clock) {
  auto store = std::unique_ptr<LiveStore>(new LiveStore(mailbox, clock));
  for (const auto& [node, endpoint] : endpoints) {
    store->clients_[node] = TRY(Client::connect({.endpoints = {endpoint},
                                                 .pin = endpoint,
                                                 .connect_deadline = connect_limit,
                                                 .exactly_once = false,
                                                 .retry = false}));
  }
  return store;
}

void LiveStore::submit(const load::Ask& ask, Done done) {
  const auto client = clients_.find(ask.node);
  if (client == clients_.end()) {
    done({.outcome = Outcome::not_done,
          .code = Code::unreachable,
          .error = "no client is pinned to " + to_string(ask.node)},
         clock_.now());
    return;
  }
  client->second->submit(to_operation(ask), [this, ask, done = std::move(done)](const rift::Answer& reply) {
    const Time now = clock_.now();
    mailbox_.post([answer = to_answer(ask, reply), done, now] { done(answer, now); });
  });
}

}  // namespace rift::chaos::live
