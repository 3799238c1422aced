#include "wire/messages.h"

#include <algorithm>
#include <concepts>
#include <utility>

#include "base/overloaded.h"
#include "wire/describe_causal.h"
#include "wire/describe_node.h"
#include "wire/describe_raft.h"

namespace rift::wire {
namespace {

// The field of PeerMessage that carries each kind (proto/riftkv/internal/messages.proto). Never reused.
template <class M>
constexpr unsigned kind_of = 0;
template <>
constexpr unsigned kind_of<raft::PreVote> = 1;
template <>
constexpr unsigned kind_of<raft::PreVoteReply> = 2;
template <>
constexpr unsigned kind_of<raft::Vote> = 3;
template <>
constexpr unsigned kind_of<raft::VoteReply> = 4;
template <>
constexpr unsigned kind_of<raft::Append> = 5;
template <>
constexpr unsigned kind_of<raft::AppendAck> = 6;
template <>
constexpr unsigned kind_of<raft::Heartbeat> = 7;
template <>
constexpr unsigned kind_of<raft::HeartbeatAck> = 8;
template <>
constexpr unsigned kind_of<raft::TimeoutNow> = 9;
template <>
constexpr unsigned kind_of<ReadPosition> = 10;
template <>
constexpr unsigned kind_of<ReadPositionReply> = 11;
template <>
constexpr unsigned kind_of<LogDurable> = 12;
template <>
constexpr unsigned kind_of<LeaveQuestion> = 13;
template <>
constexpr unsigned kind_of<LeaveAnswer> = 14;
template <>
constexpr unsigned kind_of<Forward> = 16;
template <>
constexpr unsigned kind_of<ForwardReply> = 17;
template <>
constexpr unsigned kind_of<MapPull> = 18;
template <>
constexpr unsigned kind_of<MapPush> = 19;
template <>
constexpr unsigned kind_of<Ping> = 20;
template <>
constexpr unsigned kind_of<PingAck> = 21;
template <>
constexpr unsigned kind_of<SnapshotOffer> = 22;
template <>
constexpr unsigned kind_of<SnapshotPull> = 23;
template <>
constexpr unsigned kind_of<SnapshotChunk> = 24;
template <>
constexpr unsigned kind_of<SnapshotDone> = 25;
template <>
constexpr unsigned kind_of<SnapshotWish> = 26;
template <>
constexpr unsigned kind_of<StateReport> = 27;
template <>
constexpr unsigned kind_of<Store> = 32;
template <>
constexpr unsigned kind_of<StoreAck> = 33;
template <>
constexpr unsigned kind_of<Versions> = 34;
template <>
constexpr unsigned kind_of<VersionsReply> = 35;
template <>
constexpr unsigned kind_of<Fetch> = 36;
template <>
constexpr unsigned kind_of<FetchReply> = 37;
template <>
constexpr unsigned kind_of<HintOffer> = 38;
template <>
constexpr unsigned kind_of<HintWant> = 39;
template <>
constexpr unsigned kind_of<Refill> = 40;
template <>
constexpr unsigned kind_of<RefillAck> = 41;
template <>
constexpr unsigned kind_of<RefillDone> = 44;

template <class M>
Bytes encode_kind(const M& message) {
  static_assert(kind_of<M> != 0);
  const std::size_t size = proto::Sizer::size_of(message);
  std::string out(proto::tag_size(kind_of<M>) + proto::varint_size(size) + size, '\0');
  proto::Writer writer(out.data());
  writer.header(kind_of<M>, size);
  describe(writer, message);
  ASSERT(writer.position() == out.data() + out.size());
  return Bytes(std::move(out));
}

template <class M>
Result<Message> decode_kind(ByteView content, const Bytes& owner) {
  M message = TRY(proto::parse<M>(content, &owner, "peer message"));
  if constexpr (std::constructible_from<raft::Message, M>) {
    return Message(raft::Message(std::move(message)));
  } else {
    return Message(std::move(message));
  }
}

}  // namespace

Bytes encode_message(const Message& message) {
  return std::visit(overloaded{[](const raft::Message& raft_message) {
                                 return std::visit([](const auto& m) { return encode_kind(m); }, raft_message);
                               },
                               [](const auto& m) { return encode_kind(m); }},
                    message);
}

Result<Message> decode_message(const Bytes& bytes) {
  proto::Parser parser(bytes, &bytes);
  if (!parser.next()) return fail(Code::corruption, "peer message: empty or malformed");
  const unsigned kind = parser.number();
  const ByteView content = parser.delimited_field();
  if (parser.next() || parser.why() != nullptr) return fail(Code::corruption, "peer message: not exactly one kind");
  switch (kind) {
    case kind_of<raft::PreVote>:
      return decode_kind<raft::PreVote>(content, bytes);
    case kind_of<raft::PreVoteReply>:
      return decode_kind<raft::PreVoteReply>(content, bytes);
    case kind_of<raft::Vote>:
      return decode_kind<raft::Vote>(content, bytes);
    case kind_of<raft::VoteReply>:
      return decode_kind<raft::VoteReply>(content, bytes);
    case kind_of<raft::Append>:
      return decode_kind<raft::Append>(content, bytes);
    case kind_of<raft::AppendAck>:
      return decode_kind<raft::AppendAck>(content, bytes);
    case kind_of<raft::Heartbeat>:
      return decode_kind<raft::Heartbeat>(content, bytes);
    case kind_of<raft::HeartbeatAck>:
      return decode_kind<raft::HeartbeatAck>(content, bytes);
    case kind_of<raft::TimeoutNow>:
      return decode_kind<raft::TimeoutNow>(content, bytes);
    case kind_of<ReadPosition>:
      return decode_kind<ReadPosition>(content, bytes);
    case kind_of<ReadPositionReply>:
      return decode_kind<ReadPositionReply>(content, bytes);
    case kind_of<LeaveQuestion>:
      return decode_kind<LeaveQuestion>(content, bytes);
    case kind_of<LeaveAnswer>:
      return decode_kind<LeaveAnswer>(content, bytes);
    case kind_of<LogDurable>:
      return decode_kind<LogDurable>(content, bytes);
    case kind_of<Forward>:
      return decode_kind<Forward>(content, bytes);
    case kind_of<ForwardReply>:
      return decode_kind<ForwardReply>(content, bytes);
    case kind_of<MapPull>:
      return decode_kind<MapPull>(content, bytes);
    case kind_of<MapPush>:
      return decode_kind<MapPush>(content, bytes);
    case kind_of<Ping>:
      return decode_kind<Ping>(content, bytes);
    case kind_of<PingAck>:
      return decode_kind<PingAck>(content, bytes);
    case kind_of<SnapshotOffer>:
      return decode_kind<SnapshotOffer>(content, bytes);
    case kind_of<SnapshotPull>:
      return decode_kind<SnapshotPull>(content, bytes);
    case kind_of<SnapshotChunk>:
      return decode_kind<SnapshotChunk>(content, bytes);
    case kind_of<SnapshotDone>:
      return decode_kind<SnapshotDone>(content, bytes);
    case kind_of<SnapshotWish>:
      return decode_kind<SnapshotWish>(content, bytes);
    case kind_of<StateReport>:
      return decode_kind<StateReport>(content, bytes);
    case kind_of<Store>:
      return decode_kind<Store>(content, bytes);
    case kind_of<StoreAck>:
      return decode_kind<StoreAck>(content, bytes);
    case kind_of<Versions>:
      return decode_kind<Versions>(content, bytes);
    case kind_of<VersionsReply>:
      return decode_kind<VersionsReply>(content, bytes);
    case kind_of<Fetch>:
      return decode_kind<Fetch>(content, bytes);
    case kind_of<FetchReply>:
      return decode_kind<FetchReply>(content, bytes);
    case kind_of<HintOffer>:
      return decode_kind<HintOffer>(content, bytes);
    case kind_of<HintWant>:
      return decode_kind<HintWant>(content, bytes);
    case kind_of<Refill>:
      return decode_kind<Refill>(content, bytes);
    case kind_of<RefillAck>:
      return decode_kind<RefillAck>(content, bytes);
    case kind_of<RefillDone>:
      return decode_kind<RefillDone>(content, bytes);
    default:
      return fail(Code::corruption, "peer message: unknown kind " + std::to_string(kind));
  }
}

bool is_list_of_starts(const std::vector<std::uint64_t>& starts) {
  const auto not_earlier = [](std::uint64_t a, std::uint64_t b) { return (a >> 32) <= (b >> 32); };
  return !starts.empty() && starts.size() <= hello_starts_max && (starts.back() >> 32) != 0 &&
         std::adjacent_find(starts.begin(), starts.end(), not_earlier) == starts.end();
}

Bytes encode_hello(const Hello& hello) { return Bytes(proto::serialize(hello)); }

Result<Hello> decode_hello(ByteView bytes) {
  Hello hello = TRY(proto::parse<Hello>(bytes, nullptr, "hello"));
  if (hello.protocol_min > hello.protocol_max) return fail(Code::corruption, "hello: protocol range is empty");
  if (!is_list_of_starts(hello.starts)) return fail(Code::corruption, "hello: no starts of a disk");
  return hello;
}

}  // namespace rift::wire
