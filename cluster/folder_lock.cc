#include "cluster/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/core.h>

namespace rift::cluster {

Result<FolderLock> FolderLock::take(const std::string& dir) {
  const std::string path = dir + "/lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return rift::fail(Code::io, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  FolderLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return rift::fail(Code::already_exists, "a cluster is up, or starting, in " + dir);
  return rift::fail(Code::io, fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

FolderLock::FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace rift::cluster
