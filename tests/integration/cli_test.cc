// The verbs of `rift` against a cluster of three real processes: outputs, exit codes, schemas, refusals.
#include <sys/socket.h>

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "cluster/plan.h"
#include "tests/integration/nodes.h"
#include "tests/integration/program.h"
#include "tests/unit/chaos_live/sockets.h"

namespace rift {
namespace {

using nlohmann::json;
using test::Finished;
using test::Folder;
using test::misfit;
using test::Program;

enum : int { done = 0, usage = 1, not_done = 2, unknown = 3, unreachable = 5 };

class CliTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder;
    program_ = new Program(*folder_, {"XDG_STATE_HOME=" + folder_->path()});
    const Finished up = program_->run({"cluster", "up", "--nodes", "3", "-o", "json"});
    ASSERT_EQ(up.exit, done) << up.out << up.err;
    ASSERT_EQ(misfit(up.out, "cluster_up"), "");
    ASSERT_EQ(run({"keyspace", "create", "bank", "--mode", "cp"}).exit, done);
    ASSERT_EQ(run({"keyspace", "create", "carts", "--mode", "ap"}).exit, done);
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(run({"cluster", "down"}).exit, done);
    delete program_;
    delete folder_;
  }
  void TearDown() override { EXPECT_EQ(run({"net", "heal"}).exit, done); }

  static Finished run(std::vector<std::string> arguments) { return program_->run(std::move(arguments)); }
  static json run_json(std::vector<std::string> arguments, int exit, const std::string& schema) {
    arguments.insert(arguments.end(), {"-o", "json"});
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.exit, exit) << finished.out << finished.err;
    EXPECT_EQ(misfit(finished.out, schema), "") << finished.out;
    return json::parse(finished.out, nullptr, false);
  }
  static cluster::Plan plan() { return MUST(cluster::read_plan(folder_->path() + "/rift/default")); }

  static Folder* folder_;
  static Program* program_;
};

Folder* CliTest::folder_ = nullptr;
Program* CliTest::program_ = nullptr;

TEST_F(CliTest, PutsGetsAndDeletesInBothModes) {
  for (const std::string keyspace : {"bank", "carts"}) {
    EXPECT_EQ(run_json({"put", "--ks", keyspace, "k", "v"}, done, "reply").at("outcome"), "done");
    const json got = run_json({"get", "--ks", keyspace, "k", "-c", "majority"}, done, "reply");
    EXPECT_EQ(got.at("value"), "v");
    EXPECT_EQ(got.at("receipt").at("level_reached"), "majority");
    EXPECT_EQ(run({"get", "--ks", keyspace, "k", "-c", "all"}).out, "v\n");
    EXPECT_EQ(run_json({"del", "--ks", keyspace, "k", "-c", "all"}, done, "reply").at("outcome"), "done");
    EXPECT_EQ(run_json({"get", "--ks", keyspace, "k", "-c", "majority"}, done, "reply").at("found"), false);
  }
}

TEST_F(CliTest, T48ManyKeysOfAnApKeyspaceArePutReadAndListed) {
  const std::string file = folder_->path() + "/pairs";
  {
    std::ofstream out(file);
    for (int i = 0; i < 40; ++i) out << "many:" << i << "=v" << i << "\n";
  }
  const json put = run_json({"mput", "--ks", "carts", "--file", file, "other=o"}, done, "mput");
  EXPECT_EQ(put.at("done"), 41);
  const json read = run_json({"mget", "--ks", "carts", "many:7", "never", "other", "-c", "majority"}, done, "reply");
  EXPECT_EQ(read.at("results").at("items")[0].at("value"), "v7");
  EXPECT_EQ(read.at("results").at("items")[1].at("found"), false);
  EXPECT_EQ(read.at("results").at("items")[2].at("value"), "o");
  std::set<std::string> seen;
  std::string cursor;
  do {
    std::vector<std::string> words = {"scan", "--ks", "carts", "--prefix", "many:", "--limit", "9"};
    if (!cursor.empty()) words.insert(words.end(), {"--cursor", cursor});
    const Finished finished = [&] {
      words.insert(words.end(), {"-o", "json"});
      return run(words);
    }();
    ASSERT_EQ(finished.exit, done) << finished.err;
    cursor.clear();
    std::istringstream lines(finished.out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_EQ(misfit(line, "reply"), "") << line;
      const json page = json::parse(line);
      for (const json& item : page.at("results").at("items")) EXPECT_TRUE(seen.insert(item.at("key")).second);
      cursor = page.at("results").value("next_key", "");
    }
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 40U);
  EXPECT_EQ(run({"scan", "--ks", "carts", "--cursor", "nonsense"}).exit, not_done);
  EXPECT_EQ(run_json({"scan", "--ks", "carts", "-c", "majority"}, not_done, "reply").at("code"), "unsupported");
  EXPECT_EQ(run({"mput", "--ks", "carts", "nopair"}).exit, usage);
  EXPECT_EQ(run({"mput", "--ks", "carts"}).exit, usage);
  EXPECT_EQ(run_json({"mput", "--ks", "bank", "x=1", "y=2"}, done, "mput").at("done"), 2);
  EXPECT_EQ(run_json({"mput", "--ks", "nowhere", "x=1"}, not_done, "mput").at("not_done"), 1);
}

TEST_F(CliTest, TeachingVariantsAreOfClustersFoundedForThem) {
  for (const std::vector<std::string>& wish :
       std::vector<std::vector<std::string>>{{"--sloppy"}, {"--clock", "wall"}, {"--durability", "none"}}) {
    std::vector<std::string> words = {"keyspace", "create", "toys", "--mode", "ap"};
    words.insert(words.end(), wish.begin(), wish.end());
    const json refused = run_json(words, not_done, "error");
    EXPECT_NE(refused.at("why").get<std::string>().find("--allow-teaching"), std::string::npos);
  }
  std::vector<std::string> again = {"cluster", "init"};
  for (const auto& node : plan().nodes) again.push_back(node.listen);
  EXPECT_EQ(run(again).exit, done) << "repeated it changes nothing";
  again.push_back("--allow-teaching");
  EXPECT_NE(run(again).err.find("was founded without teaching variants"), std::string::npos) << run(again).err;
  EXPECT_EQ(run({"cluster", "up", "--name", "class", "--nodes", "1", "--allow-teaching"}).exit, done);
  EXPECT_EQ(run({"keyspace", "create", "toys", "--mode", "ap", "--durability", "none", "--name", "class"}).exit, done);
  const json lesson = run_json({"put", "--ks", "toys", "k", "v", "--name", "class"}, done, "reply");
  EXPECT_EQ(lesson.at("receipt").at("teaching"), json::array({"no_durability"}));
  EXPECT_EQ(lesson.at("receipt").at("wal_durability"), false);
  EXPECT_EQ(run({"cluster", "down", "--name", "class"}).exit, done);
  EXPECT_EQ(run_json({"put", "--ks", "carts", "k", "v", "-c", "any"}, done, "reply").at("outcome"), "done");
  EXPECT_EQ(run_json({"put", "--ks", "bank", "k", "v", "-c", "any"}, not_done, "reply").at("code"), "invalid");
  EXPECT_EQ(run_json({"get", "--ks", "carts", "k", "-c", "any"}, not_done, "reply").at("code"), "invalid");
}

TEST_F(CliTest, BytesThatAreNoTextComeBackAsBase64) {
  EXPECT_EQ(run({"put", "--ks", "bank", "bytes", "\xff\xfe"}).exit, done);
  EXPECT_EQ(run_json({"get", "--ks", "bank", "bytes"}, done, "reply").at("value_base64"), "//4=");
}

TEST_F(CliTest, ComparesAndSetsByValueByVersionAndByAbsence) {
  EXPECT_EQ(run({"cas", "--ks", "bank", "c", "1", "--absent"}).exit, done);
  EXPECT_EQ(run({"cas", "--ks", "bank", "c", "2", "--expect", "1"}).exit, done);
  const json failed = run_json({"cas", "--ks", "bank", "c", "3", "--expect", "1"}, not_done, "reply");
  EXPECT_EQ(failed.at("code"), "condition_failed");
  EXPECT_EQ(failed.at("value"), "2");
  const std::string revision = failed.at("version").at("modify_revision");
  EXPECT_EQ(run({"cas", "--ks", "bank", "c", "3", "--if-version", revision}).exit, done);
  EXPECT_EQ(run({"cas", "--ks", "bank", "c", "4"}).exit, usage);
  EXPECT_EQ(run({"cas", "--ks", "bank", "c", "4", "--absent", "--expect", "3"}).exit, usage);
}

TEST_F(CliTest, RefusesBadInputByName) {
  const auto code = [](std::vector<std::string> arguments) {
    return run_json(std::move(arguments), not_done, "reply").at("code").get<std::string>();
  };
  const std::string long_key(5000, 'k');
  for (const std::string keyspace : {"bank", "carts"}) {
    EXPECT_EQ(code({"put", "--ks", keyspace, "", "v"}), "invalid");
    EXPECT_EQ(code({"get", "--ks", keyspace, ""}), "invalid");
    EXPECT_EQ(code({"put", "--ks", keyspace, long_key, "v"}), "too_large");
  }
  EXPECT_EQ(code({"put", "--ks", "nowhere", "k", "v"}), "unknown_keyspace");
  EXPECT_EQ(code({"cas", "--ks", "carts", "k", "v", "--absent"}), "unsupported");
  EXPECT_EQ(run({"put", "--ks", "bank", "k", "v", "-c", "some"}).exit, usage);
  EXPECT_EQ(run({"put", "--ks", "bank", "k"}).exit, usage);
  EXPECT_EQ(run({"put", "--ks", "bank", "k", "v", "--deadline", "5"}).exit, usage);
  EXPECT_EQ(run({"frobnicate"}).exit, usage);
  EXPECT_EQ(
      run_json({"get", "--ks", "bank", "k", "--endpoints", "127.0.0.1:1", "--deadline", "1s"}, unreachable, "error")
          .at("code"),
      "unreachable");
}

TEST_F(CliTest, CreatesListsAndDropsKeyspaces) {
  const json made = run_json(
      {"keyspace", "create", "short", "--mode", "ap", "--copies", "2", "--partitions", "4", "--read", "majority"}, done,
      "keyspaces");
  bool found = false;
  for (const json& keyspace : made.at("keyspaces")) {
    if (keyspace.at("name") != "short") continue;
    found = true;
    EXPECT_EQ(keyspace.at("partitions").size(), 4U);
    EXPECT_EQ(keyspace.at("read"), "majority");
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(run_json({"keyspace", "create", "short", "--mode", "cp"}, not_done, "error").at("code"), "already_exists");
  EXPECT_EQ(run_json({"keyspace", "create", "wide", "--mode", "cp", "--copies", "9"}, not_done, "error").at("code"),
            "invalid");
  EXPECT_EQ(run({"keyspace", "create", "odd", "--mode", "xp"}).exit, usage);
  run_json({"keyspace", "drop", "short"}, done, "keyspaces");
  EXPECT_EQ(run_json({"keyspace", "drop", "short"}, not_done, "error").at("code"), "unknown_keyspace");
  run_json({"keyspace", "ls"}, done, "keyspaces");
}

TEST_F(CliTest, ShowsMembersMovesLeadersAndSaysWhy) {
  const json members = run_json({"members", "list"}, done, "members");
  ASSERT_EQ(members.at("members").size(), 3U);
  for (const json& member : members.at("members")) EXPECT_EQ(member.at("role"), "voter");
  run_json({"members", "transfer", "bank", "n2"}, done, "members");
  EXPECT_TRUE(test::eventually([] {
    return run_json({"why-leader", "bank/0"}, done, "why_leader").at("groups").at(0).at("leader") == 2;
  }));
  EXPECT_NE(run({"why-leader", "bank"}).out.find("bank/0: led by n2"), std::string::npos);
  EXPECT_EQ(run_json({"why-leader", "carts"}, not_done, "error").at("code"), "invalid");
  EXPECT_EQ(run_json({"members", "transfer", "bank", "n9"}, not_done, "error").at("code"), "invalid");
  EXPECT_EQ(run_json({"members", "add", "127.0.0.1:1"}, unreachable, "error").at("code"), "unreachable");
  EXPECT_EQ(run_json({"members", "remove", "n1"}, not_done, "error").at("code"), "invalid");
  EXPECT_EQ(run_json({"members", "replace", "n1"}, not_done, "error").at("code"), "already_exists");
  EXPECT_EQ(run_json({"members", "promote", "n1"}, not_done, "error").at("code"), "already_exists");
}

TEST_F(CliTest, AltersAKeyspace) {
  run_json({"keyspace", "create", "loose", "--mode", "cp", "--copies", "1"}, done, "keyspaces");
  const json altered = run_json({"keyspace", "alter", "loose", "--copies", "3", "--read", "one"}, done, "keyspaces");
  for (const json& keyspace : altered.at("keyspaces")) {
    if (keyspace.at("name") != "loose") continue;
    EXPECT_EQ(keyspace.at("copies"), 3);
    EXPECT_EQ(keyspace.at("read"), "one");
  }
  EXPECT_EQ(run({"keyspace", "alter", "loose"}).exit, usage);
  run_json({"keyspace", "drop", "loose"}, done, "keyspaces");
}

TEST_F(CliTest, ShowsStatusOfNodesAndProcesses) {
  const json status = run_json({"status"}, done, "status");
  ASSERT_EQ(status.at("nodes").size(), 3U);
  for (const json& keyspace : status.at("keyspaces")) {
    if (keyspace.at("name") != "bank") continue;
    EXPECT_EQ(keyspace.at("what_can_fail"), "bank: 3 of 3 copies up; 2 more failures stop writes");
  }
  for (const json& node : status.at("nodes")) EXPECT_TRUE(node.at("ready")) << node;
  const json processes = run_json({"cluster", "status"}, done, "cluster_status");
  EXPECT_EQ(processes.at("nodes").size(), 3U);
  EXPECT_EQ(misfit(run({"version", "-o", "json"}).out, "version"), "");
  // A second start is refused by name and leaves alone what the first one logs.
  const std::string log = folder_->path() + "/rift/default/supervisor.log";
  std::ofstream(log, std::ios::app) << "a line of the first\n";
  const json refused = run_json({"cluster", "up"}, usage, "error");
  EXPECT_EQ(refused.at("code"), "already_exists");
  EXPECT_EQ(refused.at("outcome"), "not_done");
  EXPECT_NE(test::read_text(log).find("a line of the first"), std::string::npos);
}

TEST_F(CliTest, AMinorityRefusesInCpAndAnswersInApUntilTheHeal) {
  const json cut = run_json({"net", "cut", "n1", "/", "n2,n3"}, done, "net_change");
  EXPECT_EQ(cut.at("links"), "4");
  // Refused, unless n1 led and had taken it before it noticed: then nobody can say yet.
  const Finished refused = run({"put", "--ks", "bank", "split", "v", "--via", "n1", "--deadline", "2s", "-o", "json"});
  EXPECT_TRUE(refused.exit == not_done || refused.exit == unknown) << refused.out;
  EXPECT_EQ(misfit(refused.out, "reply"), "");
  EXPECT_EQ(run({"put", "--ks", "bank", "split", "v", "--via", "n2"}).exit, done);
  EXPECT_EQ(run({"put", "--ks", "carts", "split", "v", "--via", "n1", "-c", "one"}).exit, done);
  // What a minority goes on refusing is told when an election would be over, not after the five seconds that an answer may take.
  json told = {{"outcome", "unknown"}};
  for (int i = 0; i < 5 && told.at("outcome") == "unknown"; ++i) {
    told = json::parse(run({"put", "--ks", "bank", "split", "w", "--via", "n1", "-o", "json"}).out, nullptr, false);
  }
  EXPECT_EQ(told.at("outcome"), "not_done") << told;
  EXPECT_LT(told.at("took_ms"), 4500) << told;
  const json shown = run_json({"net", "show"}, done, "net");
  EXPECT_EQ(shown.at("cuts").size(), 1U);
  const json healed = run_json({"net", "heal", "cut-1"}, done, "net_change");
  for (const json& link : healed.at("healed")[0].at("proof")) {
    EXPECT_GT(
        std::stoull(link.at("bytes_held").get<std::string>()) + std::stoull(link.at("connections").get<std::string>()),
        0U);
  }
  run_json({"net", "delay", "n1>n2", "20ms"}, done, "net_change");
  run_json({"net", "delay", "n1>n2", "0s"}, done, "net_change");
  EXPECT_EQ(run({"net", "cut", "n1", "/", "n9"}).exit, not_done);
  EXPECT_EQ(run({"net", "heal", "cut-99"}).exit, not_done);
  EXPECT_EQ(run({"net", "delay", "n1", "20ms"}).exit, usage);
}

TEST_F(CliTest, WhatIsOwedIsToldAndAwaitedAndCopiesConverge) {
  run_json({"hints", "--await", "20s"}, done, "hints");
  run_json({"net", "cut", "n1", "/", "n2,n3"}, done, "net_change");
  EXPECT_EQ(run({"put", "--ks", "carts", "owed", "v", "--via", "n1", "-c", "one"}).exit, done);
  // A silent owner is owed a hint after a second at the latest, and as long as the cut lasts nothing is brought.
  const json owed = run_json({"hints", "--ks", "carts", "--await", "1500ms"}, not_done, "hints").at("owed");
  ASSERT_EQ(owed.size(), 2U) << owed;
  for (const json& debt : owed) {
    EXPECT_EQ(debt.at("from"), 1);
    EXPECT_EQ(debt.at("keys"), "1");
    EXPECT_TRUE(debt.at("oldest_ms").is_string());
  }
  EXPECT_NE(run({"hints"}).out.find("n1 owes n2   1 keys"), std::string::npos) << run({"hints"}).out;
  const json apart = run_json({"converge", "carts", "--within", "0s"}, not_done, "converge");
  EXPECT_EQ(apart.at("agree"), false);
  EXPECT_EQ(apart.at("differing").size(), 1U);
  run_json({"net", "heal"}, done, "net_change");
  EXPECT_EQ(run_json({"converge", "carts", "--within", "20s"}, done, "converge").at("agree"), true);
  EXPECT_TRUE(run_json({"hints", "--await", "20s"}, done, "hints").at("owed").empty());
  EXPECT_EQ(run({"converge", "bank", "--within", "20s"}).exit, done);
  EXPECT_EQ(run_json({"hints", "--ks", "bank"}, not_done, "error").at("code"), "invalid");
  EXPECT_EQ(run_json({"converge", "none"}, not_done, "error").at("code"), "unknown_keyspace");
}

TEST_F(CliTest, AWriteThatIsThrownAwayIsTold) {
  EXPECT_EQ(run({"put", "--ks", "carts", "raced", "base", "-c", "all", "--deadline", "10s"}).exit, done);
  run_json({"net", "cut", "n1", "/", "n2,n3"}, done, "net_change");
  EXPECT_EQ(run({"put", "--ks", "carts", "raced", "apples", "--via", "n1", "-c", "one"}).exit, done);
  EXPECT_EQ(run({"put", "--ks", "carts", "raced", "pears", "--via", "n2", "-c", "one"}).exit, done);
  const json parted = run_json({"inspect", "--ks", "carts", "raced"}, done, "inspect");
  ASSERT_EQ(parted.at("owners").size(), 3U);
  EXPECT_NE(parted.at("owners")[0].at("value_hash"), parted.at("owners")[1].at("value_hash"));
  EXPECT_EQ(parted.at("owners")[0].at("seen").size(), 1U) << "the base";
  EXPECT_NE(run({"inspect", "--ks", "carts", "raced"}).out.find("! n1"), std::string::npos);
  run_json({"net", "heal"}, done, "net_change");
  ASSERT_EQ(run({"converge", "carts", "--within", "20s"}).exit, done);
  const json losses = run_json({"conflicts", "--ks", "carts", "raced"}, done, "conflicts").at("losses");
  ASSERT_EQ(losses.size(), 1U) << losses;
  EXPECT_EQ(losses[0].at("key"), "raced");
  EXPECT_EQ(losses[0].at("loser").at("value"), "apples");
  EXPECT_EQ(losses[0].at("winner").at("value"), "pears");
  EXPECT_FALSE(losses[0].at("seen_by").empty());
  EXPECT_NE(run({"conflicts"}).out.find("lost   \"apples\""), std::string::npos);
  EXPECT_EQ(run_json({"inspect", "--ks", "bank", "none"}, done, "inspect").at("mode"), "cp");
  EXPECT_EQ(run_json({"conflicts", "--ks", "bank"}, not_done, "error").at("code"), "invalid");
}

// One owner, and nobody else reaches it: the others keep what is written for it, and every verb that looks says so.
TEST_F(CliTest, AWriteAtAnyIsKeptForItsOwnerAndComesHome) {
  const json made =
      run_json({"keyspace", "create", "lone", "--mode", "ap", "--copies", "1", "--partitions", "1"}, done, "keyspaces");
  int owner = 0;
  for (const json& keyspace : made.at("keyspaces")) {
    if (keyspace.at("name") == "lone") owner = keyspace.at("partitions")[0].at("owners")[0];
  }
  ASSERT_GT(owner, 0);
  const auto node = [](int number) { return "n" + std::to_string((number - 1) % 3 + 1); };
  const std::string keeper = node(owner + 1);
  ASSERT_EQ(run({"net", "cut", node(owner), "/", keeper + "," + node(owner + 2)}).exit, done);
  // Until the node knows of the cut it hands the write on to its owner.
  ASSERT_TRUE(test::eventually([&] {
    const Finished put = run({"put", "--ks", "lone", "k", "v", "-c", "any", "--via", keeper, "-o", "json"});
    const json reply = json::parse(put.out, nullptr, false);
    return put.exit == done && reply.at("receipt").at("level_reached") == "any";
  }));
  EXPECT_EQ(run({"put", "--ks", "lone", "k", "v", "--via", keeper}).exit, not_done);
  const json seen = run_json({"inspect", "--ks", "lone", "k"}, done, "inspect");
  ASSERT_EQ(seen.at("owners").size(), 2U);
  EXPECT_NE(seen.dump().find("stand-in"), std::string::npos);
  EXPECT_EQ(run_json({"converge", "lone", "--within", "100ms"}, not_done, "converge").at("agree"), false);
  EXPECT_EQ(run({"hints", "--ks", "lone", "--await", "100ms"}).exit, not_done);
  ASSERT_EQ(run({"net", "heal"}).exit, done);
  EXPECT_EQ(run({"hints", "--ks", "lone", "--await", "20s"}).exit, done);
  EXPECT_EQ(run_json({"converge", "lone", "--within", "20s"}, done, "converge").at("agree"), true);
  EXPECT_EQ(run({"get", "--ks", "lone", "k"}).out, "v\n");
  EXPECT_EQ(run({"keyspace", "drop", "lone"}).exit, done);
}

TEST_F(CliTest, KillsPausesAndRestartsANode) {
  run_json({"cluster", "kill", "n3"}, done, "cluster_change");
  EXPECT_EQ(run({"put", "--ks", "bank", "while-down", "v", "-c", "majority", "--deadline", "10s"}).exit, done);
  run_json({"cluster", "restart", "n3"}, done, "cluster_change");
  EXPECT_EQ(run({"get", "--ks", "bank", "while-down", "--via", "n3", "-c", "majority"}).out, "v\n");
  run_json({"cluster", "pause", "n3"}, done, "cluster_change");
  EXPECT_EQ(run({"put", "--ks", "bank", "while-paused", "v", "--deadline", "10s"}).exit, done);
  run_json({"cluster", "resume", "n3"}, done, "cluster_change");
  // Who was away for seconds is one of "all" again as soon as the others have its answers: until then they refuse.
  for (const std::string keyspace : {"bank", "carts"}) {
    EXPECT_TRUE(test::eventually([&] {
      return run({"put", "--ks", keyspace, "resumed", "v", "-c", "all"}).exit == done;
    })) << keyspace;
  }
  EXPECT_EQ(run({"cluster", "kill", "n9"}).exit, usage);
}

TEST_F(CliTest, GarbageOnAnyPortEndsNoProcess) {
  std::vector<int> before;
  for (const auto& node : plan().nodes) before.push_back(node.pid);
  const std::string noise = [] {
    std::string bytes;
    for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(i * 131 % 251);
    return bytes;
  }();
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const auto& node : plan().nodes) {
    for (const std::string& address : {node.listen, node.peer_listen, node.http}) {
      for (const std::string& bytes :
           {noise, preface + noise, std::string("GET / HTTP/1.1\r\n\r\n"), std::string(1, '\0')}) {
        auto socket = chaos::live::test::dial(address);
        // A peer that has closed on us already is as good as one that reads it all.
        (void)!::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      }
    }
  }
  EXPECT_EQ(run({"put", "--ks", "bank", "after-garbage", "v", "-c", "all"}).exit, done);
  EXPECT_EQ(run({"put", "--ks", "carts", "after-garbage", "v", "-c", "all"}).exit, done);
  const json processes = run_json({"cluster", "status"}, done, "cluster_status");
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(processes.at("nodes")[i].at("pid"), before[i]);
}

TEST_F(CliTest, TheSimulatorAnswersInItsSchema) {
  const json result = run_json({"sim", "--seeds", "1..2", "--storm", "1s"}, done, "sim");
  EXPECT_EQ(result.at("passed"), "2");
  EXPECT_TRUE(result.at("trace_repeatable"));
  const json rows = run_json({"sim", "--row", "C5-halves", "--seeds", "1"}, done, "sim_rows");
  EXPECT_EQ(rows["rows"][0]["verdict"], "PASS");
  EXPECT_EQ(rows["rows"][0]["runs"][0]["replay"], "rift sim --row C5-halves --seeds 1");
  EXPECT_EQ(run({"sim", "--row", "C99"}).exit, usage);
  EXPECT_EQ(run({"sim", "--seeds", "5..1"}).exit, usage);
}

}  // namespace
}  // namespace rift
