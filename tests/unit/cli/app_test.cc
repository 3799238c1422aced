// The whole program called in this process: what it says of itself, and that no bytes in a flag end it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/supervise.h"
#include "cli/verbs.h"
#include "cluster/control.h"
#include "cluster/plan.h"

namespace rift::cli {
namespace {

struct Ran {
  int exit = -1;
  std::string out;
  std::string err;
};

Ran run_rift(std::vector<std::string> words) {
  words.insert(words.begin(), "rift");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.exit = run(static_cast<int>(words.size()), argv.data());
  std::fflush(stdout);
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

bool has_control_bytes(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F; });
}

const std::vector<std::vector<std::string>> verbs = {{},
                                                     {"demo"},
                                                     {"cluster"},
                                                     {"cluster", "up"},
                                                     {"cluster", "down"},
                                                     {"cluster", "status"},
                                                     {"cluster", "kill"},
                                                     {"cluster", "init"},
                                                     {"get"},
                                                     {"put"},
                                                     {"del"},
                                                     {"cas"},
                                                     {"keyspace"},
                                                     {"keyspace", "create"},
                                                     {"keyspace", "ls"},
                                                     {"keyspace", "drop"},
                                                     {"net"},
                                                     {"net", "cut"},
                                                     {"net", "heal"},
                                                     {"net", "delay"},
                                                     {"net", "show"},
                                                     {"sim"},
                                                     {"bench"},
                                                     {"status"},
                                                     {"why-leader"},
                                                     {"members"},
                                                     {"members", "add"},
                                                     {"members", "remove"},
                                                     {"serve"},
                                                     {"version"}};

TEST(Help, IsPlainTextForEveryVerb) {
  for (auto words : verbs) {
    words.push_back("--help");
    const Ran ran = run_rift(words);
    EXPECT_EQ(ran.exit, 0) << words.front();
    EXPECT_FALSE(ran.out.empty()) << words.front();
    EXPECT_FALSE(has_control_bytes(ran.out)) << words.front() << "\n" << ran.out;
  }
  EXPECT_FALSE(has_control_bytes(run_rift({"--help-all"}).out));
}

TEST(Help, GivesAnExampleOfEveryVerbThatOneLooksUp) {
  for (const char* verb :
       {"put", "get", "del", "cas", "keyspace", "net", "sim", "bench", "status", "members", "why-leader"}) {
    EXPECT_NE(run_rift({verb, "--help"}).out.find(std::string("rift ") + verb + " "), std::string::npos) << verb;
  }
}

TEST(Output, IsTextOrJsonAndNothingElse) {
  EXPECT_EQ(run_rift({"version", "-o", "json"}).out.front(), '{');
  EXPECT_EQ(run_rift({"version", "-o", "text"}).out.substr(0, 5), "rift ");
  const Ran refused = run_rift({"version", "-o", "yaml"});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_FALSE(has_control_bytes(refused.out + refused.err)) << refused.err;
}

// Each of these once ended the program by an exception that nobody caught.
TEST(Flags, OfAnyBytesGetAnAnswer) {
  char name[] = "/tmp/rift-test-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string dir = name;
  EXPECT_EQ(run_rift({"net", "cut", "--dir", dir, "\xff/\xfe"}).exit, 5);
  EXPECT_EQ(run_rift({"net", "heal", "--dir", dir, "\xff"}).exit, 5);
  const Ran status = run_rift({"status", "-o", "json", "--endpoints", "\xff:1"});
  EXPECT_EQ(status.exit, 5);
  EXPECT_EQ(status.out.front(), '{');
  const Ran read =
      run_rift({"get", "-o", "json", "--ks", "\xff", "\xff", "--endpoints", "\xff:1", "--deadline", "100ms"});
  EXPECT_EQ(read.out.front(), '{');
  EXPECT_EQ(run_rift({"sim", "--jobs", "9999999"}).exit, 1);
  std::filesystem::remove_all(dir);
}

TEST(ClusterName, ThatIsAPathIsRefusedAndMakesNoFolder) {
  char folder[] = "/tmp/rift-test-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  ::setenv("XDG_STATE_HOME", (std::string(folder) + "/state").c_str(), 1);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"cluster", "up", "--name", "../../esc"},
                                             {"cluster", "status", "--name", "a/b"},
                                             {"keyspace", "ls", "--name", ".."},
                                             {"get", "--ks", "bank", "k", "--name", std::string(65, 'x')}}) {
    const Ran ran = run_rift(words);
    EXPECT_EQ(ran.exit, 1) << words.front();
    EXPECT_NE(ran.err.find("invalid"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("cannot name a local cluster"), std::string::npos) << ran.err;
    EXPECT_NE(ran.err.find("try   rift " + words.front()), std::string::npos) << ran.err;
  }
  const Ran as_json = run_rift({"cluster", "up", "--name", "../../esc", "-o", "json"});
  EXPECT_NE(as_json.out.find("rift.error/1"), std::string::npos) << as_json.out;
  // A name in the environment is no other: passing over it would mean the default cluster.
  ::setenv("RIFT_CLUSTER", "../esc", 1);
  EXPECT_EQ(run_rift({"cluster", "status"}).exit, 1);
  ::setenv("RIFT_CLUSTER", "two", 1);
  EXPECT_NE(run_rift({"keyspace", "ls"}).err.find("rift/two"), std::string::npos);
  ::unsetenv("RIFT_CLUSTER");
  ::unsetenv("XDG_STATE_HOME");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

TEST(PrintedCommands, NameTheClusterThatTheySpeakOf) {
  EXPECT_EQ(ClusterChoice{}.flag(), "");
  EXPECT_EQ((ClusterChoice{.name = "two", .dir = {}}.flag()), " --name two");
  EXPECT_EQ((ClusterChoice{.name = "two", .dir = "/tmp/x"}.flag()), " --dir /tmp/x");
  EXPECT_EQ((ClusterChoice{.name = "default", .dir = "/tmp/it's"}.flag()), " --dir '/tmp/it'\\''s'");
  ::setenv("RIFT_CLUSTER", "two", 1);
  EXPECT_EQ(ClusterChoice{}.flag(), " --name default");
  ::unsetenv("RIFT_CLUSTER");

  char folder[] = "/tmp/rift-test-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string dir = folder;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"cluster", "status"}, {"keyspace", "ls"}, {"status"}, {"get", "--ks", "bank", "k"}, {"net", "show"}}) {
    auto with_dir = words;
    with_dir.insert(with_dir.end(), {"--dir", dir});
    const Ran ran = run_rift(with_dir);
    EXPECT_EQ(ran.exit, 5) << words.front();
    EXPECT_NE(ran.err.find("rift cluster up --dir " + dir), std::string::npos) << ran.err;
  }
  std::filesystem::remove_all(dir);
}

TEST(Keyspace, OfNoCopiesOrNoPartitionsIsRefused) {
  for (const char* zero : {"0", "00"}) {
    const Ran copies = run_rift({"keyspace", "create", "k", "--mode", "cp", "--copies", zero});
    EXPECT_EQ(copies.exit, 1);
    EXPECT_NE(copies.err.find("1 to 64 copies"), std::string::npos) << copies.err;
    EXPECT_EQ(run_rift({"keyspace", "create", "k", "--mode", "ap", "--partitions", zero}).exit, 1);
  }
  // One that is legal gets as far as the cluster, which is not there.
  EXPECT_EQ(run_rift({"keyspace", "create", "k", "--mode", "cp", "--copies", "10", "--dir", "/nonexistent"}).exit, 5);
}

TEST(Verb, ThatIsUnknownIsNamedBesideThoseThatAreNot) {
  const Ran text = run_rift({"frob"});
  EXPECT_EQ(text.exit, 1);
  EXPECT_NE(text.err.find("unknown verb 'frob'"), std::string::npos) << text.err;
  EXPECT_NE(text.err.find("keyspace, get, put"), std::string::npos) << text.err;
  EXPECT_NE(text.err.find("try   rift --help"), std::string::npos) << text.err;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"frob", "-o", "json"}, {"-o", "json", "frob"}}) {
    const Ran as_json = run_rift(words);
    EXPECT_EQ(as_json.exit, 1);
    EXPECT_NE(as_json.out.find("rift.error/1"), std::string::npos) << as_json.out << as_json.err;
    EXPECT_NE(as_json.out.find("unknown verb 'frob'"), std::string::npos) << as_json.out;
  }
  const Ran deeper = run_rift({"cluster", "frob"});
  EXPECT_EQ(deeper.exit, 1);
  EXPECT_NE(deeper.err.find("unknown verb 'frob'; the verbs of rift cluster are up, down"), std::string::npos)
      << deeper.err;
  EXPECT_NE(run_rift({}).err.find("a verb is missing"), std::string::npos);
}

TEST(Version, IsAFlagAsWell) {
  EXPECT_EQ(run_rift({"--version"}).out, run_rift({"version"}).out);
  EXPECT_EQ(run_rift({"--version", "-o", "json"}).out, run_rift({"version", "-o", "json"}).out);
  EXPECT_EQ(run_rift({"--version"}).exit, 0);
  EXPECT_EQ(run_rift({"--version"}).out.substr(0, 5), "rift ");
}

// A supervisor's answer, without a supervisor.
TEST(Remedy, IsTheVerbThatMakesTheNodeRunAgain) {
  char folder[] = "/tmp/rift-test-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const ClusterChoice choice{.name = "default", .dir = folder};
  EXPECT_EQ(remedy_for(choice, "n1"), "");
  {
    const auto server = MUST(cluster::ControlServer::create(cluster::control_path(folder), [](const std::string& line) {
      if (line.find("status") == std::string::npos) return std::string(R"({"ok":false,"code":"invalid","why":"no"})");
      return std::string(R"({"ok":true,"nodes":[{"node":"n1","state":"running"},{"node":"n2","state":"paused"},)"
                         R"({"node":"n3","state":"stopped"}]})");
    }));
    const std::string flag = choice.flag();
    EXPECT_EQ(remedy_for(choice, "n1"), "");
    EXPECT_EQ(remedy_for(choice, "n2"), "rift cluster resume n2" + flag);
    EXPECT_EQ(remedy_for(choice, "n3"), "rift cluster restart n3" + flag);
    EXPECT_NE(run_rift({"cluster", "kill", "n3", "--dir", folder}).err.find("try   rift cluster restart n3" + flag),
              std::string::npos);
    EXPECT_NE(run_rift({"cluster", "kill", "n9", "--dir", folder}).err.find("try   rift cluster status" + flag),
              std::string::npos);
  }
  EXPECT_EQ(run_rift({"cluster", "down", "--dir", folder}).err.find("try"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Seen, ThatIsNoTokenIsRefusedByNameBeforeAnythingIsSent) {
  const std::vector<std::string> hostile = {"x",        "1-2-3",    "1-2-3-4-5",
                                            "-1-1-1-1", "\x1b[31m", std::string(100'000, 'f')};
  for (const std::string& text : hostile) {
    for (const std::vector<std::string>& verb :
         {std::vector<std::string>{"get", "k"}, {"put", "k", "v"}, {"del", "k"}}) {
      std::vector<std::string> words = verb;
      words.insert(words.end(), {"--ks", "carts", "--seen=" + text, "--endpoints", "127.0.0.1:1"});
      const Ran ran = run_rift(words);
      EXPECT_EQ(ran.exit, 1) << text.substr(0, 20);
      EXPECT_FALSE(has_control_bytes(ran.err)) << ran.err;
      EXPECT_NE(ran.err.find("is no read token"), std::string::npos) << ran.err;
    }
  }
}

TEST(Put, TakesItsValueFromTheCommandLineOrFromAFileAndNotFromBoth) {
  char folder[] = "/tmp/rift-test-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string dir = folder;
  std::ofstream(dir + "/value") << "v";
  const auto put = [&dir](std::vector<std::string> words) {
    words.insert(words.begin(), {"put", "--ks", "bank", "k", "--dir", dir});
    return run_rift(std::move(words));
  };
  EXPECT_NE(put({}).err.find("--value-file"), std::string::npos);
  EXPECT_EQ(put({}).exit, 1);
  EXPECT_EQ(put({"v", "--value-file", dir + "/value"}).exit, 1);
  EXPECT_EQ(put({"--value-file", dir + "/absent"}).exit, 1);
  EXPECT_EQ(put({"--value-file", dir}).exit, 1);
  // Read: what is missing now is the cluster.
  EXPECT_EQ(put({"--value-file", dir + "/value"}).exit, 5);
  EXPECT_EQ(put({"v"}).exit, 5);
  std::filesystem::remove_all(dir);
}

TEST(Sim, RefusesSeedsBehindWhichItCannotCount) {
  EXPECT_EQ(run_rift({"sim", "--seeds", "18446744073709551615"}).exit, 1);
  EXPECT_EQ(run_rift({"sim", "--seeds", "18446744073709551614..18446744073709551615"}).exit, 1);
}

}  // namespace
}  // namespace rift::cli
