#include "sync_fault.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

namespace rift::engine {
namespace {

struct Syncs {
  std::mutex mutex;
  std::string suffix;
  int to_fail = 0;
  int failed = 0;
  std::condition_variable let_through;
  std::string held_suffix;
  bool holding = false;
  int held = 0;
  int permits = 0;
  std::set<std::string> files;                        // whose contents were synced; no name is used twice
  std::map<std::string, std::set<std::string>> kept;  // directory -> names at one of its syncs
};
Syncs& syncs() {
  static auto* const the_syncs = new Syncs;  // syncs may come while the program ends
  return *the_syncs;
}

std::string path_of(int file) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = ::readlink(link.c_str(), path, sizeof path);
  return length < 0 ? std::string() : std::string(path, static_cast<std::size_t>(length));
}

std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> names;
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) names.insert(entry->d_name);
  ::closedir(directory);
  return names;
}

int sync_with(long call, int file) {
  struct stat about {};
  if (::fstat(file, &about) != 0) return -1;
  const std::string path = path_of(file);
  Syncs& all = syncs();
  // What the directory holds before the call is what the call keeps.
  const auto names = S_ISDIR(about.st_mode) ? names_in(path) : std::set<std::string>();
  {
    std::unique_lock lock(all.mutex);
    if (all.holding && path.ends_with(all.held_suffix)) {
      ++all.held;
      all.let_through.wait(lock, [&] { return !all.holding || all.permits > 0; });
      --all.held;
      if (all.holding) --all.permits;
    }
    if (all.to_fail > 0 && path.ends_with(all.suffix)) {
      --all.to_fail;
      ++all.failed;
      errno = EIO;
      return -1;
    }
  }
  const long result = ::syscall(call, file);
  const std::lock_guard lock(all.mutex);
  // Two may be under way: the one that began first must not undo what the other has kept.
  if (result == 0 && S_ISDIR(about.st_mode)) all.kept[path].insert(names.begin(), names.end());
  if (result == 0 && S_ISREG(about.st_mode)) all.files.insert(path);
  return static_cast<int>(result);
}

}  // namespace

void fail_syncs(const std::string& suffix, int count) {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  all.suffix = suffix;
  all.to_fail = count;
  all.failed = 0;
}

int failed_syncs() {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  return all.failed;
}

void hold_syncs(const std::string& suffix) {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  all.held_suffix = suffix;
  all.holding = true;
  all.permits = 0;
}

int held_syncs() {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  return all.held;
}

void let_one_through() {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  ++all.permits;
  all.let_through.notify_one();
}

void let_all_through() {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  all.holding = false;
  all.let_through.notify_all();
}

std::set<std::string> kept_names(const std::string& path) {
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  return all.kept[path];
}

std::set<std::string> synced_files(const std::string& path) {
  std::set<std::string> result;
  Syncs& all = syncs();
  const std::lock_guard lock(all.mutex);
  for (const std::string& name : names_in(path)) {
    if (all.files.contains(path + "/" + name)) result.insert(name);
  }
  return result;
}

}  // namespace rift::engine

// The program's own definitions come before libc's, for the libraries that it loads as well.
extern "C" int fsync(int file) { return rift::engine::sync_with(SYS_fsync, file); }
extern "C" int fdatasync(int file) { return rift::engine::sync_with(SYS_fdatasync, file); }
