// A bounded write-through cache of state records in front of the store: the old record of a put comes from here (DESIGN 13). Two
// generations: what is used moves to the young one; when that is full the old one is forgotten. Not a source of truth: a miss
// reads the store. Used by the shard loop only.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "env/storage.h"

namespace rift::node {

class RecordCache final : public env::Reader {
 public:
  RecordCache(env::Reader& store, std::size_t bytes_max) : store_(store), bytes_max_(bytes_max) {}

  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override;
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override;
  // Must be told of every batch that the store has applied.
  void applied(const env::WriteBatch& batch);

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  using Records = std::unordered_map<std::string, std::optional<Bytes>>;  // never iterated

  void remember(const std::string& key, std::optional<Bytes> value);
  void forget(const std::string& key);
  void forget_everything();

  env::Reader& store_;
  std::size_t bytes_max_;
  Records young_;
  Records old_;
  std::size_t young_bytes_ = 0;
  std::string scratch_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace rift::node
