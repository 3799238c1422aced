#include "tests/kit/requests.h"

#include <algorithm>

#include <fmt/format.h>

namespace rift::kit {
namespace {

Request make(Verb verb, std::string_view key) {
  Request request;
  request.keyspace = "k";
  request.verb = verb;
  request.key = Bytes(key);
  return request;
}

Request make_cas(std::string_view key, std::string_view value, Condition condition) {
  Request request = make(Verb::cas, key);
  request.value = Bytes(value);
  request.condition = std::move(condition);
  return request;
}

}  // namespace

Request get(std::string_view key) { return make(Verb::get, key); }
Request del(std::string_view key) { return make(Verb::del, key); }

Request put(std::string_view key, std::string_view value) {
  Request request = make(Verb::put, key);
  request.value = Bytes(value);
  return request;
}

Request cas_absent(std::string_view key, std::string_view value) {
  return make_cas(key, value, Condition{.kind = Condition::Kind::absent, .version = 0, .value = {}});
}

Request cas_version(std::string_view key, std::uint64_t version, std::string_view value) {
  return make_cas(key, value, Condition{.kind = Condition::Kind::version, .version = version, .value = {}});
}

Request cas_value(std::string_view key, std::string_view expected, std::string_view value) {
  return make_cas(key, value, Condition{.kind = Condition::Kind::value, .version = 0, .value = Bytes(expected)});
}

Request resolve(std::string_view key, OpId op) { return with_op(make(Verb::resolve, key), op); }

Request with_id(Request request, std::uint64_t id) {
  request.id = RequestId(id);
  return request;
}

Request with_level(Request request, Level level) {
  request.level = level;
  return request;
}

Request with_budget(Request request, Duration budget) {
  request.budget = budget;
  return request;
}

Request with_op(Request request, OpId op) {
  request.op = op;
  return request;
}

OpId op_of(std::uint64_t number, std::uint64_t sequence) {
  return OpId{.client = client_of(number), .sequence = sequence, .floor = 1, .first = sequence == 1, .retry = false};
}

topology::Catalog catalog_of(std::uint32_t nodes, Mode mode, std::uint32_t copies) {
  std::vector<topology::Member> members;
  for (std::uint32_t n = 1; n <= nodes; ++n) {
    members.push_back(topology::Member{.node = NodeId(n),
                                       .client_address = fmt::format("127.0.0.1:{}", 7000 + n),
                                       .peer_address = fmt::format("127.0.0.1:{}", 7100 + n),
                                       .disk = DiskId{.high = 0xd15c, .low = n}});
  }
  const auto founded = MUST(topology::found(ClusterId{.high = 0xc1, .low = 1}, std::move(members)));
  topology::KeyspaceWish wish;
  wish.name = "k";
  wish.mode = mode;
  wish.copies = copies == 0 ? nodes : copies;
  wish.partitions = 1;
  return MUST(topology::create_keyspace(founded, wish));
}

topology::ViewPtr view_of(topology::Catalog catalog, NodeId self, std::vector<NodeId> reachable) {
  std::sort(reachable.begin(), reachable.end());
  return std::make_shared<const topology::View>(
      topology::View{.catalog = std::make_shared<const topology::Catalog>(std::move(catalog)),
                     .self = self,
                     .reachable = std::move(reachable)});
}

std::vector<NodeId> nodes_of(std::initializer_list<std::uint32_t> numbers) {
  std::vector<NodeId> nodes;
  for (const std::uint32_t number : numbers) nodes.push_back(NodeId(number));
  return nodes;
}

}  // namespace rift::kit
