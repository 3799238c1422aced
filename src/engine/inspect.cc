#include "engine/inspect.h"

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "engine/failure.h"

namespace rift::engine {
namespace {

constexpr std::size_t gaps_max = 10'000;  // far more than the damage that is worth describing

constexpr const char* advice =
    "restore the directory from a backup, or give the node an empty one and let its peers refill it";

// Finds the marker: the first operation of every batch. A batch of no operations is RocksDB's own: it writes one into the first log
// after a recovery that stopped at a torn record.
class MarkerReader final : public rocksdb::WriteBatch::Handler {
 public:
  rocksdb::Status PutCF(std::uint32_t family, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    if (family == 0 && key == marker_key) marker_ = decode_marker(value.ToStringView());
    done_ = true;
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override { return stranger(); }
  rocksdb::Status DeleteRangeCF(std::uint32_t, const rocksdb::Slice&, const rocksdb::Slice&) override {
    return stranger();
  }
  bool Continue() override { return !done_; }
  std::optional<Marker> marker() const { return marker_; }

 private:
  rocksdb::Status stranger() {
    done_ = true;
    return rocksdb::Status::OK();
  }
  std::optional<Marker> marker_;
  bool done_ = false;
};

std::optional<Marker> marker_of(const rocksdb::WriteBatch& batch) {
  MarkerReader reader;
  if (!batch.Iterate(&reader).ok()) return std::nullopt;
  return reader.marker();
}

class ObservingFilter final : public rocksdb::WalFilter {
 public:
  explicit ObservingFilter(MarkerChain& chain) : chain_(chain) {}
  const char* Name() const override { return "rift.observe"; }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string& file, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch*, bool*) override {
    if (const auto marker = marker_of(batch)) {
      chain_.observe(*marker, file);
    } else if (batch.Count() > 0) {
      chain_.stranger(file);
    }
    return WalProcessingOption::kIgnoreCurrentRecord;
  }

 private:
  MarkerChain& chain_;
};

class StopFilter final : public rocksdb::WalFilter {
 public:
  explicit StopFilter(std::uint64_t last) : last_(last) {}
  const char* Name() const override { return "rift.stop"; }
  WalProcessingOption LogRecordFound(unsigned long long, const std::string&, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch*, bool*) override {
    const auto marker = marker_of(batch);
    const bool keep = batch.Count() == 0 || (marker && marker->number <= last_);
    return keep ? WalProcessingOption::kContinueProcessing : WalProcessingOption::kStopReplay;
  }

 private:
  const std::uint64_t last_;
};

Result<std::vector<std::string>> known_families(const Options& options) {
  std::vector<std::string> found;
  const auto status = rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), options.path, &found);
  if (!status.ok()) {
    Error error = to_error(status, "store " + options.path + " cannot be read");
    error.detail += std::string("; ") + advice;
    return tl::unexpected(error);
  }
  for (const auto& name : found) {
    bool known = name == rocksdb::kDefaultColumnFamilyName;
    for (std::size_t i = 0; i < env::table_count; ++i) known = known || name == table_name(static_cast<env::Table>(i));
    if (!known) {
      return fail(Code::corruption,
                  fmt::format("store {} has a table '{}' that this version does not know; start it with the version "
                              "that made it",
                              options.path, name));
    }
  }
  return found;
}

}  // namespace

void MarkerChain::observe(const Marker& marker, const std::string& file) {
  const bool is_first = last_.number == 0;
  if (marker.number <= last_.number && disorder_.empty()) {
    disorder_ = fmt::format("{}: batch {} follows batch {}", file, marker.number, last_.number);
  }
  const bool is_gap = is_first ? marker.number > 1 : marker.number > last_.number + 1;
  if (is_gap && gaps_.size() < gaps_max)
    gaps_.push_back(Gap{.before = last_.number, .after = marker.number, .file = file});
  last_ = marker;
}

void MarkerChain::stranger(const std::string& file) {
  if (disorder_.empty()) disorder_ = file + ": a record without a batch number";
}

Result<MarkerChain::Verdict> MarkerChain::judge(std::uint64_t flushed, std::uint64_t witness) const {
  if (!disorder_.empty()) return fail(Code::corruption, disorder_);
  const std::uint64_t durable = std::max(witness, last_.durable);
  // What the tables hold need not be in the log any more.
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& g) { return g.after > flushed + 1; });
  Verdict verdict;
  verdict.last_valid = gap == gaps_.end() ? std::max(flushed, last_.number) : std::max(flushed, gap->before);
  if (durable <= verdict.last_valid) return verdict;
  verdict.lost = gap == gaps_.end()
                     ? fmt::format("the log ends at batch {}, but batch {} was durable", verdict.last_valid, durable)
                     : fmt::format("batches {} to {} are missing from the log before {}, but batch {} was durable",
                                   verdict.last_valid + 1, gap->after - 1, gap->file, durable);
  return verdict;
}

Result<Findings> inspect(const Options& options, std::uint64_t witness) {
  const auto names = TRY(known_families(options));
  MarkerChain chain;
  ObservingFilter filter(chain);
  rocksdb::DBOptions db_options = database_options(options);
  // Read over damage, so that what stands behind it is seen; the numbers tell what is missing.
  db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  db_options.wal_filter = &filter;
  db_options.info_log_level = rocksdb::FATAL_LEVEL;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names) families.emplace_back(name, default_family_options());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::OpenForReadOnly(db_options, options.path, families, &handles, &raw);
  const std::string where = "store " + options.path;
  if (!opened.ok()) {
    Error error = to_error(opened, where + " cannot be read");
    error.detail += std::string("; ") + advice;
    return tl::unexpected(error);
  }
  const std::unique_ptr<rocksdb::DB> db(raw);
  std::string stored;
  const auto read = db->Get(rocksdb::ReadOptions(), db->DefaultColumnFamily(), marker_key, &stored);
  for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
  if (!read.ok() && !read.IsNotFound()) return tl::unexpected(to_error(read, where + " has lost its batch number"));
  const auto flushed = read.ok() ? decode_marker(stored) : Marker{};
  if (!flushed) return fail(Code::corruption, where + " has an unreadable batch number; " + advice);

  const auto verdict = chain.judge(flushed->number, std::max(witness, flushed->durable));
  const std::string why = verdict ? verdict->lost : verdict.error().detail;
  if (!verdict || (!verdict->lost.empty() && !options.amnesia))
    return fail(Code::corruption, fmt::format("{}: {}; nothing was changed; {}", where, why, advice));
  const std::uint64_t last = verdict->last_valid;
  return Findings{.last_valid = last, .dropped = chain.last() > last ? chain.last() - last : 0, .lost = verdict->lost};
}

std::unique_ptr<rocksdb::WalFilter> make_stop_filter(std::uint64_t last) { return std::make_unique<StopFilter>(last); }

}  // namespace rift::engine
