// The largest legal value of each kind fits what carries it (DESIGN 12).
#include <gtest/gtest.h>

#include "base/limits.h"
#include "samples.h"

namespace rift::wire {
namespace {

OpId widest_op() {
  return OpId{.client = {.high = UINT64_MAX, .low = UINT64_MAX},
              .sequence = UINT64_MAX,
              .floor = UINT64_MAX - 4000,
              .first = true,
              .retry = true};
}

std::size_t framed(const Message& message) {
  const FramePart part{.partition = PartitionId(UINT32_MAX), .message = encode_message(message)};
  return encode_frame(Frame{.epoch = MapEpoch(UINT64_MAX), .parts = {part}}).size();
}

Version widest_version() {
  return Version{.create_revision = Revision(UINT64_MAX),
                 .modify_revision = Revision(UINT64_MAX),
                 .version = UINT64_MAX,
                 .hlc = UINT64_MAX,
                 .dot_node = NodeId(UINT32_MAX),
                 .dot_incarnation = UINT64_MAX,
                 .dot_sequence = UINT64_MAX};
}

Request widest_request() {
  Request request;
  request.id = RequestId(UINT64_MAX);
  request.keyspace = std::string(limits::keyspace_name_bytes_max, 'k');
  request.partition = PartitionId(UINT32_MAX);
  request.epoch = MapEpoch(UINT64_MAX);
  request.verb = Verb::cas;
  request.level = Level::all;
  request.key = std::string(limits::key_bytes_max, 'k');
  request.value = std::string(limits::value_bytes_max / 2, 'v');
  request.condition = {
      .kind = Condition::Kind::value, .version = 0, .value = std::string(limits::value_bytes_max / 2, 'e')};
  request.op = widest_op();
  request.budget = limits::request_budget_max;
  request.forwarded = true;
  return request;
}

causal::Envelope widest_envelope(std::size_t payload_bytes) {
  causal::Envelope envelope{
      .kind = causal::Kind::value,
      .stamp = {.hlc = causal::Hlc(UINT64_MAX),
                .dot = {.node = NodeId(UINT32_MAX), .incarnation = UINT64_MAX, .sequence = UINT64_MAX}},
      .payload = std::string(payload_bytes, 'v'),
      .context = {},
      .expiry = WallTime::min()};
  envelope.context.assign(limits::context_actors_max,
                          causal::Actor{.node = NodeId(UINT32_MAX), .incarnation = UINT64_MAX, .sequence = UINT64_MAX});
  return envelope;
}

raft::Append widest_append(Bytes payload) {
  return raft::Append{.term = Term(UINT64_MAX),
                      .prev_index = LogIndex(UINT64_MAX - 1),
                      .prev_term = Term(UINT64_MAX),
                      .commit = LogIndex(UINT64_MAX),
                      .entries = {raft::Entry{.term = Term(UINT64_MAX),
                                              .index = LogIndex(UINT64_MAX),
                                              .kind = raft::EntryKind::command,
                                              .log_time = Duration(INT64_MAX),
                                              .payload = std::move(payload)}}};
}

TEST(Limits, TheLargestPutFitsAnEntryAndItsAppendAFrame) {
  const Command put{.verb = Verb::put,
                    .key = std::string(limits::key_bytes_max, 'k'),
                    .value = std::string(limits::value_bytes_max, 'v'),
                    .condition = {},
                    .op = widest_op()};
  const Bytes payload = encode_commands(std::span(&put, 1));
  EXPECT_LE(payload.size(), limits::entry_bytes_max);
  EXPECT_LE(framed(raft::Message(widest_append(payload))), limits::frame_bytes_max);
}

TEST(Limits, TheLargestCasFitsAnEntryAndItsForwardAFrame) {
  const Request request = widest_request();
  ASSERT_TRUE(validate(request).has_value());
  const Command cas{
      .verb = Verb::cas, .key = request.key, .value = request.value, .condition = request.condition, .op = request.op};
  EXPECT_LE(encode_commands(std::span(&cas, 1)).size(), limits::entry_bytes_max);
  Request put = request;
  put.seen = widest_version();
  EXPECT_LE(framed(Forward{put}), limits::frame_bytes_max);
}

TEST(Limits, AFullEntryFitsAFrame) {
  EXPECT_LE(framed(raft::Message(widest_append(Bytes(std::string(limits::entry_bytes_max, 'p'))))),
            limits::frame_bytes_max);
}

TEST(Limits, TheLargestStoreAndFetchReplyFitAFrame) {
  const causal::Envelope envelope = widest_envelope(limits::value_bytes_max);
  EXPECT_LE(framed(Store{.token = UINT64_MAX,
                         .reason = StoreReason::sync,
                         .key = std::string(limits::key_bytes_max, 'k'),
                         .envelope = envelope}),
            limits::frame_bytes_max);
  EXPECT_LE(framed(FetchReply{.token = UINT64_MAX, .found = true, .envelope = envelope}), limits::frame_bytes_max);
}

TEST(Limits, TheWidestEnvelopeAddsAtMostItsOverhead) {
  EXPECT_LE(encode(widest_envelope(limits::value_bytes_max)).size(),
            limits::value_bytes_max + limits::envelope_overhead_bytes_max);
}

TEST(Limits, TheLargestLedgerRecordFitsAnEntry) {
  const LedgerRecord record{.key = std::string(limits::key_bytes_max, 'k'),
                            .winner = widest_envelope(limits::value_bytes_max),
                            .loser = widest_envelope(limits::value_bytes_max),
                            .seen_by = NodeId(UINT32_MAX)};
  EXPECT_LE(encode(record).size(), limits::entry_bytes_max);
}

TEST(Limits, TheLargestHintOfferFitsAFrame) {
  const causal::Stamp stamp{.hlc = causal::Hlc(UINT64_MAX),
                            .dot = {.node = NodeId(UINT32_MAX), .incarnation = UINT64_MAX, .sequence = UINT64_MAX}};
  HintOffer offer{.token = UINT64_MAX, .items = {}};
  offer.items.resize(hint_offer_keys_max,
                     HintOffer::Item{.key = std::string(limits::key_bytes_max, 'k'), .stamp = stamp});
  EXPECT_LE(framed(offer), limits::frame_bytes_max);
}

TEST(Limits, TheLargestReplyFitsAFrame) {
  Response response = samples::response();
  response.value = std::string(limits::value_bytes_max, 'v');
  response.receipt.acknowledged_by.assign(limits::members_max, NodeId(UINT32_MAX));
  response.receipt.hinted.assign(limits::members_max, NodeId(UINT32_MAX));
  response.receipt.superseded_by = widest_version();
  EXPECT_LE(framed(ForwardReply{response}), limits::frame_bytes_max);
}

TEST(Limits, TheLargestDedupRowFitsAnEntry) {
  DedupRow row{.floor = UINT64_MAX, .last_used = Duration(INT64_MAX), .outcomes = {}};
  Results results;
  results.succeeded = true;
  results.revision = Revision(UINT64_MAX);
  results.compacted = Revision(UINT64_MAX);
  results.deleted = UINT64_MAX;
  const DedupOutcome widest{.sequence = UINT64_MAX,
                            .code = Code::condition_failed,
                            .revision = Revision(UINT64_MAX),
                            .seen_found = true,
                            .seen_omitted = true,
                            .seen = {},
                            .create_revision = Revision(UINT64_MAX),
                            .version = UINT64_MAX,
                            .results = results};
  row.outcomes.resize(limits::dedup_window_max, widest);
  EXPECT_LE(encode(row).size() + limits::dedup_seen_value_bytes_max + limits::dedup_window_max * 4,
            limits::entry_bytes_max);
}

TEST(Limits, TheHistoryOfTheLargestPutFitsAnEntry) {
  const HistoryEvent widest{.kind = Event::Kind::expired,
                            .revision = Revision(UINT64_MAX),
                            .key = std::string(limits::key_bytes_max, 'k'),
                            .value = std::string(limits::value_bytes_max, 'v'),
                            .create_revision = Revision(UINT64_MAX),
                            .version = UINT64_MAX};
  EXPECT_LE(encode_history(std::span(&widest, 1)).size(), limits::entry_bytes_max);
}

}  // namespace
}  // namespace rift::wire
