#include "chaos/check/history_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "build.h"

namespace rift::chaos::check {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

History example() {
  History out;
  Operation put = write("c7,31", {1, 4}, 4);
  put.side = Side::minority;
  put.level = Level::majority;
  put.client = 7;
  put.sequence = 31;
  put.version = "12.3";
  put.revision = 1ULL << 63;
  Operation lost = unknown(write("c7,32", {5, 1005}, 4));
  lost.error = "deadline \"1 s\" passed\n\tat n4 \\ \x01 \xC3\xA9";
  Operation open = unknown(write("c8,1", {6, 7}));
  open.complete = Time::max();
  open.code = Code::ok;
  out.operations = history({put, lost, read(std::nullopt, {7, 8}), read("c7,31", {7, 9}), cas("c7,31", "c9,1", {8, 9}),
                            failed_cas("x", std::nullopt, "c9,2", {8, 9}), erase("t", {9, 10}), open});
  out.operations.back().completion_index = 0;
  FaultRecord split{.index = 500, .at = at_ms(5), .name = "split", .groups = {{NodeId(1), NodeId(3)}, {NodeId(2)}}};
  split.links.push_back({.from = NodeId(1), .to = NodeId(2), .bytes_held = 1412, .connections = 3});
  out.faults.push_back(split);
  out.faults.push_back({.index = 501, .at = at_ms(6), .name = "leader", .keyspace = "bank", .node = NodeId(2)});
  return out;
}

TEST(HistoryJson, WritesJepsensSixKeysFirst) {
  std::vector<std::string> lines;
  HistoryWriter writer([&](std::string_view line) { lines.emplace_back(line); });
  const History history = example();
  writer.invoked(history.operations[0]);
  writer.completed(history.operations[0]);
  writer.fault(history.faults[0]);
  EXPECT_EQ(
      lines[0],
      "{\"index\":10,\"time\":1000000,\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":[\"k\",\"c7,31\"],"
      "\"ks\":\"bank\",\"node\":\"n4\",\"side\":\"minority\",\"level\":\"majority\",\"sess\":\"c7\",\"seq\":31,"
      "\"scheduled\":1000000}\n");
  EXPECT_EQ(lines[1],
            "{\"index\":11,\"time\":4000000,\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":[\"k\",\"c7,31\"],"
            "\"ks\":\"bank\",\"node\":\"n4\",\"outcome\":\"done\",\"code\":\"ok\",\"version\":\"12.3\","
            "\"revision\":\"9223372036854775808\"}\n");
  EXPECT_EQ(lines[2],
            "{\"index\":500,\"time\":5000000,\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"split\","
            "\"value\":[[\"n1\",\"n3\"],[\"n2\"]],\"links\":[{\"from\":\"n1\",\"to\":\"n2\",\"bytes_held\":\"1412\","
            "\"connections\":\"3\"}]}\n");
}

TEST(HistoryJson, ReadsBackWhatItWrote) {
  const History history = example();
  const std::string text = write_history(history);
  const auto back = read_history(text);
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  ASSERT_EQ(back->operations.size(), history.operations.size());
  for (std::size_t i = 0; i < history.operations.size(); ++i)
    EXPECT_EQ(back->operations[i], history.operations[i]) << i;
  EXPECT_EQ(*back, history);
  EXPECT_EQ(write_history(*back), text);
}

TEST(HistoryJson, WritesBytesThatAreNotTextAsReplacementCharacters) {
  History history;
  Operation op = write("v", {0, 1});
  op.error = "a\xFF\xC0\x80z";
  history.operations.push_back(op);
  const auto back = read_history(write_history(history));
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(back->operations[0].error, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(HistoryJson, SkipsMembersItDoesNotKnow) {
  const auto back = read_history(
      "{\"index\":0,\"time\":1,\"process\":3,\"type\":\"invoke\",\"f\":\"read\",\"value\":[\"k\",null],"
      "\"later\":{\"a\":[1,-2.5e3,true,{\"b\":null}],\"c\":\"\\u00e9\\ud83d\\ude00\"}}\n\n");
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(back->operations.size(), 1U);
}

TEST(HistoryJson, NamesTheLineThatIsWrong) {
  const std::string good =
      "{\"index\":0,\"time\":1,\"process\":3,\"type\":\"invoke\",\"f\":\"read\",\"value\":[\"k\",null]}\n";
  const std::vector<std::string> bad = {"[]",
                                        "{",
                                        "{\"index\":0}",
                                        "{\"index\":-1}",
                                        "nonsense",
                                        "{\"index\":99999999999999999999}",
                                        "{\"process\":\"ghost\"}",
                                        "{\"value\":[[\"n1\",7]]}",
                                        "{\"node\":\"7\"}",
                                        "{\"x\":\"\\ud800\"}",
                                        "{\"x\":\"\\u12\"}",
                                        "{\"x\":\"a\nb\"}",
                                        "{\"x\":" + std::string(100'000, '[') + "}",
                                        "{\"side\":\"left\"}",
                                        "{\"code\":\"nothing\"}",
                                        good,  // the process is still busy
                                        "{\"index\":1,\"time\":0,\"process\":3,\"type\":\"ok\",\"f\":\"read\","
                                        "\"value\":[\"k\",\"a\"]}",  // ends before it begins
                                        "{\"index\":1,\"time\":2,\"process\":3,\"type\":\"ok\",\"f\":\"read\","
                                        "\"value\":[\"other\",\"a\"]}",  // of another key
                                        "{\"index\":1,\"time\":2,\"process\":4,\"type\":\"ok\",\"f\":\"read\","
                                        "\"value\":[\"k\",\"a\"]}",
                                        "{\"index\":1,\"time\":2,\"process\":4,\"type\":\"invoke\",\"f\":\"write\","
                                        "\"value\":[\"k\",null]}",
                                        "{\"index\":1,\"time\":2,\"process\":4,\"type\":\"invoke\",\"f\":\"explode\","
                                        "\"value\":[\"k\",null]}"};
  for (const std::string& line : bad) {
    const auto result = read_history(good + line);
    ASSERT_FALSE(result.has_value()) << line;
    EXPECT_EQ(result.error().code, Code::invalid);
    EXPECT_THAT(result.error().detail, StartsWith("line 2: ")) << line.substr(0, 80);
  }
}

TEST(HistoryJson, SurvivesFlippedBitsAndCuts) {
  const std::string text = write_history(example());
  Rng rng(99);
  int refused = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string damaged = text;
    for (std::uint64_t flips = rng.between(1, 4); flips > 0; --flips) {
      char& byte = damaged[rng.below(damaged.size())];
      byte = static_cast<char>(byte ^ static_cast<char>(1U << rng.below(8)));
    }
    if (rng.chance(0.3)) damaged.resize(rng.below(damaged.size()));
    const auto result = read_history(damaged);
    if (result.has_value()) {
      write_history(*result);
    } else {
      ++refused;
      ASSERT_THAT(result.error().detail, HasSubstr("line "));
    }
  }
  EXPECT_GT(refused, 2'500);
}

}  // namespace
}  // namespace rift::chaos::check
