// Key layouts of the store, byte by byte: changing one makes every data directory unreadable.
#include "wire/keys.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "samples.h"

namespace rift::wire {
namespace {

using samples::to_hex;
constexpr PartitionId p{0x01020304};
constexpr Generation g{0x0a0b0c0d};

TEST(Keys, MetaKeysAreThese) {
  EXPECT_EQ(node_meta_key("identity"), "node/identity");
  EXPECT_EQ(to_hex(partition_meta_key(p, "config")), "010203042f636f6e666967");
}

TEST(Keys, LogKeysAreThese) {
  EXPECT_EQ(to_hex(log_key(p, g, LogIndex(0x1122334455667788))), "010203040a0b0c0d1122334455667788");
  const auto range = log_range(p, g, LogIndex(1), LogIndex(3));
  EXPECT_EQ(to_hex(range.first), "010203040a0b0c0d0000000000000001");
  EXPECT_EQ(to_hex(range.last), "010203040a0b0c0d0000000000000003");
}

TEST(Keys, CpStateKeysAreThese) {
  EXPECT_EQ(to_hex(cp_data_key(p, g, "key")), "010203040a0b0c0d646b6579");
  EXPECT_EQ(to_hex(cp_history_key(p, g, Revision(5))), "010203040a0b0c0d680000000000000005");
  EXPECT_EQ(to_hex(cp_expiry_key(p, g, Duration(0x1122334455667788), "key")),
            "010203040a0b0c0d6511223344556677886b6579");
  EXPECT_EQ(to_hex(cp_dedup_key(p, g, {.high = 0x1112131415161718, .low = 0x2122232425262728})),
            "010203040a0b0c0d6311121314151617182122232425262728");
  EXPECT_EQ(to_hex(cp_applied_key(p, g)), "010203040a0b0c0d61");
}

// XXH3-64 of "abc" is 78af5f94892f3950.
TEST(Keys, ApStateKeysAreThese) {
  EXPECT_EQ(to_hex(ap_data_key(p, g, "abc")), "010203040a0b0c0d6478af5f94616263");
  EXPECT_EQ(to_hex(ap_merkle_key(p, g, 0x31323334)), "010203040a0b0c0d6d31323334");
  EXPECT_EQ(to_hex(ap_tombstone_key(p, g, 0x4142434445464748, "abc")), "010203040a0b0c0d74414243444546474878af5f94");
}

TEST(Keys, HintKeysAreThese) {
  EXPECT_EQ(to_hex(hint_key(NodeId(0x51525354), p, "abc")), "515253540102030478af5f94616263");
  EXPECT_EQ(to_hex(hint_dirty_key(NodeId(0x51525354), p)), "00000000785152535401020304");
}

constexpr WallTime wall(std::int64_t ms) { return WallTime(WallTime::duration(ms)); }
constexpr causal::Dot dot{
    .node = NodeId(0x31323334), .incarnation = 0x4142434445464748, .sequence = 0x5152535455565758};

TEST(Keys, LedgerKeysAreThese) {
  EXPECT_EQ(to_hex(ledger_key(wall(0x1122334455667788), p, "abc", dot)),
            "11223344556677880102030478af5f943132333441424344454647485152535455565758");
}

TEST(Keys, LedgerKeysOfTwoLossesDifferAndStandInTheOrderOfTime) {
  causal::Dot other = dot;
  ++other.sequence;
  EXPECT_NE(ledger_key(wall(5), p, "abc", dot), ledger_key(wall(5), p, "abc", other));
  EXPECT_LT(ledger_key(wall(-1), p, "z", dot), ledger_key(wall(1), p, "a", dot));
  EXPECT_LT(ledger_key(wall(255), PartitionId(9), "z", dot), ledger_key(wall(256), PartitionId(1), "a", dot));
  const env::Range range = ledger_range(wall(2), wall(4));
  for (const std::int64_t at : {1, 2, 3, 4, 5}) {
    const std::string key = ledger_key(wall(at), PartitionId(0xffffffff), "k", dot);
    EXPECT_EQ(key >= range.first && key < range.last, at == 2 || at == 3) << at;
  }
}

TEST(Keys, ParsersUndoTheBuilders) {
  const ClientId client{.high = 1, .low = UINT64_MAX};
  EXPECT_EQ(MUST(parse_log_key(log_key(p, g, LogIndex(9)))), LogIndex(9));
  const std::string cp_key = cp_data_key(p, g, "key");
  EXPECT_EQ(MUST(parse_cp_data_key(cp_key)), "key");
  EXPECT_EQ(MUST(parse_cp_dedup_key(cp_dedup_key(p, g, client))), client);
  EXPECT_EQ(MUST(parse_cp_history_key(cp_history_key(p, g, Revision(9)))), Revision(9));
  const std::string expiry_key = cp_expiry_key(p, g, Duration::max(), "key");
  EXPECT_EQ(MUST(parse_cp_expiry_key(expiry_key)).at, Duration::max());
  EXPECT_EQ(MUST(parse_cp_expiry_key(expiry_key)).user_key, "key");
  const std::string ap_key = ap_data_key(p, g, "key");
  EXPECT_EQ(MUST(parse_ap_data_key(ap_key)), "key");
  const HintKey hint = MUST(parse_hint_key(hint_key(NodeId(3), p, "key")));
  EXPECT_EQ(hint.target, NodeId(3));
  EXPECT_EQ(hint.partition, p);
  EXPECT_EQ(hint.user_key, "key");
  const LedgerKey loss = MUST(parse_ledger_key(ledger_key(wall(7), p, "abc", dot)));
  EXPECT_EQ(loss, (LedgerKey{.seen_at = wall(7), .partition = p, .key_hash = 0x78af5f94, .loser = dot}));
  const DirtyKey dirty = MUST(parse_hint_dirty_key(hint_dirty_key(NodeId(3), p)));
  EXPECT_EQ(dirty.target, NodeId(3));
  EXPECT_EQ(dirty.partition, p);
}

TEST(Keys, ParsersRefuseWhatIsNoKeyOfTheirKind) {
  const std::string log = log_key(p, g, LogIndex(9));
  EXPECT_FALSE(parse_log_key(log.substr(1)).has_value());
  EXPECT_FALSE(parse_log_key(log + "x").has_value());
  EXPECT_FALSE(parse_cp_data_key(cp_data_key(p, g, "")).has_value());
  EXPECT_FALSE(parse_cp_data_key(cp_applied_key(p, g)).has_value());
  EXPECT_FALSE(parse_cp_dedup_key(cp_dedup_key(p, g, {}) + "x").has_value());
  EXPECT_FALSE(parse_cp_dedup_key(cp_data_key(p, g, "0123456789abcdef")).has_value());
  EXPECT_FALSE(parse_cp_history_key(cp_history_key(p, g, Revision(1)) + "x").has_value());
  EXPECT_FALSE(parse_cp_history_key(cp_data_key(p, g, "01234567")).has_value());
  EXPECT_FALSE(parse_cp_expiry_key(cp_expiry_key(p, g, Duration(1), "")).has_value());
  EXPECT_FALSE(parse_cp_expiry_key(cp_data_key(p, g, "01234567key")).has_value());
  std::string late = cp_expiry_key(p, g, Duration(1), "k");
  late[9] = '\xff';  // beyond every time
  EXPECT_FALSE(parse_cp_expiry_key(late).has_value());
  EXPECT_FALSE(parse_ap_data_key(ap_data_key(p, g, "")).has_value());
  EXPECT_FALSE(parse_hint_key(hint_dirty_key(NodeId(3), p)).has_value());
  EXPECT_FALSE(parse_hint_dirty_key(hint_key(NodeId(3), p, "key")).has_value());
  EXPECT_FALSE(parse_hint_dirty_key(hint_dirty_key(NodeId(3), p) + "x").has_value());
  const std::string loss = ledger_key(wall(7), p, "abc", dot);
  EXPECT_FALSE(parse_ledger_key(loss + "x").has_value());
  EXPECT_FALSE(parse_ledger_key("\xff" + loss.substr(1)).has_value());  // beyond every time
  for (std::size_t size = 0; size < loss.size(); ++size)
    EXPECT_FALSE(parse_ledger_key(loss.substr(0, size)).has_value());
  for (const std::string& key : {ap_data_key(p, g, "key"), hint_key(NodeId(3), p, "key")}) {
    std::string other = key;
    other.back() = 'z';  // the hash is no longer this user key's
    EXPECT_FALSE(parse_ap_data_key(other).has_value());
    EXPECT_FALSE(parse_hint_key(other).has_value());
  }
  for (std::size_t size = 0; size < 9; ++size) {
    EXPECT_FALSE(parse_cp_data_key(log.substr(0, size)).has_value());
    EXPECT_FALSE(parse_ap_data_key(log.substr(0, size)).has_value());
    EXPECT_FALSE(parse_cp_dedup_key(log.substr(0, size)).has_value());
    EXPECT_FALSE(parse_cp_history_key(log.substr(0, size)).has_value());
    EXPECT_FALSE(parse_cp_expiry_key(log.substr(0, size)).has_value());
    EXPECT_FALSE(parse_hint_key(log.substr(0, size)).has_value());
  }
}

bool holds(const env::Range& range, const std::string& key) {
  return key >= range.first && (range.last.empty() || key < range.last);
}

TEST(Keys, RangesHoldTheirOwnKeysOnly) {
  for (const PartitionId partition : {PartitionId(1), PartitionId(0xff), PartitionId(0xffffffff)}) {
    for (const Generation generation : {Generation(0), Generation(0xff), Generation(0xffffffff)}) {
      const std::string wide(20, '\xff');
      EXPECT_TRUE(holds(cp_data_range(partition, generation), cp_data_key(partition, generation, wide)));
      EXPECT_TRUE(
          holds(cp_data_range(partition, generation), cp_data_key(partition, generation, std::string(1, '\0'))));
      EXPECT_FALSE(holds(cp_data_range(partition, generation), cp_dedup_key(partition, generation, {})));
      EXPECT_FALSE(holds(cp_data_range(partition, generation), cp_history_key(partition, generation, Revision(0))));
      EXPECT_TRUE(
          holds(cp_dedup_range(partition, generation), cp_dedup_key(partition, generation, {UINT64_MAX, UINT64_MAX})));
      EXPECT_FALSE(holds(cp_dedup_range(partition, generation), cp_applied_key(partition, generation)));
      EXPECT_TRUE(
          holds(cp_history_range(partition, generation), cp_history_key(partition, generation, Revision(UINT64_MAX))));
      EXPECT_FALSE(holds(cp_history_range(partition, generation), cp_data_key(partition, generation, wide)));
      EXPECT_TRUE(
          holds(cp_expiry_range(partition, generation), cp_expiry_key(partition, generation, Duration::max(), wide)));
      EXPECT_TRUE(holds(cp_expiry_range(partition, generation, Duration(5)),
                        cp_expiry_key(partition, generation, Duration(5), wide)));
      EXPECT_FALSE(holds(cp_expiry_range(partition, generation, Duration(5)),
                         cp_expiry_key(partition, generation, Duration(6), "k")));
      EXPECT_FALSE(holds(cp_expiry_range(partition, generation), cp_data_key(partition, generation, wide)));
      EXPECT_TRUE(holds(ap_data_range(partition, generation), ap_data_key(partition, generation, wide)));
      EXPECT_FALSE(holds(ap_data_range(partition, generation), ap_merkle_key(partition, generation, 0)));
      EXPECT_TRUE(holds(state_range(partition, generation), ap_tombstone_key(partition, generation, UINT64_MAX, wide)));
      EXPECT_TRUE(holds(state_range(partition, generation), log_key(partition, generation, LogIndex(UINT64_MAX))));
      EXPECT_FALSE(holds(state_range(partition, generation), cp_data_key(partition, Generation(7), "k")));
      EXPECT_TRUE(holds(partition_range(partition), partition_meta_key(partition, "tombstone")));
      EXPECT_TRUE(holds(partition_range(partition), cp_data_key(partition, Generation(7), "k")));
      EXPECT_FALSE(holds(partition_range(partition), partition_meta_key(PartitionId(7), "tombstone")));
    }
  }
}

TEST(Keys, HintRangesHoldTheirTargetOnly) {
  for (const NodeId target : {NodeId(1), NodeId(0xff), NodeId(0xffffffff)}) {
    EXPECT_TRUE(holds(hint_range(target), hint_key(target, p, "k")));
    EXPECT_TRUE(holds(hint_range(target, p), hint_key(target, p, "k")));
    EXPECT_FALSE(holds(hint_range(target, p), hint_key(target, PartitionId(5), "k")));
    EXPECT_FALSE(holds(hint_range(target), hint_key(NodeId(7), p, "k")));
    EXPECT_FALSE(holds(hint_range(target), hint_dirty_key(target, p)));
    EXPECT_TRUE(holds(hint_dirty_range(), hint_dirty_key(target, p)));
    EXPECT_FALSE(holds(hint_dirty_range(), hint_key(target, p, "k")));
  }
}

TEST(Keys, OrderOfLogKeysIsOrderOfIndexes) {
  Rng rng(5);
  for (int run = 0; run < 200; ++run) {
    const LogIndex a(rng.next() >> rng.below(64));
    const LogIndex b(rng.next() >> rng.below(64));
    EXPECT_EQ(log_key(p, g, a) < log_key(p, g, b), a < b);
  }
}

}  // namespace
}  // namespace rift::wire
