#include "cluster/control.h"

#include <gtest/gtest.h>

#include "tests/unit/cluster/folder.h"

namespace rift::cluster {
namespace {

using test::Folder;

constexpr auto patience = std::chrono::seconds(5);

TEST(Control, AnswersEveryLineAndManyCallers) {
  const Folder folder;
  const std::string path = folder.path() + "/control.sock";
  const auto server = MUST(ControlServer::create(path, [](const std::string& line) { return "you said " + line; }));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(MUST(control_call(path, "hello", patience)), "you said hello");
  const std::string long_line(100'000, 'x');
  EXPECT_EQ(MUST(control_call(path, long_line, patience)), "you said " + long_line);
}

TEST(Control, RefusesASecondServerAndReplacesADeadSocketFile) {
  const Folder folder;
  const std::string path = folder.path() + "/control.sock";
  const auto echo = [](const std::string& line) { return line; };
  folder.write("control.sock", "left over");
  auto server = MUST(ControlServer::create(path, echo));
  EXPECT_EQ(ControlServer::create(path, echo).error().code, Code::already_exists);
  server.reset();
  EXPECT_EQ(control_call(path, "hello", patience).error().code, Code::unreachable);
  EXPECT_TRUE(ControlServer::create(path, echo));
}

TEST(Control, APathThatDoesNotFitIntoASocketAddressIsRefused) {
  const std::string path = "/tmp/" + std::string(200, 'x') + "/control.sock";
  EXPECT_EQ(ControlServer::create(path, [](const std::string& line) { return line; }).error().code, Code::invalid);
  EXPECT_EQ(control_call(path, "hello", patience).error().code, Code::invalid);
}

}  // namespace
}  // namespace rift::cluster
