// A cluster's folder belongs to one supervisor at a time: flock on DIR/lock, held as long as this object lives, given back by the
// kernel if the process dies. Not a lock between threads, and no child inherits it. Taken by chaos/live before anything is written.
#pragma once

#include <string>

#include "base/result.h"

namespace rift::cluster {

class FolderLock {
 public:
  // The folder must exist. already_exists: another supervisor, perhaps one that is only starting, has it.
  static Result<FolderLock> take(const std::string& dir);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace rift::cluster
