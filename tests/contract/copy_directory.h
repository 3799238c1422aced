// A copy of a store as a kill at this moment would leave it. Background work may delete files meanwhile: the copy is taken again until
// the names and sizes were the same before and after it. For tests.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <system_error>

namespace rift::contract {

inline std::map<std::string, std::uintmax_t> list_files(const std::filesystem::path& directory) {
  std::map<std::string, std::uintmax_t> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    files[entry.path().filename().string()] = entry.file_size(error);
  }
  return files;
}

inline void copy_as_killed(const std::filesystem::path& from, const std::filesystem::path& to) {
  namespace fs = std::filesystem;
  for (;;) {
    fs::remove_all(to);
    const auto before = list_files(from);
    std::error_code error;
    fs::copy(from, to, fs::copy_options::recursive, error);
    if (!error && list_files(from) == before) return;
  }
}

}  // namespace rift::contract
