#include "engine/manifest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/hash.h"

namespace rift::engine {
namespace {

constexpr std::string_view prefix = "MANIFEST-";

std::string file_name(const std::string& store, std::uint64_t number) {
  return fmt::format("{}/{}{:06}", store, prefix, number);
}

std::optional<std::uint64_t> current_number(const std::string& store) {
  std::ifstream current(store + "/CURRENT");
  std::string line;
  if (!std::getline(current, line) || !line.starts_with(prefix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* first = line.data() + prefix.size();
  const char* last = line.data() + line.size();
  const auto parsed = std::from_chars(first, last, number);
  if (parsed.ec != std::errc() || parsed.ptr != last) return std::nullopt;
  return number;
}

// The hash of the first `bytes` bytes; nothing when the file is shorter or cannot be read.
std::optional<std::uint64_t> hash_prefix(int file, std::uint64_t bytes) {
  std::string content(bytes, '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t got = ::pread(file, content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (got <= 0) return std::nullopt;
    have += static_cast<std::size_t>(got);
  }
  return xxh3_64(content);
}

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

Result<ManifestMark> mark_manifest(const std::string& store, const ManifestMark& before) {
  const auto number = current_number(store);
  if (!number) return before;
  struct stat info {};
  const std::string path = file_name(store, *number);
  if (::stat(path.c_str(), &info) != 0) return before;
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  if (*number == before.number && bytes == before.bytes) return before;
  const File file(path);
  if (file.descriptor() < 0) return before;
  if (::fdatasync(file.descriptor()) != 0) return fail(Code::io, "cannot sync " + path + ": " + std::strerror(errno));
  const auto hash = hash_prefix(file.descriptor(), bytes);
  if (!hash) return before;
  return ManifestMark{.number = *number, .bytes = bytes, .hash = *hash};
}

Result<void> check_manifest(const std::string& store, const ManifestMark& mark) {
  const auto number = current_number(store);
  if (!number) return fail(Code::corruption, store + "/CURRENT is damaged");
  if (*number < mark.number)
    return fail(Code::corruption, fmt::format("{}/CURRENT names an older manifest than was durable", store));
  if (*number > mark.number) return {};  // a new one is written whole before CURRENT names it
  const std::string path = file_name(store, *number);
  const File file(path);
  if (file.descriptor() < 0) return fail(Code::corruption, path + " is missing");
  const auto hash = hash_prefix(file.descriptor(), mark.bytes);
  if (!hash) return fail(Code::corruption, path + " has lost its end");
  if (*hash != mark.hash) return fail(Code::corruption, path + " is damaged");
  return {};
}

}  // namespace rift::engine
