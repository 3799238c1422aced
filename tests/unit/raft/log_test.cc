#include "raft/log.h"

#include "cluster.h"

namespace rift::raft::test {
namespace {

Entry entry(std::uint64_t index, std::uint64_t term, std::string payload = "x") {
  return {.term = Term(term),
          .index = LogIndex(index),
          .kind = EntryKind::command,
          .log_time = Duration(static_cast<std::int64_t>(index)),
          .payload = Bytes(std::move(payload))};
}

// The store holds indexes 1..n with these terms.
struct Fixture {
  explicit Fixture(const std::vector<std::uint64_t>& terms) {
    for (std::size_t i = 0; i < terms.size(); ++i) disk.log.push_back(entry(i + 1, terms[i]));
  }
  Log restored(std::size_t tail) const {
    Restored state{};
    state.last_index = disk.last_index();
    if (!disk.log.empty()) state.last_term = disk.log.back().term;
    if (!disk.log.empty()) state.last_log_time = disk.log.back().log_time;
    state.tail.assign(disk.log.end() - static_cast<std::ptrdiff_t>(tail), disk.log.end());
    return Log(state);
  }
  Disk disk{};
  DiskReader reader{disk};
};

TEST(RaftLog, AnEmptyLogEndsAtZero) {
  Fixture store({});
  const Log log = store.restored(0);
  EXPECT_EQ(log.last_index(), LogIndex(0));
  EXPECT_EQ(log.last_term(), Term(0));
  EXPECT_EQ(MUST(log.term(LogIndex(0), store.reader)), Term(0));
  EXPECT_EQ(MUST(log.term(LogIndex(1), store.reader)), std::nullopt);
}

TEST(RaftLog, AnswersTheSameWhateverPartIsInMemory) {
  const std::vector<std::uint64_t> terms{1, 1, 2, 2, 5, 5, 5};
  for (std::size_t tail = 0; tail <= terms.size(); ++tail) {
    SCOPED_TRACE(tail);
    Fixture store(terms);
    const Log log = store.restored(tail);
    EXPECT_EQ(log.last_index(), LogIndex(7));
    EXPECT_EQ(log.last_term(), Term(5));
    EXPECT_EQ(log.last_log_time(), Duration(7));
    for (std::uint64_t i = 1; i <= 7; ++i) EXPECT_EQ(MUST(log.term(LogIndex(i), store.reader)), Term(terms[i - 1]));
    std::vector<Entry> all;
    while (all.size() < 7) {
      for (Entry& e : MUST(log.read(LogIndex(all.size() + 1), LogIndex(7), 1000, store.reader)))
        all.push_back(std::move(e));
    }
    EXPECT_EQ(all, store.disk.log);
  }
}

TEST(RaftLog, FindsTheLastEntryOfATermOrOlder) {
  const std::vector<std::uint64_t> terms{1, 1, 2, 2, 5, 5, 5};
  for (const std::size_t tail : {std::size_t{0}, std::size_t{3}, terms.size()}) {
    Fixture store(terms);
    const Log log = store.restored(tail);
    const auto find = [&](std::uint64_t index, std::uint64_t term) {
      return MUST(log.last_index_up_to_term(LogIndex(index), Term(term), store.reader)).value();
    };
    EXPECT_EQ(find(7, 5), 7u);
    EXPECT_EQ(find(7, 4), 4u);
    EXPECT_EQ(find(7, 2), 4u);
    EXPECT_EQ(find(7, 1), 2u);
    EXPECT_EQ(find(7, 0), 0u);
    EXPECT_EQ(find(3, 9), 3u);
    EXPECT_EQ(find(100, 9), 7u) << "an index beyond the end is the end";
  }
}

TEST(RaftLog, TruncatesAConflictingSuffix) {
  Fixture store({1, 1, 2, 2});
  Log log = store.restored(4);
  MUST(log.truncate(LogIndex(3), store.reader));
  EXPECT_EQ(log.last_index(), LogIndex(2));
  EXPECT_EQ(log.last_term(), Term(1));
  log.append(entry(3, 7));
  EXPECT_EQ(log.last_term(), Term(7));
  EXPECT_EQ(store.reader.reads, 0);
}

TEST(RaftLog, TruncatesBelowWhatIsInMemory) {
  Fixture store({1, 1, 2, 2, 3});
  Log log = store.restored(2);
  MUST(log.truncate(LogIndex(3), store.reader));
  EXPECT_EQ(log.last_index(), LogIndex(2));
  EXPECT_EQ(log.last_term(), Term(1));
  EXPECT_EQ(log.last_log_time(), Duration(2));
  MUST(log.truncate(LogIndex(1), store.reader));
  EXPECT_EQ(log.last_index(), LogIndex(0));
  EXPECT_EQ(log.last_term(), Term(0));
}

TEST(RaftLog, ReleasesOldEntriesButNeverBeyondTheGivenIndex) {
  Fixture store({});
  Log log = store.restored(0);
  for (std::uint64_t i = 1; i <= 10; ++i) log.append(entry(i, 1, std::string(100, 'x')));
  const std::size_t full = log.memory_bytes();
  log.release(LogIndex(10), full);
  EXPECT_EQ(log.memory_from(), LogIndex(1)) << "within the bound nothing is forgotten";
  log.release(LogIndex(4), 0);
  EXPECT_EQ(log.memory_from(), LogIndex(5));
  EXPECT_EQ(log.memory_bytes(), full / 10 * 6);
  log.release(LogIndex(10), full / 2);
  EXPECT_EQ(log.memory_from(), LogIndex(6));
  EXPECT_EQ(log.last_index(), LogIndex(10));
  EXPECT_EQ(MUST(log.term(LogIndex(5), store.reader)), Term(1)) << "the entry before memory is known by term";
}

TEST(RaftLog, ReadsStopAtTheByteBoundButReturnAtLeastOne) {
  Fixture store({});
  Log log = store.restored(0);
  for (std::uint64_t i = 1; i <= 5; ++i) log.append(entry(i, 1, std::string(10, 'x')));
  EXPECT_EQ(MUST(log.read(LogIndex(2), LogIndex(5), 25, store.reader)).size(), 2u);
  EXPECT_EQ(MUST(log.read(LogIndex(2), LogIndex(5), 0, store.reader)).size(), 1u);
  EXPECT_EQ(MUST(log.read(LogIndex(2), LogIndex(3), 1000, store.reader)).size(), 2u);
}

TEST(RaftLog, AStoreWithAHoleIsCorruptionNotACrash) {
  Fixture store({1, 1, 2, 2, 5, 5, 5});
  const Log log = store.restored(1);
  store.disk.log.resize(2);
  EXPECT_EQ(log.read(LogIndex(4), LogIndex(5), 100, store.reader).error().code, Code::corruption);
  EXPECT_EQ(log.last_index_up_to_term(LogIndex(5), Term(2), store.reader).error().code, Code::corruption);
}

}  // namespace
}  // namespace rift::raft::test
