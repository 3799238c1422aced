// The port for durable storage, in two words: apply(batch) is visible at once, sync(done) makes everything applied so far
// durable (DESIGN 1). The crash model is that a prefix of the applied batches survives. Called from one shard thread, except
// where a function says otherwise. Implemented by engine (RocksDB) and chaos/sim (SimDisk); tests/contract runs one suite
// against both. An error of apply or sync is fatal for the process; nothing is retried.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"

namespace rift::env {

// One column family per table; CONTRACTS 1 gives keys and values. The numbers are never reused.
enum class Table : std::uint8_t { meta = 0, log = 1, state_cp = 2, state_ap = 3, hint = 4, ledger = 5 };
constexpr std::size_t table_count = 6;

// An ordered list of changes that is applied atomically. Keys live in one arena: no allocation per operation.
class WriteBatch {
 public:
  enum class Kind : std::uint8_t { put, erase, erase_range };
  struct Entry {
    Table table = Table::meta;
    Kind kind = Kind::put;
    ByteView key;    // erase_range: first key
    ByteView value;  // put: the value; erase_range: one past the last key
  };
  // A point to truncate back to: what one replica wrote in a shared Turn dies with it.
  struct Mark {
    std::size_t operations = 0;
  };

  void put(Table table, ByteView key, Bytes value);
  void erase(Table table, ByteView key);
  void erase_range(Table table, ByteView first, ByteView last);

  std::size_t size() const { return operations_.size(); }
  bool empty() const { return operations_.empty(); }
  std::size_t bytes() const { return bytes_; }
  Entry at(std::size_t i) const;
  const Bytes& value_at(std::size_t i) const { return operations_[i].value; }
  Mark mark() const { return Mark{operations_.size()}; }
  void truncate(Mark mark);
  void clear();

 private:
  struct Operation {
    Table table;
    Kind kind;
    std::uint32_t key_offset;
    std::uint32_t key_size;
    Bytes value;
  };
  void add(Table table, Kind kind, ByteView key, Bytes value);

  std::string keys_;
  std::vector<Operation> operations_;
  std::size_t bytes_ = 0;
};

struct KeyValue {
  std::string key;
  Bytes value;
  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// first inclusive, last exclusive (empty: to the end of the table).
struct Range {
  std::string first;
  std::string last;
};

class Reader {
 public:
  virtual ~Reader() = default;
  // An absent key is no error. Code::corruption for a record that the store cannot read back.
  virtual Result<std::optional<Bytes>> get(Table table, ByteView key) = 0;
  // Up to keys_max pairs of `range` in ascending key order, stopping after the pair that passes bytes_max.
  virtual Result<std::vector<KeyValue>> scan(Table table, const Range& range, std::size_t keys_max,
                                             std::size_t bytes_max) = 0;
};

// A view of the store at one moment. Bounded in number and age by its owner.
class Snapshot : public Reader {};

// How close the store is to not keeping up; asked before a Turn, so that apply cannot stall (DESIGN 1).
enum class Pressure : std::uint8_t { none, stalled, disk_full };

class Engine : public Reader {
 public:
  // Visible to reads at once; durable after a later sync. The batch is atomic.
  virtual Result<void> apply(const WriteBatch& batch) = 0;
  // Posts `done` to the shard's executor once everything applied before this call is durable. Syncs asked for while one runs
  // share the next. A failing sync never posts: it ends the process (or the simulated node).
  virtual void sync(Task done) = 0;
  virtual Pressure pressure() = 0;
  virtual std::unique_ptr<Snapshot> pin() = 0;
};

}  // namespace rift::env
