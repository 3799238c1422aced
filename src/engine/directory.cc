#include "engine/directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace rift::engine {

namespace fs = std::filesystem;

Result<void> sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(Code::io, "cannot open the directory " + path + ": " + std::strerror(errno));
  const int failure = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failure == 0) return {};
  return fail(Code::io, "cannot sync the directory " + path + ": " + std::strerror(failure));
}

Result<void> make_directories(const std::string& path,
                              const std::function<Result<void>(const std::string& directory)>& sync) {
  std::error_code error;
  fs::path at = fs::absolute(path, error).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();  // "data/" is "data"
  std::vector<fs::path> parents;
  do {
    parents.push_back(at.parent_path());
    at = at.parent_path();
  } while (at.has_relative_path() && !fs::exists(at, error));
  fs::create_directories(path, error);
  if (error) return fail(Code::io, "cannot make the directory " + path + ": " + error.message());
  for (auto parent = parents.rbegin(); parent != parents.rend(); ++parent) TRY(sync(parent->string()));
  return {};
}

}  // namespace rift::engine
