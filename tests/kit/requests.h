// Builders of requests, catalogs and views for tests: put("k", "v"), cas(...), catalog_of({...}). Values only.
#pragma once

#include <string_view>
#include <vector>

#include "replica/request.h"
#include "topology/view.h"

namespace rift::kit {

// The id stays zero: TurnHarness and ReplicaCluster give one. Keyspace "k".
Request get(std::string_view key);
Request put(std::string_view key, std::string_view value);
Request del(std::string_view key);
Request cas_absent(std::string_view key, std::string_view value);
Request cas_version(std::string_view key, std::uint64_t version, std::string_view value);
Request cas_value(std::string_view key, std::string_view expected, std::string_view value);
Request resolve(std::string_view key, OpId op);

// The same request with one thing changed.
Request with_id(Request request, std::uint64_t id);
Request with_level(Request request, Level level);
Request with_budget(Request request, Duration budget);
Request with_op(Request request, OpId op);

constexpr ClientId client_of(std::uint64_t number) { return ClientId{.high = 0xc11e4700ULL, .low = number}; }
// The operation `sequence` of client `number` with floor 1; `first` for sequence 1.
OpId op_of(std::uint64_t number, std::uint64_t sequence);

// Members n1..n<nodes>, and keyspace "k": one partition with a copy on each of them.
topology::Catalog catalog_of(std::uint32_t nodes, Mode mode, std::uint32_t copies = 0);  // 0: on every node
topology::ViewPtr view_of(topology::Catalog catalog, NodeId self, std::vector<NodeId> reachable);
std::vector<NodeId> nodes_of(std::initializer_list<std::uint32_t> numbers);

}  // namespace rift::kit
