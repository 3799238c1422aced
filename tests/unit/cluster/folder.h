// A temporary folder that goes away with the test. Short path: sockets live in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace rift::cluster::test {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/rift-test-XXXXXX";
    const char* made = ::mkdtemp(name);
    if (made == nullptr) std::abort();
    path_ = made;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

  std::string write(const std::string& name, const std::string& text, bool executable = false) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file) << text;
    if (executable) std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

}  // namespace rift::cluster::test
