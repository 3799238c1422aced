#include "engine/engine.h"

#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>

#include "engine/directory.h"
#include "engine/disk_thread.h"
#include "engine/failure.h"
#include "engine/inspect.h"
#include "engine/settings.h"
#include "engine/witness.h"

namespace rift::engine {
namespace {

namespace fs = std::filesystem;

constexpr auto free_space_interval = std::chrono::milliseconds(100);
constexpr std::size_t scratch_bytes_max = 8 * limits::mebi;  // a larger batch gives its memory back

rocksdb::Slice slice(ByteView view) { return {view.data(), view.size()}; }

// What RocksDB's threads tell us: errors end the process, stalls are remembered.
class Listener final : public rocksdb::EventListener {
 public:
  explicit Listener(Failure& failure) : failure_(failure) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    if (status->IsShutdownInProgress()) return;  // a flush that our own closing broke off; its batches are in the log
    failure_.report(to_error(*status, "background work of the store failed"));
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    const bool was = info.condition.prev != rocksdb::WriteStallCondition::kNormal;
    const bool is = info.condition.cur != rocksdb::WriteStallCondition::kNormal;
    if (was != is) stalled_.fetch_add(is ? 1 : -1, std::memory_order_relaxed);
  }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { manifest_changed(); }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { manifest_changed(); }
  // Who is told of changes; null before and after its life.
  void attach(DiskThread* disk) {
    const Lock lock(mutex_);
    disk_ = disk;
  }
  bool stalled() const { return stalled_.load(std::memory_order_relaxed) > 0; }

 private:
  void manifest_changed() {
    const Lock lock(mutex_);
    if (disk_ != nullptr) disk_->manifest_changed();
  }

  Failure& failure_;
  Mutex mutex_;  // RocksDB's threads call while the engine starts or ends
  DiskThread* disk_ GUARDED_BY(mutex_) = nullptr;
  std::atomic<int> stalled_{0};  // tables that slow writers down or stop them
};

// Held from before the first look at the directory until the database is closed.
class DirectoryLock {
 public:
  static Result<std::unique_ptr<DirectoryLock>> take(const std::string& path) {
    TRY(make_directories(path));
    rocksdb::FileLock* lock = nullptr;
    const auto status = rocksdb::Env::Default()->LockFile(path + "/IN_USE", &lock);
    if (!status.ok()) {
      return fail(Code::io, "the data directory " + path + " is in use by a running node, or cannot be written (" +
                                status.ToString() + "); stop that node or choose another directory");
    }
    return std::unique_ptr<DirectoryLock>(new DirectoryLock(lock));
  }
  ~DirectoryLock() { rocksdb::Env::Default()->UnlockFile(lock_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(rocksdb::FileLock* lock) : lock_(lock) {}
  rocksdb::FileLock* lock_;
};

// The open database; a snapshot keeps it alive.
struct Database {
  Database(Log& log, std::function<void(const Error&)> on_fatal)
      : failure(log, std::move(on_fatal)), listener(std::make_shared<Listener>(failure)) {}
  ~Database() {
    if (!db) return;
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    db->Close().PermitUncheckedError();
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::ColumnFamilyHandle* family(env::Table table) const { return handles[1 + static_cast<std::size_t>(table)]; }

  Result<std::optional<Bytes>> get(const rocksdb::ReadOptions& read, env::Table table, ByteView key) const {
    std::string value;
    const auto status = db->Get(read, family(table), slice(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>();
    if (!status.ok())
      return tl::unexpected(to_error(status, std::string("cannot read a record of table ") + table_name(table)));
    return std::optional<Bytes>(Bytes(std::move(value)));
  }

  Result<std::vector<env::KeyValue>> scan(rocksdb::ReadOptions read, env::Table table, const env::Range& range,
                                          std::size_t keys_max, std::size_t bytes_max) const {
    std::vector<env::KeyValue> out;
    if (keys_max == 0 || (!range.last.empty() && range.last <= range.first)) return out;
    const rocksdb::Slice upper(range.last);
    if (!range.last.empty()) read.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(read, family(table)));
    std::size_t bytes = 0;
    for (it->Seek(range.first); it->Valid() && out.size() < keys_max && bytes <= bytes_max; it->Next()) {
      bytes += it->key().size() + it->value().size();
      out.push_back(env::KeyValue{.key = it->key().ToString(), .value = Bytes(it->value().ToString())});
    }
    if (!it->status().ok())
      return tl::unexpected(to_error(it->status(), std::string("cannot scan table ") + table_name(table)));
    return out;
  }

  std::unique_ptr<DirectoryLock> lock;
  Failure failure;
  std::shared_ptr<Listener> listener;
  std::unique_ptr<rocksdb::WalFilter> recovery;  // RocksDB keeps a pointer to it
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // default, then each table by its number
};

class PinnedView final : public env::Snapshot {
 public:
  explicit PinnedView(std::shared_ptr<const Database> database) : database_(std::move(database)) {
    read_.snapshot = database_->db->GetSnapshot();
  }
  ~PinnedView() override { database_->db->ReleaseSnapshot(read_.snapshot); }
  Result<std::optional<Bytes>> get(env::Table table, ByteView key) override {
    return database_->get(read_, table, key);
  }
  Result<std::vector<env::KeyValue>> scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                          std::size_t bytes_max) override {
    return database_->scan(read_, table, range, keys_max, bytes_max);
  }

 private:
  std::shared_ptr<const Database> database_;
  rocksdb::ReadOptions read_;
};

bool has_tables(const std::string& path) {
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".sst") return true;
  }
  return false;
}

// How far the store is to be replayed, and what is missing then.
Result<Findings> examine(const Options& options, const std::string& witness_path) {
  const auto witness = TRY(Witness::read(witness_path));
  std::error_code ignored;
  if (fs::exists(options.path + "/CURRENT", ignored)) {
    if (!witness) {
      return fail(Code::corruption,
                  "store " + options.path +
                      ": the file 'witness' is missing, so a lost tail could not be seen; restore the "
                      "directory from a backup, or give the node an empty one and let its peers refill it");
    }
    if (const auto checked = check_manifest(options.path, witness->manifest); !checked) {
      return fail(Code::corruption, "store " + options.path + ": " + checked.error().detail +
                                        "; nothing was changed; restore the directory " +
                                        "from a backup, or give the node an empty one and let its peers refill it");
    }
    const Findings found = TRY(inspect(options, witness->batch));
    if (!found.lost.empty()) {
      LOG_ERROR(options.log, "engine.amnesia", "store {}: {}; it is cut there and must be refilled by its peers",
                options.path, found.lost);
    } else if (found.dropped > 0) {
      LOG_WARN(options.log, "engine.torn_tail",
               "store {}: {} batches behind a torn one are dropped; none of them was durable", options.path,
               found.dropped);
    }
    return found;
  }
  // A crash while the store was being made leaves pieces, but nothing durable.
  if (witness.value_or(Testimony{}).batch > 0 || has_tables(options.path)) {
    return fail(Code::corruption, "store " + options.path +
                                      ": the file CURRENT is missing, but data was stored here; restore the directory "
                                      "from a backup, or give the node an empty one and let its peers refill it");
  }
  return Findings{};
}

Result<void> open_database(const Options& options, Database& database, std::uint64_t last_valid) {
  database.recovery = make_stop_filter(last_valid);
  rocksdb::DBOptions db_options = database_options(options);
  db_options.wal_filter = database.recovery.get();
  db_options.listeners.push_back(database.listener);
  const auto cache = make_block_cache(options);
  std::vector<rocksdb::ColumnFamilyDescriptor> families{{rocksdb::kDefaultColumnFamilyName, default_family_options()}};
  for (std::size_t i = 0; i < env::table_count; ++i) {
    const auto table = static_cast<env::Table>(i);
    families.emplace_back(table_name(table), family_options(options, table, cache));
  }
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::Open(db_options, options.path, families, &database.handles, &raw);
  if (!opened.ok()) return tl::unexpected(to_error(opened, "store " + options.path + " cannot be opened"));
  database.db.reset(raw);

  std::string stored;
  const auto read = raw->Get(rocksdb::ReadOptions(), raw->DefaultColumnFamily(), marker_key, &stored);
  const auto marker = read.ok() ? decode_marker(stored) : Marker{};
  if ((!read.ok() && !read.IsNotFound()) || !marker || marker->number != last_valid) {
    return fail(Code::corruption, "store " + options.path + " was recovered to another batch than was found in it (" +
                                      read.ToString() +
                                      "); restore it from a backup, or let the node's peers refill it");
  }
  return {};
}

// Before the witness is told of the shorter store: a crash in between finds the loss again.
Result<void> write_amnesia(const Options::Amnesia& amnesia, std::uint64_t number, const Database& database) {
  rocksdb::WriteBatch batch;
  rocksdb::Status status =
      batch.Put(database.handles[0], marker_key, encode(Marker{.number = number, .durable = number - 1}));
  if (status.ok()) status = batch.Put(database.family(amnesia.table), slice(amnesia.key), slice(amnesia.value));
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (status.ok()) status = database.db->Write(synced, &batch);
  if (!status.ok()) return tl::unexpected(to_error(status, "cannot write down that the store has forgotten"));
  return {};
}

}  // namespace

class RocksEngine::Impl {
 public:
  Impl(const Options& options, std::shared_ptr<Database> database, std::unique_ptr<Witness> witness,
       const Testimony& durable)
      : path_(options.path),
        reserve_(options.disk_reserve_bytes),
        database_(std::move(database)),
        applied_(durable.batch),
        disk_(DiskThread::Options{.sync_log = [db = database_->db.get()]() -> Result<void> {
                                    const auto status = db->SyncWAL();
                                    if (!status.ok())
                                      return tl::unexpected(to_error(status, "a sync of the log failed"));
                                    return {};
                                  },
                                  .applied = applied_,
                                  .durable = durable,
                                  .store = options.path,
                                  .witness = std::move(witness),
                                  .executor = options.executor,
                                  .failure = database_->failure}) {
    database_->listener->attach(&disk_);
  }
  ~Impl() { database_->listener->attach(nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Database& database() { return *database_; }
  std::unique_ptr<env::Snapshot> pin() { return std::make_unique<PinnedView>(database_); }

  Result<void> apply(const env::WriteBatch& batch) {
    if (database_->failure.failed()) return fail(Code::io, "the store has failed before");
    if (batch.empty()) return {};
    const std::uint64_t number = applied_.load(std::memory_order_relaxed) + 1;
    fill(batch, number);
    rocksdb::WriteOptions unsynced;
    const auto status = database_->db->Write(unsynced, &scratch_);
    if (!status.ok()) {
      Error error = to_error(status, "a write to the store failed");
      database_->failure.report(error);
      return tl::unexpected(std::move(error));
    }
    applied_.store(number, std::memory_order_release);
    batch_bytes_.fetch_add(batch.bytes(), std::memory_order_relaxed);
    batches_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }

  void sync(Task done) {
    syncs_requested_.fetch_add(1, std::memory_order_relaxed);
    disk_.sync(std::move(done));
  }

  env::Pressure pressure() {
    if (disk_full()) return env::Pressure::disk_full;
    return database_->listener->stalled() ? env::Pressure::stalled : env::Pressure::none;
  }

  Stats stats() const {
    return Stats{.batches = batches_.load(std::memory_order_relaxed),
                 .batch_bytes = batch_bytes_.load(std::memory_order_relaxed),
                 .syncs = disk_.syncs(),
                 .syncs_requested = syncs_requested_.load(std::memory_order_relaxed),
                 .last_batch = applied_.load(std::memory_order_relaxed),
                 .durable_batch = disk_.durable()};
  }

 private:
  void fill(const env::WriteBatch& batch, std::uint64_t number) {
    if (scratch_.GetDataSize() > scratch_bytes_max) scratch_ = rocksdb::WriteBatch();
    scratch_.Clear();
    auto check = [](const rocksdb::Status& status) { ASSERT(status.ok()); };  // only the batch's memory is touched
    check(
        scratch_.Put(database_->handles[0], marker_key, encode(Marker{.number = number, .durable = disk_.durable()})));
    order_operations(batch);
    for (std::size_t at = 0; at < order_.size(); ++at) {
      const auto entry = batch.at(order_[at]);
      if (at + 1 < order_.size() && is_replaced(entry, batch.at(order_[at + 1]))) continue;
      auto* family = database_->family(entry.table);
      switch (entry.kind) {
        case env::WriteBatch::Kind::put:
          check(scratch_.Put(family, slice(entry.key), slice(entry.value)));
          break;
        case env::WriteBatch::Kind::erase:
          check(scratch_.Delete(family, slice(entry.key)));
          break;
        case env::WriteBatch::Kind::erase_range:
          // RocksDB refuses a range that ends before it begins; here it is empty.
          if (entry.key < entry.value) check(scratch_.DeleteRange(family, slice(entry.key), slice(entry.value)));
          break;
      }
    }
  }

  // By key: a memtable finds the place of the next key from that of the last. A batch with ranges keeps the order it came in.
  void order_operations(const env::WriteBatch& batch) {
    order_.resize(batch.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (batch.at(i).kind == env::WriteBatch::Kind::erase_range) return;
    }
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const auto x = batch.at(a);
      const auto y = batch.at(b);
      return x.table != y.table ? x.table < y.table : x.key < y.key;
    });
  }

  // Within one batch the last change of a key is the only one that anybody can see.
  static bool is_replaced(const env::WriteBatch::Entry& entry, const env::WriteBatch::Entry& next) {
    constexpr auto range = env::WriteBatch::Kind::erase_range;
    return entry.kind != range && next.kind != range && entry.table == next.table && entry.key == next.key;
  }

  bool disk_full() {
    const auto now = std::chrono::steady_clock::now();
    if (now < free_space_due_) return disk_full_;
    free_space_due_ = now + free_space_interval;
    struct statvfs info {};
    if (::statvfs(path_.c_str(), &info) == 0) {
      disk_full_ = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize < reserve_;
    }
    return disk_full_;
  }

  const std::string path_;
  const std::uint64_t reserve_;
  std::shared_ptr<Database> database_;
  rocksdb::WriteBatch scratch_;
  std::vector<std::size_t> order_;      // of the batch at hand
  std::atomic<std::uint64_t> applied_;  // written by the shard, read by the disk thread
  std::atomic<std::uint64_t> batches_{0};
  std::atomic<std::uint64_t> batch_bytes_{0};
  std::atomic<std::uint64_t> syncs_requested_{0};
  bool disk_full_ = false;
  std::chrono::steady_clock::time_point free_space_due_{};
  DiskThread disk_;  // last: it ends before what it uses
};

RocksEngine::RocksEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksEngine::~RocksEngine() = default;

Result<std::unique_ptr<RocksEngine>> RocksEngine::create(const Options& options) {
  auto database = std::make_shared<Database>(options.log, options.on_fatal);
  database->lock = TRY(DirectoryLock::take(options.path));
  const std::string witness_path = options.path + "/witness";
  const Findings found = TRY(examine(options, witness_path));
  std::uint64_t last = found.last_valid;
  auto witness = TRY(Witness::open(witness_path));
  TRY(open_database(options, *database, last));
  if (!found.lost.empty()) TRY(write_amnesia(*options.amnesia, ++last, *database));
  // The open has written what it replayed to tables, so all of it is durable.
  const Testimony durable{.batch = last, .manifest = TRY(mark_manifest(options.path, ManifestMark{}))};
  TRY(witness->write(durable));
  LOG_INFO(options.log, "engine.open", "store {} holds {} batches", options.path, last);
  return std::unique_ptr<RocksEngine>(
      new RocksEngine(std::make_unique<Impl>(options, std::move(database), std::move(witness), durable)));
}

Result<std::optional<Bytes>> RocksEngine::get(env::Table table, ByteView key) {
  return impl_->database().get(rocksdb::ReadOptions(), table, key);
}

Result<std::vector<env::KeyValue>> RocksEngine::scan(env::Table table, const env::Range& range, std::size_t keys_max,
                                                     std::size_t bytes_max) {
  return impl_->database().scan(rocksdb::ReadOptions(), table, range, keys_max, bytes_max);
}

Result<void> RocksEngine::apply(const env::WriteBatch& batch) { return impl_->apply(batch); }
void RocksEngine::sync(Task done) { impl_->sync(std::move(done)); }
env::Pressure RocksEngine::pressure() { return impl_->pressure(); }
std::unique_ptr<env::Snapshot> RocksEngine::pin() { return impl_->pin(); }
Stats RocksEngine::stats() const { return impl_->stats(); }

}  // namespace rift::engine
