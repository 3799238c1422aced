// Looks at a store before it is opened for writing, and changes nothing: are all batches there that were durable? RocksDB opens a store with
// an empty or deleted log file in the middle with status OK and a hole, in every recovery mode, and cuts the log at a flipped bit as
// if it were a torn tail (trap 15). The running numbers in the batches show both. Called by engine.cc at open.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/settings.h"

namespace rocksdb {
class WalFilter;
}

namespace rift::engine {

// What the log files hold, in the order of the log.
class MarkerChain {
 public:
  void observe(const Marker& marker, const std::string& file);
  // A record that is not one of ours.
  void stranger(const std::string& file);

  struct Verdict {
    std::uint64_t last_valid = 0;  // the last batch to keep: nothing is missing before it
    std::string lost;              // which durable batches are missing behind it; empty: none
  };
  // Given what the tables hold up to (`flushed`) and what is certainly durable (`witness`). Batches behind a gap are a torn tail unless
  // something says that the gap was durable. Code::corruption: the log is none of ours, or out of order.
  Result<Verdict> judge(std::uint64_t flushed, std::uint64_t witness) const;
  std::uint64_t last() const { return last_.number; }

 private:
  struct Gap {
    std::uint64_t before = 0;  // last number before the gap, 0: it is in front of the log
    std::uint64_t after = 0;
    std::string file;  // where the log goes on
  };
  Marker last_;
  std::vector<Gap> gaps_;
  std::string disorder_;
};

struct Findings {
  std::uint64_t last_valid = 0;  // number of the last batch to keep
  std::uint64_t dropped = 0;     // batches behind it that cannot be kept
  std::string lost;              // durable batches that are missing, for people; empty: none
};
// `witness` is what the tail witness says. The directory must be locked by the caller.
Result<Findings> inspect(const Options& options, std::uint64_t witness);

// For the real open: replays up to batch `last` and nothing behind it.
std::unique_ptr<rocksdb::WalFilter> make_stop_filter(std::uint64_t last);

}  // namespace rift::engine
