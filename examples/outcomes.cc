// The C++ SDK in one page: a write whose outcome is never guessed, a compare-and-set, a read with its receipt.
//
//   rift cluster up && rift keyspace create bank --mode cp
//   build/release/example_outcomes 127.0.0.1:PORT        (`rift cluster status` prints the ports)
#include <cstdio>

#include "client/client.h"

namespace {

// Unknown is not failure: the cluster is asked what became of the operation, and a late copy is fenced off before it answers "never".
rift::Answer put_for_sure(rift::Client& client, const std::string& key, const std::string& value) {
  rift::Answer answer = client.put("bank", key, value, {.deadline = std::chrono::seconds(2)});
  if (answer.outcome == rift::Outcome::unknown && answer.op) answer = client.resolve("bank", key, *answer.op);
  return answer;
}

int explain(const rift::Answer& answer) {
  std::printf("%s: %s %s\n", std::string(to_string(answer.outcome)).c_str(),
              std::string(to_string(answer.code)).c_str(), answer.why.c_str());
  return answer.is_done() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::printf("usage: example_outcomes ENDPOINT...\n");
    return 1;
  }
  auto connected = rift::Client::connect({.endpoints = {argv + 1, argv + argc}});
  if (!connected) {
    std::printf("%s\n", connected.error().detail.c_str());
    return 1;
  }
  rift::Client& client = **connected;

  if (const rift::Answer put = put_for_sure(client, "account:1", "100"); !put.is_done()) return explain(put);

  const rift::Condition still_100{.kind = rift::Condition::Kind::value, .version = 0, .value = rift::Bytes("100")};
  const rift::Answer cas = client.cas("bank", "account:1", still_100, "90");
  if (!cas.is_done()) return explain(cas);

  const rift::Answer get = client.get("bank", "account:1");
  if (!get.is_done()) return explain(get);
  std::printf("account:1 is %s, revision %llu, answered by %s, led by %s\n", get.value.to_string().c_str(),
              static_cast<unsigned long long>(get.version.modify_revision.value()),
              to_string(get.receipt.served_by).c_str(), to_string(get.receipt.leader).c_str());
  return 0;
}
