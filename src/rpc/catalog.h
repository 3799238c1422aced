// The cluster map in the public API's messages. Written by the node that answers and by the client that founds, read by both: every byte
// from outside is judged. Called from the polling threads of api and client.
#pragma once

#include "base/result.h"
#include "topology/catalog.h"

namespace riftkv::v1 {
class Catalog;
class Member;
class Uuid;
enum Durability : int;
enum Level : int;
enum Mode : int;
}  // namespace riftkv::v1

namespace rift::rpc {

// Code::invalid for a value that this version does not know.
Result<Level> to_level(riftkv::v1::Level level);
Result<Mode> to_mode(riftkv::v1::Mode mode);
Result<topology::Durability> to_durability(riftkv::v1::Durability durability);
Uuid to_uuid(const riftkv::v1::Uuid& message);
Result<topology::Member> to_member(const riftkv::v1::Member& message);
// Code::invalid when it contradicts itself: a name twice, a keyspace without partitions, a partition without owners, node 0.
Result<topology::Catalog> to_catalog(const riftkv::v1::Catalog& message);

void fill(const Uuid& uuid, riftkv::v1::Uuid& message);
void fill(const topology::Member& member, riftkv::v1::Member& message);
void fill(const topology::Catalog& catalog, riftkv::v1::Catalog& message);

}  // namespace rift::rpc
