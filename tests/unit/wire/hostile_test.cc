// Bytes from outside may be anything: a typed error, never a crash; and where there is a checksum, not one flipped bit passes.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/rng.h"
#include "samples.h"

namespace rift::wire {
namespace {

std::string flipped(ByteView bytes, std::size_t bit) {
  std::string copy(bytes);
  copy[bit / 8] = static_cast<char>(static_cast<unsigned char>(copy[bit / 8]) ^ (1U << (bit % 8)));
  return copy;
}

void expect_corruption(const auto& result, const std::string& what) {
  ASSERT_FALSE(result.has_value()) << what;
  EXPECT_EQ(result.error().code, Code::corruption) << what;
  EXPECT_FALSE(result.error().detail.empty()) << what;
}

// PeerMessage with one field of `number` that holds `content`.
Bytes peer_message(unsigned number, std::string content) {
  std::string bytes;
  for (unsigned tag = (number << 3) | 2U; tag != 0; tag >>= 7)
    bytes.push_back(static_cast<char>((tag & 0x7fU) | (tag > 0x7fU ? 0x80U : 0U)));
  bytes.push_back(static_cast<char>(content.size()));
  return Bytes(bytes + content);
}

TEST(HostileFrame, EveryFlippedBitIsFound) {
  const Bytes bytes = encode_frame(samples::frame());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit)
    expect_corruption(decode_frame(Bytes(flipped(bytes, bit))), std::to_string(bit));
}

TEST(HostileFrame, EveryTruncationIsFound) {
  const Bytes bytes = encode_frame(samples::frame());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    expect_corruption(decode_frame(bytes.slice(0, size)), std::to_string(size));
  expect_corruption(decode_frame(Bytes(bytes.to_string() + "x")), "trailing byte");
}

TEST(HostileFrame, APartMayNotBeEmpty) {
  expect_corruption(decode_frame(encode_frame(
                        Frame{.epoch = MapEpoch(1), .parts = {FramePart{.partition = PartitionId(1), .message = {}}}})),
                    "");
}

TEST(HostileRecords, EveryFlippedBitOfALogRecordIsFound) {
  const Bytes bytes = encode_log_record(samples::entry(42, "payload"));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    expect_corruption(decode_log_record(flipped(bytes, bit), LogIndex(42)), std::to_string(bit));
  }
}

TEST(HostileRecords, EveryFlippedBitOfAnEnvelopeIsFound) {
  const Bytes bytes = encode(samples::envelope());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit)
    expect_corruption(decode_envelope(Bytes(flipped(bytes, bit))), std::to_string(bit));
}

TEST(HostileRecords, EveryFlippedBitOfALedgerRecordIsFound) {
  const Bytes bytes = encode(samples::ledger_record());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit)
    expect_corruption(decode_ledger(Bytes(flipped(bytes, bit))), std::to_string(bit));
}

TEST(HostileRecords, ALedgerRecordIsWhole) {
  const auto broken = [](auto change) {
    LedgerRecord record = samples::ledger_record();
    change(record);
    return decode_ledger(encode(record));
  };
  EXPECT_TRUE(broken([](LedgerRecord&) {}).has_value());
  expect_corruption(broken([](LedgerRecord& r) { r.key = {}; }), "a key");
  expect_corruption(broken([](LedgerRecord& r) { r.seen_by = NodeId(); }), "who saw it");
  expect_corruption(broken([](LedgerRecord& r) { r.winner.kind = static_cast<causal::Kind>(0); }), "the winner's kind");
  expect_corruption(broken([](LedgerRecord& r) { r.loser.kind = static_cast<causal::Kind>(3); }), "the loser's kind");
}

TEST(HostileRecords, AContextIsBoundedAndNamesRealWrites) {
  causal::Envelope envelope = samples::envelope();
  const causal::Actor actor{.node = NodeId(1), .incarnation = 2, .sequence = 3};
  envelope.context.assign(limits::context_actors_max, actor);
  EXPECT_EQ(MUST(decode_envelope(encode(envelope))), envelope);
  envelope.context.push_back(actor);
  expect_corruption(decode_envelope(encode(envelope)), "one more than allowed");
  expect_corruption(decode_message(encode_message(Store{.token = 1, .key = "k", .envelope = envelope})), "in a store");
  envelope.context = {causal::Actor{.node = NodeId(), .incarnation = 2, .sequence = 3}};
  expect_corruption(decode_envelope(encode(envelope)), "nobody");
  envelope.context = {causal::Actor{.node = NodeId(1), .incarnation = 2, .sequence = 0}};
  expect_corruption(decode_envelope(encode(envelope)), "a life without a write");
}

TEST(HostileRecords, ALogRecordInAnotherPlaceIsFound) {
  expect_corruption(decode_log_record(encode_log_record(samples::entry(42, "payload")), LogIndex(43)), "index");
}

TEST(HostileRecords, NoTruncationOrFlipCrashes) {
  for (const auto& record : samples::records()) {
    for (std::size_t size = 0; size < record.bytes.size(); ++size) {
      const auto result = record.recode(record.bytes.slice(0, size));
      EXPECT_TRUE(result.has_value() || result.error().code == Code::corruption) << record.name;
    }
    for (std::size_t bit = 0; bit < record.bytes.size() * 8; ++bit) {
      const auto result = record.recode(Bytes(flipped(record.bytes, bit)));
      EXPECT_TRUE(result.has_value() || result.error().code == Code::corruption) << record.name;
    }
    expect_corruption(record.recode(Bytes()), record.name);
    expect_corruption(record.recode(Bytes("\x02" + record.bytes.slice(1).to_string())),
                      record.name + ": another format");
    expect_corruption(record.recode(Bytes(record.bytes.to_string() + "\x0f")), record.name + ": trailing byte");
  }
}

TEST(HostileMessages, EveryTruncationIsFound) {
  for (const auto& [name, message] : samples::messages()) {
    const Bytes bytes = encode_message(message);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      expect_corruption(decode_message(bytes.slice(0, size)), name);
    expect_corruption(decode_message(Bytes(bytes.to_string() + "x")), name);
  }
}

TEST(HostileMessages, NoFlipCrashes) {
  std::size_t refused = 0;
  for (const auto& [name, message] : samples::messages()) {
    const Bytes bytes = encode_message(message);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit)
      refused += decode_message(Bytes(flipped(bytes, bit))) ? 0 : 1;
  }
  EXPECT_GT(refused, 0U);
}

TEST(HostileMessages, NoGarbageCrashes) {
  Rng rng(3);
  const auto records = samples::records();
  for (int run = 0; run < 20'000; ++run) {
    std::string bytes;
    for (std::uint64_t n = rng.below(60); n > 0; --n)
      bytes.push_back(static_cast<char>(rng.chance(0.5) ? rng.below(64) : rng.below(256)));
    static_cast<void>(decode_message(Bytes(bytes)));
    static_cast<void>(decode_frame(Bytes(bytes)));
    static_cast<void>(decode_hello(bytes));
    for (const auto& record : records) static_cast<void>(record.recode(Bytes("\x01" + bytes)));
  }
}

TEST(HostileMessages, UnknownKindsAreRefused) {
  for (const unsigned number : {15U, 28U, 31U, 42U, 43U, 45U, 5000U})
    expect_corruption(decode_message(peer_message(number, "")), std::to_string(number));
  expect_corruption(decode_message(Bytes()), "empty");
  expect_corruption(
      decode_message(Bytes(encode_message(MapPull{}).to_string() + encode_message(MapPush{}).to_string())),
      "two kinds");
  expect_corruption(decode_message(Bytes("\x90\x01\x05")), "a kind that is no message");
}

TEST(HostileMessages, FieldsMustBeKnownOnceAndOfTheirType) {
  EXPECT_TRUE(decode_message(peer_message(18, "\x08\x05")).has_value());
  expect_corruption(decode_message(peer_message(18, "\x10\x05")), "unknown field");
  expect_corruption(decode_message(peer_message(18, "\x08\x05\x08\x06")), "repeated field");
  expect_corruption(decode_message(peer_message(18, std::string("\x0d\x01\x00\x00\x00", 5))), "wrong wire type");
  expect_corruption(decode_message(peer_message(18, "\x0b")), "group");
  expect_corruption(decode_message(peer_message(18, std::string("\x00\x01", 2))), "field number 0");
  expect_corruption(decode_message(peer_message(18, "\x08")), "number cut off");
  expect_corruption(decode_message(peer_message(18, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")),
                    "number above 64 bits");
  expect_corruption(decode_message(peer_message(18, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")),
                    "number of 11 bytes");
}

// A claimed length is believed only as far as there are bytes.
TEST(HostileMessages, AbsurdLengthsAreRefused) {
  expect_corruption(decode_message(Bytes("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")), "message");
  expect_corruption(decode_message(peer_message(5, "\x2a\xff\xff\xff\xff\x0f")), "entries");
  expect_corruption(decode_message(peer_message(34, "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")), "key");
}

TEST(HostileMessages, EnumerationsHaveTheirRange) {
  const auto with_level = [](unsigned level) {
    Request request = samples::request();
    request.level = static_cast<Level>(level);
    return decode_message(encode_message(Forward{request}));
  };
  EXPECT_TRUE(with_level(4).has_value());
  expect_corruption(with_level(5), "level");
  for (const unsigned verb : {0U, 15U, 31U, 34U, 255U}) {
    Request request = samples::request();
    request.verb = static_cast<Verb>(verb);
    expect_corruption(decode_message(encode_message(Forward{request})), "verb");
  }
  for (const unsigned code : {19U, 21U, 34U, 42U, 51U}) {
    Response response = samples::response();
    response.code = static_cast<Code>(code);
    expect_corruption(decode_message(encode_message(ForwardReply{response})), "code");
  }
  for (const unsigned kind : {0U, 4U}) {
    raft::Entry entry = samples::entry(1, "");
    entry.kind = static_cast<raft::EntryKind>(kind);
    expect_corruption(decode_message(encode_message(raft::Message(raft::Append{.entries = {entry}}))), "entry kind");
    Store store{
        .token = 1, .reason = static_cast<StoreReason>(kind == 0 ? 0 : 6), .key = "k", .envelope = samples::envelope()};
    expect_corruption(decode_message(encode_message(store)), "store reason");
    store.reason = StoreReason::write;
    store.envelope.kind = static_cast<causal::Kind>(kind);
    expect_corruption(decode_message(encode_message(store)), "envelope kind");
  }
  expect_corruption(decode_message(peer_message(5, "\x2a\x06\x08\x01\x10\x01\x18\x00")), "entry cut short");
  expect_corruption(decode_message(peer_message(32, "\x10\x81\x02\x1a\x01k")), "reason above a byte");
}

TEST(HostileMessages, WhatMustBeThereIsAskedFor) {
  expect_corruption(decode_message(peer_message(16, "")), "a forward without a request");
  expect_corruption(decode_message(peer_message(32, "\x10\x01\x1a\x01k")), "a store without an envelope");
  expect_corruption(decode_message(encode_message(Versions{.token = 1, .key = {}})), "a key");
  expect_corruption(
      decode_message(encode_message(raft::Message(raft::Append{.entries = {raft::Entry{.term = Term(1)}}}))),
      "an index");
  expect_corruption(decode_hello(Bytes()), "a node");
  Hello hello = samples::hello();
  hello.protocol_min = 3;
  expect_corruption(decode_hello(encode_hello(hello)), "protocol range");
}

TEST(HostileMessages, AHellosStartsAreAListOfThem) {
  Hello hello = samples::hello();
  const auto starts = [](std::size_t count) {
    std::vector<std::uint64_t> list;
    for (std::size_t i = count; i > 0; --i) list.push_back(std::uint64_t{i} << 32 | 7);
    return list;
  };
  hello.starts = starts(hello_starts_max);
  EXPECT_EQ(MUST(decode_hello(encode_hello(hello))), hello);
  for (const auto& list : {starts(0), starts(hello_starts_max + 1), std::vector<std::uint64_t>{1ULL << 32, 2ULL << 32},
                           std::vector<std::uint64_t>{1ULL << 32 | 2, 1ULL << 32 | 1}, std::vector<std::uint64_t>{5}}) {
    hello.starts = list;
    expect_corruption(decode_hello(encode_hello(hello)), "starts");
  }
}

TEST(HostileMessages, AHintOfferIsBounded) {
  HintOffer offer;
  offer.items.resize(hint_offer_keys_max, HintOffer::Item{.key = "k", .stamp = {}});
  EXPECT_TRUE(decode_message(encode_message(offer)).has_value());
  offer.items.push_back(offer.items.front());
  expect_corruption(decode_message(encode_message(offer)), "one more than allowed");
}

TEST(HostileRecords, ADedupRowAscendsAndIsBounded) {
  DedupRow row;
  for (std::uint64_t s = 1; s <= 4096; ++s) {
    row.outcomes.push_back(DedupOutcome{
        .sequence = s, .code = Code::ok, .revision = {}, .seen_found = false, .seen_omitted = false, .seen = {}});
  }
  EXPECT_EQ(MUST(decode_dedup_row(encode(row))), row);
  row.outcomes.push_back(row.outcomes.back());
  row.outcomes.back().sequence = 4097;
  expect_corruption(decode_dedup_row(encode(row)), "one more than a window");
  row.outcomes.resize(2);
  row.outcomes[1].sequence = row.outcomes[0].sequence;
  expect_corruption(decode_dedup_row(encode(row)), "one sequence twice");
}

// place() divides by the number of partitions: a catalog that was decoded must be one that can be used.
TEST(HostileRecords, ACatalogIsWhole) {
  const auto broken = [](auto change) {
    topology::Catalog catalog = samples::catalog();
    change(catalog.keyspaces.at("cart"));
    return decode_catalog(encode(catalog));
  };
  EXPECT_TRUE(broken([](topology::Keyspace&) {}).has_value());
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions.clear(); }), "no partitions");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions[0].owners.clear(); }), "no owners");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions[0].owners.push_back(NodeId(9)); }), "a stranger");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions[0].owners.push_back(k.partitions[0].owners[0]); }),
                    "an owner twice");
  expect_corruption(
      broken([](topology::Keyspace& k) { k.partitions[0].founders.push_back(k.partitions[0].founders[0]); }),
      "a founder twice");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions[0].founders.push_back(NodeId(0)); }), "founder 0");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions[1].id = k.partitions[0].id; }), "an id twice");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions[0].id = PartitionId(0); }), "partition 0");
  expect_corruption(broken([](topology::Keyspace& k) { k.name = "bank"; }), "a name twice");
  expect_corruption(broken([](topology::Keyspace& k) { k.name = ""; }), "no name");
  expect_corruption(broken([](topology::Keyspace& k) { k.mode = static_cast<Mode>(3); }), "mode");
  expect_corruption(broken([](topology::Keyspace& k) { k.partitions.resize(65, k.partitions[0]); }),
                    "too many partitions");
}

TEST(HostileRecords, AConfigIsValid) {
  expect_corruption(wire::decode_config(wire::encode(raft::Config{})), "no voter");
  expect_corruption(wire::decode_config(wire::encode(raft::Config{.voters = {NodeId(2), NodeId(1)}})), "unsorted");
  expect_corruption(decode_config_at(encode(raft::ConfigAt{.index = LogIndex(1), .config = {}})), "no voter");
}

}  // namespace
}  // namespace rift::wire
