#include <gtest/gtest.h>

#include <algorithm>

#include "base/limits.h"
#include "base/rng.h"
#include "samples.h"

namespace rift::wire {
namespace {

bool inside(ByteView part, ByteView whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

std::string random_text(Rng& rng, std::uint64_t size_max) {
  std::string text;
  for (std::uint64_t n = rng.below(size_max + 1); n > 0; --n) text.push_back(static_cast<char>(rng.below(256)));
  return text;
}

Bytes from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return Bytes(std::move(bytes));
}

// Numbers of every magnitude, so that varints of all lengths come up.
std::uint64_t random_number(Rng& rng) { return rng.next() >> rng.below(64); }

TEST(Messages, EveryKindSurvivesItsBytes) {
  for (const auto& [name, message] : samples::messages()) {
    const auto decoded = decode_message(encode_message(message));
    ASSERT_TRUE(decoded.has_value()) << name << ": " << decoded.error().detail;
    EXPECT_EQ(*decoded, message) << name;
  }
}

TEST(Messages, EveryKindSurvivesWithNothingInIt) {
  const std::vector<Message> empty = {raft::Message(raft::PreVote{}),
                                      raft::Message(raft::PreVoteReply{}),
                                      raft::Message(raft::Vote{}),
                                      raft::Message(raft::VoteReply{}),
                                      raft::Message(raft::Append{}),
                                      raft::Message(raft::AppendAck{}),
                                      raft::Message(raft::Heartbeat{}),
                                      raft::Message(raft::HeartbeatAck{}),
                                      raft::Message(raft::TimeoutNow{}),
                                      ForwardReply{},
                                      MapPull{},
                                      MapPush{},
                                      Ping{},
                                      PingAck{},
                                      ReadPosition{},
                                      ReadPositionReply{},
                                      LeaveQuestion{},
                                      LeaveAnswer{},
                                      LogDurable{},
                                      StoreAck{},
                                      VersionsReply{},
                                      FetchReply{},
                                      HintOffer{},
                                      HintWant{},
                                      Refill{},
                                      RefillAck{},
                                      RefillDone{}};
  for (const Message& message : empty) {
    const auto decoded = decode_message(encode_message(message));
    ASSERT_TRUE(decoded.has_value()) << message.index();
    EXPECT_EQ(*decoded, message) << message.index();
  }
}

// What stood on disk and travelled before contexts, tokens and richer receipts: absent is zero, and a zero costs nothing.
TEST(Messages, OldBytesAreReadAndWrittenAsEver) {
  const Bytes envelope =
      from_hex("017d5300b4ed0801121809efcdab8967452301120d0803110300000002000000184d1a077061796c6f6164");
  causal::Envelope bare = samples::envelope();
  bare.context.clear();
  bare.expiry = {};
  EXPECT_EQ(MUST(decode_envelope(envelope)), bare);
  EXPECT_EQ(encode(bare), envelope);

  const Bytes versions_reply = from_hex("9a0220080110011a1809efcdab8967452301120d0803110300000002000000184d2001");
  EXPECT_EQ(encode_message(VersionsReply{.token = 1, .found = true, .stamp = bare.stamp, .tombstone = true}),
            versions_reply);
  EXPECT_FALSE(std::get<VersionsReply>(MUST(decode_message(versions_reply))).catching_up);
  const Bytes fetch_reply =
      from_hex("aa0229080112250801121809efcdab8967452301120d0803110300000002000000184d1a077061796c6f6164");
  EXPECT_EQ(MUST(decode_message(fetch_reply)), Message(FetchReply{.token = 1, .found = true, .envelope = bare}));

  const Bytes forward = from_hex(
      "82019b010a9801080b120462616e6b180c200d280430023a036b6579420576616c75654a040802100e521a090f0000000000"
      "0000111000000000000000181220112801300158c0d5870960016801724d0a026b7a100118fbffffffffffffffff012080f8"
      "82ad1628073008380142090a01631204080510094a12080612017420ffffffffffffffffff01280a520808021201651a0176"
      "520508011201677814");
  Request request = samples::request();
  request.seen = {};
  request.operands->cursor = {};
  request.mints_token = false;
  EXPECT_EQ(MUST(decode_message(forward)), Message(Forward{request}));
  EXPECT_EQ(encode_message(Forward{request}), forward);

  const Bytes forward_reply = from_hex(
      "8a0197010a9401080b1005180120012a047365656e321c0815101618172118000000000000002819311a0000000000000038"
      "1b3a03776879420468696e744a24080310011a0301ac02201f28203021382240024800502358016001680170247825800126"
      "50015a33080112100a016b10011a0176220608151016181712001a016c20182819301a3a120803101b1a01782201792a0608"
      "1510161817");
  Response response = samples::response();
  response.receipt.superseded_by = {};
  response.receipt.hinted.clear();
  response.receipt.degraded = false;
  response.receipt.teaching = {};
  response.receipt.stand_ins.clear();
  EXPECT_EQ(MUST(decode_message(forward_reply)), Message(ForwardReply{response}));
  EXPECT_EQ(encode_message(ForwardReply{response}), forward_reply);
}

// A default in our struct must not stand in for a field that was sent as zero.
TEST(Messages, AFalseWriteBackStaysFalse) {
  Request request = samples::request();
  request.write_back = false;
  const auto decoded = MUST(decode_message(encode_message(Forward{.request = request})));
  EXPECT_FALSE(std::get<Forward>(decoded).request.write_back);
}

TEST(Messages, AnUnboundedStalenessIsNotABoundOfZero) {
  Response response = samples::response();
  ASSERT_EQ(response.receipt.staleness_bound, Duration(0));
  EXPECT_EQ(std::get<ForwardReply>(MUST(decode_message(encode_message(ForwardReply{response}))))
                .response.receipt.staleness_bound,
            Duration(0));
  response.receipt.staleness_bound.reset();
  EXPECT_EQ(std::get<ForwardReply>(MUST(decode_message(encode_message(ForwardReply{response}))))
                .response.receipt.staleness_bound,
            std::nullopt);
}

TEST(Messages, PayloadsOfAnAppendAreSlices) {
  const raft::Append append{.term = Term(1),
                            .prev_index = LogIndex(1),
                            .prev_term = Term(1),
                            .commit = LogIndex(1),
                            .entries = {samples::entry(2, "payload")}};
  const Bytes bytes = encode_message(raft::Message(append));
  const auto decoded = MUST(decode_message(bytes));
  EXPECT_TRUE(inside(std::get<raft::Append>(std::get<raft::Message>(decoded)).entries[0].payload, bytes));
}

TEST(Messages, RandomAppendsSurvive) {
  Rng rng(7);
  for (int run = 0; run < 500; ++run) {
    raft::Append append{.term = Term(random_number(rng)),
                        .prev_index = LogIndex(random_number(rng)),
                        .prev_term = Term(random_number(rng)),
                        .commit = LogIndex(random_number(rng)),
                        .entries = {}};
    for (std::uint64_t n = rng.below(5); n > 0; --n) {
      append.entries.push_back(raft::Entry{.term = Term(random_number(rng) | 1U),
                                           .index = LogIndex(random_number(rng) | 1U),
                                           .kind = static_cast<raft::EntryKind>(rng.between(1, 3)),
                                           .log_time = Duration(static_cast<std::int64_t>(random_number(rng))),
                                           .payload = Bytes(random_text(rng, 300))});
    }
    const Message message = raft::Message(append);
    ASSERT_EQ(MUST(decode_message(encode_message(message))), message);
  }
}

TEST(Hello, SurvivesItsBytes) {
  EXPECT_EQ(MUST(decode_hello(encode_hello(samples::hello()))), samples::hello());
  Hello unfounded;
  unfounded.node = NodeId(1);
  unfounded.starts = {1ULL << 32};
  EXPECT_EQ(MUST(decode_hello(encode_hello(unfounded))), unfounded);
}

TEST(Frame, SurvivesItsBytesAndItsPartsAreSlices) {
  const Frame frame = samples::frame();
  const Bytes bytes = encode_frame(frame);
  const Frame decoded = MUST(decode_frame(bytes));
  EXPECT_EQ(decoded, frame);
  EXPECT_TRUE(inside(decoded.parts[0].message, bytes));
  EXPECT_EQ(MUST(decode_frame(encode_frame(Frame{}))), Frame{});
}

TEST(Frame, ItsSizeIsTheSumOfItsPartsAndAtMostTheOverhead) {
  for (const MapEpoch epoch : {MapEpoch(0), MapEpoch(UINT64_MAX)}) {
    Frame frame{.epoch = epoch, .parts = {}};
    std::size_t parts = 0;
    for (const std::size_t size : {1U, 127U, 128U, 20'000U}) {
      frame.parts.push_back(FramePart{.partition = PartitionId(UINT32_MAX), .message = std::string(size, 'm')});
      parts += encoded_size(frame.parts.back());
    }
    EXPECT_GE(encode_frame(frame).size(), parts);
    EXPECT_LE(encode_frame(frame).size(), parts + frame_overhead_bytes);
  }
}

TEST(Records, EveryKindSurvivesItsBytes) {
  for (const auto& record : samples::records()) {
    const auto recoded = record.recode(record.bytes);
    ASSERT_TRUE(recoded.has_value()) << record.name << ": " << recoded.error().detail;
    EXPECT_EQ(*recoded, record.bytes) << record.name;
    EXPECT_EQ(record.bytes.view().front(), static_cast<char>(record_format)) << record.name;
  }
}

TEST(Records, ValuesSurvive) {
  EXPECT_EQ(MUST(decode_catalog(encode(samples::catalog()))), samples::catalog());
  EXPECT_EQ(MUST(decode_envelope(encode(samples::envelope()))), samples::envelope());
  EXPECT_EQ(MUST(decode_log_record(encode_log_record(samples::entry(42, "p")), LogIndex(42))), samples::entry(42, "p"));
  EXPECT_EQ(MUST(decode_cp_value(encode(CpValue{}))), CpValue{});
  EXPECT_EQ(MUST(decode_dedup_row(encode(DedupRow{.floor = 0, .last_used = {}, .outcomes = {}}))).floor, 0U);
  EXPECT_EQ(MUST(decode_hint(encode(HintRecord{}))), HintRecord{});
  EXPECT_EQ(MUST(decode_ledger(encode(samples::ledger_record()))), samples::ledger_record());
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX})
    EXPECT_EQ(MUST(decode_u64(encode_u64(number))), number);
}

TEST(Records, ALossOfTwoLargeValuesKeepsTheLosers) {
  LedgerRecord record = samples::ledger_record();
  record.winner_omitted = false;
  record.loser.payload = std::string(limits::ledger_payload_bytes_max - 7, 'l');
  EXPECT_EQ(MUST(decode_ledger(encode(record))), record);
  record.loser.payload = std::string(limits::ledger_payload_bytes_max - 6, 'l');  // the winner's has 7
  const LedgerRecord kept = MUST(decode_ledger(encode(record)));
  EXPECT_TRUE(kept.winner_omitted);
  EXPECT_EQ(kept.winner.stamp, record.winner.stamp);
  EXPECT_TRUE(kept.winner.payload.empty());
  EXPECT_EQ(kept.loser, record.loser);
}

// Records from before a partition had founders of its own: its owners never changed then.
TEST(Records, ACatalogWithoutFoundersHasItsOwnersForFounders) {
  topology::Catalog old = samples::catalog();
  for (auto& [name, keyspace] : old.keyspaces) {
    for (topology::Partition& partition : keyspace.partitions) partition.founders.clear();
  }
  EXPECT_EQ(MUST(decode_catalog(encode(old))), samples::catalog());
}

TEST(History, SurvivesAndIsSlicesOfItsRecord) {
  const HistoryRecord record = samples::history();
  const Bytes bytes = encode_history(record.events);
  const HistoryRecord decoded = MUST(decode_history(bytes));
  EXPECT_EQ(decoded, record);
  EXPECT_TRUE(inside(decoded.events[0].key, bytes));
  EXPECT_TRUE(inside(decoded.events[0].value, bytes));
  const Event event = to_event(decoded.events[0]);
  EXPECT_EQ(event.version.modify_revision, Revision(7));
  EXPECT_EQ(event.version.create_revision, Revision(5));
}

TEST(History, RefusesARecordThatSaysNothingOrRunsBackwards) {
  HistoryRecord record = samples::history();
  EXPECT_FALSE(decode_history(encode_history({})).has_value());
  std::swap(record.events[0], record.events[1]);
  EXPECT_FALSE(decode_history(encode_history(record.events)).has_value());
}

TEST(Commands, SurviveAndAreSlicesOfThePayload) {
  const auto commands = samples::commands();
  const Bytes payload = encode_commands(commands);
  const auto decoded = MUST(decode_commands(payload));
  EXPECT_EQ(decoded, commands);
  EXPECT_TRUE(inside(decoded[0].key, payload));
  EXPECT_TRUE(inside(decoded[0].value, payload));
  EXPECT_TRUE(inside(decoded[1].condition.value, payload));
}

TEST(Commands, TheirSizesAddUpToThePayload) {
  const auto commands = samples::commands();
  std::size_t sum = 1;  // the format byte
  for (const Command& command : commands) sum += encoded_size(command);
  EXPECT_EQ(encode_commands(commands).size(), sum);
  EXPECT_TRUE(MUST(decode_commands(encode_commands({}))).empty());
}

TEST(Commands, RandomOnesSurvive) {
  Rng rng(11);
  for (int run = 0; run < 500; ++run) {
    std::vector<Command> commands;
    for (std::uint64_t n = rng.below(6); n > 0; --n) {
      Command command;
      command.verb = static_cast<Verb>(rng.between(1, 5));
      command.key = Bytes("k" + random_text(rng, 40));
      command.value = Bytes(random_text(rng, 200));
      command.condition.kind = static_cast<Condition::Kind>(rng.below(4));
      command.condition.version = random_number(rng);
      command.condition.value = Bytes(random_text(rng, 200));
      if (rng.chance(0.5)) {
        command.op = OpId{.client = rng.uuid(),
                          .sequence = random_number(rng),
                          .floor = random_number(rng),
                          .first = rng.chance(0.5),
                          .retry = rng.chance(0.5)};
      }
      commands.push_back(std::move(command));
    }
    ASSERT_EQ(MUST(decode_commands(encode_commands(commands))), commands);
  }
}

}  // namespace
}  // namespace rift::wire
