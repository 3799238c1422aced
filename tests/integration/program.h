// Runs the built `rift` as a shell would and checks its JSON against docs/schemas. For integration tests only.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "tests/unit/chaos_report/json_schema.h"
#include "tests/unit/cluster/folder.h"

namespace rift::test {

using cluster::test::Folder;
using nlohmann::json;

inline std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string rift_binary() { return RIFT_BINARY_DIR "/rift"; }

struct Finished {
  int exit = -1;  // 128 + the signal that ended it
  std::string out;
  std::string err;
};

// Waits for the end. Only the environment of this process and `environment` on top.
class Program {
 public:
  explicit Program(const Folder& folder, std::vector<std::string> environment = {})
      : folder_(folder), environment_(std::move(environment)) {}

  Finished run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), rift_binary());
    const std::string out = folder_.path() + "/stdout";
    const std::string err = folder_.path() + "/stderr";
    const pid_t pid = ::fork();
    if (pid == 0) become(arguments, out, err);
    int status = 0;
    ASSERT(::waitpid(pid, &status, 0) == pid);
    return {.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            .out = read_text(out),
            .err = read_text(err)};
  }

 private:
  [[noreturn]] void become(std::vector<std::string>& arguments, const std::string& out, const std::string& err) const {
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), STDERR_FILENO);
    for (const std::string& variable : environment_) ::putenv(const_cast<char*>(variable.c_str()));
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }

  const Folder& folder_;
  std::vector<std::string> environment_;
};

// "" if the text is one JSON value that fits docs/schemas/<name>.json.
inline std::string misfit(const std::string& text, const std::string& name) {
  const json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return "no JSON: " + text;
  const json schema =
      json::parse(read_text(std::string(RIFT_SOURCE_DIR) + "/docs/schemas/" + name + ".json"), nullptr, false);
  if (schema.is_discarded()) return "no schema " + name;
  return JsonSchema(schema).check(value);
}

}  // namespace rift::test
