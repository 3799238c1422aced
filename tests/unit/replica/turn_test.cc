#include "replica/turn.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/kit/map_store.h"

namespace rift {
namespace {

using env::Range;
using env::Table;
constexpr std::size_t no_limit = 1'000'000;

class TurnTest : public ::testing::Test {
 protected:
  Turn make() {
    return Turn(Turn::Inputs{.now = {.steady = Time(Duration(5)), .wall = WallTime(std::chrono::milliseconds(6))},
                             .reader = store_,
                             .pressure = env::Pressure::disk_full,
                             .random = random_,
                             .log = *log_,
                             .recorder = nullptr},
                output_);
  }
  void stored(Table table, ByteView key, const char* value) { store_.poke(table, key, Bytes(value)); }

  kit::MapStore store_;
  Rng random_{1};
  std::unique_ptr<Log> log_ = make_null_log();
  TurnOutput output_;
};

std::optional<Bytes> value_of(Turn& turn, ByteView key) { return MUST(turn.get(Table::state_cp, key)); }

std::string keys_of(const std::vector<env::KeyValue>& pairs) {
  std::string keys;
  for (const auto& pair : pairs) keys += pair.key + "=" + pair.value.to_string() + " ";
  return keys;
}

TEST_F(TurnTest, ReadsTheStoreAndThenItsOwnBatch) {
  stored(Table::state_cp, "a", "old");
  Turn turn = make();
  turn.begin(PartitionId(1));
  EXPECT_EQ(value_of(turn, "a"), Bytes("old"));
  EXPECT_EQ(value_of(turn, "b"), std::nullopt);
  turn.put(Table::state_cp, "a", "new");
  turn.put(Table::state_cp, "b", "1");
  turn.put(Table::state_cp, "b", "2");
  EXPECT_EQ(value_of(turn, "a"), Bytes("new"));
  EXPECT_EQ(value_of(turn, "b"), Bytes("2"));
  EXPECT_EQ(MUST(turn.get(Table::state_ap, "a")), std::nullopt);    // another table
  EXPECT_EQ(MUST(store_.get(Table::state_cp, "a")), Bytes("old"));  // nothing is applied yet
}

TEST_F(TurnTest, ErasedIsAbsent) {
  stored(Table::state_cp, "a", "1");
  Turn turn = make();
  turn.begin(PartitionId(1));
  turn.erase(Table::state_cp, "a");
  EXPECT_EQ(value_of(turn, "a"), std::nullopt);
  turn.put(Table::state_cp, "a", "2");
  EXPECT_EQ(value_of(turn, "a"), Bytes("2"));
}

TEST_F(TurnTest, AnErasedRangeHidesWhatCameBeforeItOnly) {
  stored(Table::state_cp, "b", "stored");
  stored(Table::state_cp, "c", "stored");
  Turn turn = make();
  turn.begin(PartitionId(1));
  turn.put(Table::state_cp, "a1", "before");
  turn.put(Table::state_cp, "b1", "before");
  turn.erase_range(Table::state_cp, "b", "c");
  EXPECT_EQ(value_of(turn, "a1"), Bytes("before"));
  EXPECT_EQ(value_of(turn, "b"), std::nullopt);
  EXPECT_EQ(value_of(turn, "b1"), std::nullopt);
  EXPECT_EQ(value_of(turn, "c"), Bytes("stored"));  // the end is not in the range
  turn.put(Table::state_cp, "b1", "after");
  EXPECT_EQ(value_of(turn, "b1"), Bytes("after"));
  EXPECT_EQ(keys_of(MUST(turn.scan(Table::state_cp, Range{}, no_limit, no_limit))), "a1=before b1=after c=stored ");
}

TEST_F(TurnTest, AScanMergesBatchAndStoreAndKeepsItsLimits) {
  for (const char* key : {"b", "d", "f", "h"}) stored(Table::state_cp, key, "s");
  Turn turn = make();
  turn.begin(PartitionId(1));
  turn.put(Table::state_cp, "a", "n");
  turn.put(Table::state_cp, "d", "n");
  turn.erase(Table::state_cp, "f");
  turn.put(Table::state_cp, "z", "n");
  turn.put(Table::state_ap, "c", "n");
  const auto scan = [&](Range range, std::size_t keys, std::size_t bytes) {
    return keys_of(MUST(turn.scan(Table::state_cp, range, keys, bytes)));
  };
  EXPECT_EQ(scan(Range{}, no_limit, no_limit), "a=n b=s d=n h=s z=n ");
  EXPECT_EQ(scan(Range{"b", "h"}, no_limit, no_limit), "b=s d=n ");
  EXPECT_EQ(scan(Range{}, 3, no_limit), "a=n b=s d=n ");
  EXPECT_EQ(scan(Range{}, 1, no_limit), "a=n ");
  EXPECT_EQ(scan(Range{}, no_limit, 3), "a=n b=s ");  // stops after the pair that passes the limit
}

TEST_F(TurnTest, AFailedReplicaLeavesNothingBehindButItsReason) {
  stored(Table::state_cp, "a", "stored");
  Turn turn = make();
  turn.begin(PartitionId(1));
  turn.put(Table::state_cp, "one", "1");
  turn.send(NodeId(2), env::Lane::data, "m1");
  EXPECT_TRUE(turn.end());

  turn.begin(PartitionId(2));
  turn.put(Table::state_cp, "a", "2");
  turn.erase_range(Table::state_cp, "o", "p");
  turn.send(NodeId(2), env::Lane::data, "m2");
  turn.send_when_durable(NodeId(2), env::Lane::data, "m3");
  turn.reply(Response{});
  turn.reply_when_durable(Response{});
  EXPECT_EQ(value_of(turn, "one"), std::nullopt);
  turn.fail("broken");
  EXPECT_FALSE(turn.end());

  turn.begin(PartitionId(3));
  EXPECT_EQ(value_of(turn, "a"), Bytes("stored"));
  EXPECT_EQ(value_of(turn, "one"), Bytes("1"));
  turn.put(Table::state_cp, "three", "3");
  EXPECT_TRUE(turn.end());

  EXPECT_EQ(output_.batch.size(), 2U);
  ASSERT_EQ(output_.send_now.size(), 1U);
  EXPECT_EQ(output_.send_now[0].message, Bytes("m1"));
  EXPECT_TRUE(output_.send_when_durable.empty());
  EXPECT_TRUE(output_.reply_now.empty());
  EXPECT_TRUE(output_.reply_when_durable.empty());
  ASSERT_EQ(output_.failures.size(), 1U);
  EXPECT_EQ(output_.failures[0], std::pair(PartitionId(2), std::string("broken")));
}

TEST_F(TurnTest, KeepsWhatMayOvertakeTheDiskApart) {
  Turn turn = make();
  turn.begin(PartitionId(7));
  turn.send(NodeId(2), env::Lane::control, "now");
  turn.send_when_durable(NodeId(3), env::Lane::data, "later");
  turn.reply(refuse(RequestId(1), Code::overloaded, ""), false);
  turn.reply_when_durable(Response{});
  turn.wake_at(Time(Duration(9)));
  ASSERT_EQ(output_.send_now.size(), 1U);
  EXPECT_EQ(output_.send_now[0].partition, PartitionId(7));
  EXPECT_EQ(output_.send_now[0].to, NodeId(2));
  EXPECT_EQ(output_.send_now[0].lane, env::Lane::control);
  ASSERT_EQ(output_.send_when_durable.size(), 1U);
  EXPECT_EQ(output_.send_when_durable[0].message, Bytes("later"));
  ASSERT_EQ(output_.reply_now.size(), 1U);
  EXPECT_FALSE(output_.reply_now[0].last);
  ASSERT_EQ(output_.reply_when_durable.size(), 1U);
  EXPECT_TRUE(output_.reply_when_durable[0].last);
  EXPECT_EQ(output_.wakes, (std::vector<std::pair<PartitionId, Time>>{{PartitionId(7), Time(Duration(9))}}));
  EXPECT_EQ(turn.now().steady, Time(Duration(5)));
  EXPECT_EQ(turn.pressure(), env::Pressure::disk_full);
}

TEST_F(TurnTest, TheIndexGrowsOverThousandsOfKeys) {
  Turn turn = make();
  turn.begin(PartitionId(1));
  for (int i = 0; i < 5000; ++i) {
    turn.put(Table::state_cp, "key" + std::to_string(i), Bytes(std::to_string(i)));
    const std::string earlier = std::to_string(i / 2);
    ASSERT_EQ(value_of(turn, "key" + earlier), Bytes(earlier));
  }
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(value_of(turn, "key" + std::to_string(i)), Bytes(std::to_string(i)));
  EXPECT_EQ(value_of(turn, "key5000"), std::nullopt);
}

// Against a map: whatever is written, erased, failed and read, in any order, by several replicas in one Turn.
class Model {
 public:
  void begin() { saved_ = map_; }
  void fail() { map_ = saved_; }
  void put(const std::string& key, const std::string& value) { map_[key] = value; }
  void erase(const std::string& key) { map_.erase(key); }
  void erase_range(const std::string& first, const std::string& last) {
    if (first < last) map_.erase(map_.lower_bound(first), map_.lower_bound(last));
  }
  std::optional<Bytes> get(const std::string& key) const {
    const auto it = map_.find(key);
    return it == map_.end() ? std::optional<Bytes>() : std::optional<Bytes>(Bytes(it->second));
  }
  std::vector<env::KeyValue> scan(const Range& range, std::size_t keys_max, std::size_t bytes_max) const {
    std::vector<env::KeyValue> pairs;
    std::size_t bytes = 0;
    for (auto it = map_.lower_bound(range.first); it != map_.end() && pairs.size() < keys_max && bytes <= bytes_max;
         ++it) {
      if (!range.last.empty() && it->first >= range.last) break;
      bytes += it->first.size() + it->second.size();
      pairs.push_back(env::KeyValue{.key = it->first, .value = Bytes(it->second)});
    }
    return pairs;
  }

 private:
  std::map<std::string, std::string> map_;
  std::map<std::string, std::string> saved_;
};

TEST_F(TurnTest, ABatchMayWaitWhenAllWhoWroteItSaySo) {
  Turn turn = make();
  const auto replica = [&](bool writes, bool later, bool fails) {
    turn.begin(PartitionId(1));
    if (writes) turn.put(Table::state_cp, "k", "v");
    if (later) turn.store_later();
    if (fails) turn.fail("told to");
    turn.end();
  };
  replica(true, true, false);
  EXPECT_FALSE(output_.must_store);
  replica(false, false, false);
  EXPECT_FALSE(output_.must_store) << "who writes nothing asks for nothing";
  replica(true, false, true);
  EXPECT_FALSE(output_.must_store) << "what it wrote is gone";
  replica(true, false, false);
  EXPECT_TRUE(output_.must_store);
  replica(true, true, false);
  EXPECT_TRUE(output_.must_store);
  output_.clear();
  EXPECT_FALSE(output_.must_store);
  turn.begin(PartitionId());  // a job that writes, and then begins for a replica
  turn.put(Table::meta, "m", "v");
  replica(true, true, false);
  EXPECT_TRUE(output_.must_store);
}

TEST_F(TurnTest, AgreesWithAMapWhateverHappens) {
  Rng rng(2024);
  const auto random_key = [&] {
    return std::string(1, static_cast<char>('a' + rng.below(4))) + std::to_string(rng.below(30));
  };
  Model model;
  for (int round = 0; round < 150; ++round) {
    output_.clear_effects();
    Turn turn = make();
    for (std::uint64_t replicas = rng.between(1, 3); replicas > 0; --replicas) {
      turn.begin(PartitionId(1));
      model.begin();
      for (std::uint64_t steps = rng.below(60); steps > 0; --steps) {
        const std::string key = random_key();
        const std::string other = random_key();
        switch (rng.below(6)) {
          case 0:
          case 1: {
            const std::string value = std::to_string(rng.next() % 1000);
            turn.put(Table::state_cp, key, Bytes(value));
            model.put(key, value);
            break;
          }
          case 2:
            turn.erase(Table::state_cp, key);
            model.erase(key);
            break;
          case 3:
            if (!rng.chance(0.2)) break;
            turn.erase_range(Table::state_cp, key, other);
            model.erase_range(key, other);
            break;
          case 4:
            ASSERT_EQ(value_of(turn, key), model.get(key)) << key;
            break;
          case 5: {
            const Range range{rng.chance(0.3) ? "" : key, rng.chance(0.3) ? "" : other};
            const std::size_t keys_max = rng.between(1, 12);
            const std::size_t bytes_max = rng.chance(0.5) ? no_limit : rng.between(1, 40);
            ASSERT_EQ(MUST(turn.scan(Table::state_cp, range, keys_max, bytes_max)),
                      model.scan(range, keys_max, bytes_max));
            break;
          }
        }
      }
      if (rng.chance(0.3)) {
        turn.fail("drawn");
        model.fail();
      }
      turn.end();
    }
    if (rng.chance(0.4)) continue;  // stored along with a later round
    ASSERT_TRUE(store_.apply(output_.batch).has_value());
    output_.clear_batch();
    ASSERT_EQ(MUST(store_.scan(Table::state_cp, Range{}, no_limit, no_limit)), model.scan(Range{}, no_limit, no_limit))
        << round;
  }
}

}  // namespace
}  // namespace rift
