#include "samples.h"

#include <fmt/format.h>

namespace rift::wire::samples {

causal::Envelope envelope() {
  return causal::Envelope{.kind = causal::Kind::value,
                          .stamp = {.hlc = causal::Hlc(0x0123456789abcdefULL),
                                    .dot = {.node = NodeId(3), .incarnation = 0x0000000200000003ULL, .sequence = 77}},
                          .payload = "payload",
                          .context = {{.node = NodeId(1), .incarnation = 0x0000000100000009ULL, .sequence = 5},
                                      {.node = NodeId(3), .incarnation = 0x0000000200000003ULL, .sequence = 300}},
                          .expiry = WallTime(std::chrono::milliseconds(1'700'000'000'000))};
}

LedgerRecord ledger_record() {
  causal::Envelope loser = envelope();
  loser.stamp.hlc = causal::Hlc(0x0123456789abcdeeULL);
  loser.stamp.dot.node = NodeId(4);
  loser.payload = "lost";
  return LedgerRecord{.key = "key", .winner = envelope(), .loser = loser, .seen_by = NodeId(5), .winner_omitted = true};
}

raft::Entry entry(std::uint64_t index, std::string payload) {
  return raft::Entry{.term = Term(5),
                     .index = LogIndex(index),
                     .kind = raft::EntryKind::command,
                     .log_time = Duration(1'500'000'000),
                     .payload = Bytes(std::move(payload))};
}

std::vector<Command> commands() {
  const OpId op{.client = {.high = 0x1122334455667788ULL, .low = 0x99aabbccddeeff00ULL},
                .sequence = 300,
                .floor = 299,
                .first = true,
                .retry = true};
  return {Command{.verb = Verb::put, .key = "key", .value = "value", .condition = {}, .op = op},
          Command{.verb = Verb::cas,
                  .key = "k2",
                  .value = "new",
                  .condition = {.kind = Condition::Kind::value, .version = 9, .value = "old"},
                  .op = std::nullopt},
          Command{.verb = Verb::del, .key = std::string("\0\xff", 2), .value = {}, .condition = {}, .op = OpId{}},
          Command{.verb = Verb::txn, .key = "k3", .value = {}, .condition = {}, .op = op, .operands = operands()}};
}

Operands operands() {
  Operands operands;
  operands.range_end = "kz";
  operands.single_key = true;
  operands.delta = -5;
  operands.ttl = std::chrono::seconds(6);
  operands.revision = Revision(7);
  operands.keys_max = 8;
  operands.keys_only = true;
  operands.compares = {Compare{.key = "c", .condition = {.kind = Condition::Kind::created, .version = 9, .value = {}}}};
  operands.then_steps = {Step{.verb = Verb::increment, .key = "t", .value = {}, .delta = -1, .ttl = Duration(10)}};
  operands.else_steps = {Step{.verb = Verb::put, .key = "e", .value = "v"},
                         Step{.verb = Verb::get, .key = "g", .value = {}}};
  operands.cursor = "kc";
  return operands;
}

HistoryRecord history() {
  return HistoryRecord{.events = {{.kind = Event::Kind::put,
                                   .revision = Revision(7),
                                   .key = "k",
                                   .value = "v",
                                   .create_revision = Revision(5),
                                   .version = 2},
                                  {.kind = Event::Kind::expired,
                                   .revision = Revision(300),
                                   .key = "l",
                                   .value = {},
                                   .create_revision = Revision(6),
                                   .version = 3}}};
}

Results results() {
  const Version version{.create_revision = Revision(21), .modify_revision = Revision(22), .version = 23};
  Results results;
  results.succeeded = true;
  results.items = {Item{.key = "k", .found = true, .value = "v", .version = version}, Item{}};
  results.next_key = "l";
  results.revision = Revision(24);
  results.compacted = Revision(25);
  results.deleted = 26;
  results.events = {
      Event{.kind = Event::Kind::expired, .revision = Revision(27), .key = "x", .value = "y", .version = version}};
  return results;
}

topology::Catalog catalog() {
  std::vector<topology::Member> members;
  for (std::uint32_t n = 1; n <= 3; ++n) {
    members.push_back(topology::Member{.node = NodeId(n),
                                       .client_address = fmt::format("10.0.0.{}:1", n),
                                       .peer_address = fmt::format("10.0.0.{}:2", n),
                                       .disk = {.high = 7, .low = n}});
  }
  auto catalog = MUST(topology::found(ClusterId{.high = 1, .low = 2}, members, true));
  catalog = MUST(topology::create_keyspace(catalog, {.name = "bank", .mode = Mode::cp, .partitions = 1}));
  catalog = MUST(topology::create_keyspace(
      catalog, {.name = "seats", .mode = Mode::ap, .copies = 2, .partitions = 1, .atomic = true}));
  catalog = MUST(topology::create_keyspace(catalog, {.name = "toys",
                                                     .mode = Mode::ap,
                                                     .copies = 2,
                                                     .partitions = 1,
                                                     .durability = topology::Durability::none,
                                                     .sloppy = true,
                                                     .wall_clock = true}));
  return MUST(topology::create_keyspace(catalog, {.name = "cart",
                                                  .mode = Mode::ap,
                                                  .copies = 2,
                                                  .partitions = 2,
                                                  .read = Level::all,
                                                  .durability = topology::Durability::wal}));
}

Request request() {
  Request request;
  request.id = RequestId(11);
  request.keyspace = "bank";
  request.partition = PartitionId(12);
  request.epoch = MapEpoch(13);
  request.verb = Verb::cas;
  request.level = Level::majority;
  request.key = "key";
  request.value = "value";
  request.condition = {.kind = Condition::Kind::version, .version = 14, .value = {}};
  request.op = OpId{.client = {.high = 15, .low = 16}, .sequence = 18, .floor = 17, .first = true, .retry = true};
  request.budget = std::chrono::milliseconds(19);
  request.forwarded = true;
  request.write_back = true;
  request.operands = operands();
  request.token = 20;
  request.seen = Version{.hlc = 21, .dot_node = NodeId(22), .dot_incarnation = 23, .dot_sequence = 24};
  request.mints_token = true;
  return request;
}

Response response() {
  Response response;
  response.id = RequestId(11);
  response.code = Code::condition_failed;
  response.outcome = Outcome::not_done;
  response.found = true;
  response.value = "seen";
  response.version = Version{.create_revision = Revision(21),
                             .modify_revision = Revision(22),
                             .version = 23,
                             .hlc = 24,
                             .dot_node = NodeId(25),
                             .dot_incarnation = 26,
                             .dot_sequence = 27};
  response.why = "why";
  response.hint = "hint";
  response.more = true;
  response.results = results();
  response.receipt =
      Receipt{.asked = Level::all,
              .reached = Level::one,
              .acknowledged_by = {NodeId(1), NodeId(300)},
              .served_by = NodeId(31),
              .leader = NodeId(32),
              .term = Term(33),
              .index = LogIndex(34),
              .read_path = ReadPath::read_index,
              .staleness_bound = Duration(0),
              .hints_left = 35,
              .superseded = true,
              .duplicate = true,
              .wal_durability = true,
              .epoch = MapEpoch(36),
              .map_age = Duration(37),
              .refounded = 38,
              .superseded_by = {.hlc = 39, .dot_node = NodeId(40), .dot_incarnation = 41, .dot_sequence = 42},
              .hinted = {NodeId(2), NodeId(301)},
              .degraded = true,
              .teaching = {.sloppy = true, .wall_clock = true, .no_durability = true},
              .stand_ins = {NodeId(4)}};
  return response;
}

std::vector<std::pair<std::string, Message>> messages() {
  const causal::Stamp stamp = envelope().stamp;
  const auto raft_message = [](auto message) { return Message(raft::Message(std::move(message))); };
  return {
      {"pre_vote", raft_message(raft::PreVote{.term = Term(1), .last_index = LogIndex(2), .last_term = Term(3)})},
      {"pre_vote_reply", raft_message(raft::PreVoteReply{.term = Term(1), .campaign = Term(2), .granted = true})},
      {"vote",
       raft_message(raft::Vote{.term = Term(1), .last_index = LogIndex(2), .last_term = Term(3), .transfer = true})},
      {"vote_reply", raft_message(raft::VoteReply{.term = Term(1), .granted = true})},
      {"append", raft_message(raft::Append{.term = Term(5),
                                           .prev_index = LogIndex(41),
                                           .prev_term = Term(4),
                                           .commit = LogIndex(40),
                                           .entries = {entry(42, "first"), entry(43, "")}})},
      {"append_ack", raft_message(raft::AppendAck{.term = Term(1),
                                                  .accepted = true,
                                                  .match = LogIndex(2),
                                                  .rejected_prev = LogIndex(3),
                                                  .hint_index = LogIndex(4),
                                                  .hint_term = Term(5)})},
      {"heartbeat", raft_message(raft::Heartbeat{.term = Term(1), .commit = LogIndex(2), .read_position = 3})},
      {"heartbeat_ack", raft_message(raft::HeartbeatAck{.term = Term(1), .read_position = 2, .verified = LogIndex(3)})},
      {"timeout_now", raft_message(raft::TimeoutNow{.term = Term(1)})},
      {"read_position", ReadPosition{.term = Term(1), .token = 2}},
      {"read_position_reply", ReadPositionReply{.term = Term(1), .token = 2, .granted = true, .index = LogIndex(3)}},
      {"leave_question", LeaveQuestion{.epoch = MapEpoch(4)}},
      {"leave_answer", LeaveAnswer{.epoch = MapEpoch(4), .config_index = LogIndex(5)}},
      {"log_durable", LogDurable{.term = Term(1), .index = LogIndex(2), .index_term = Term(3)}},
      {"forward", Forward{.request = request()}},
      {"forward_reply", ForwardReply{.response = response()}},
      {"map_pull", MapPull{.epoch = MapEpoch(1)}},
      {"map_push", MapPush{.revision = 2, .catalog = "map"}},
      {"ping", Ping{.sequence = 1, .sent = Time(Duration(2))}},
      {"ping_ack", PingAck{.sequence = 1, .sent = Time(Duration(-2)), .wall = WallTime(std::chrono::milliseconds(3))}},
      {"snapshot_offer", SnapshotOffer{.term = Term(1),
                                       .id = 2,
                                       .wish = 3,
                                       .meta = {.index = LogIndex(4),
                                                .term = Term(5),
                                                .log_time = Duration(6),
                                                .config = {.index = LogIndex(7),
                                                           .config = {.voters = {NodeId(8)},
                                                                      .outgoing = {NodeId(300)},
                                                                      .learners = {NodeId(9)}}}}}},
      {"snapshot_pull", SnapshotPull{.id = 1, .number = 2}},
      {"snapshot_chunk", SnapshotChunk{.id = 1,
                                       .number = 2,
                                       .records = {{.key = "k", .value = "v"}, {.key = "l", .value = {}}},
                                       .sum = 3,
                                       .last = true}},
      {"snapshot_done", SnapshotDone{.id = 1, .installed = true}},
      {"snapshot_wish", SnapshotWish{.term = Term(1), .wish = 2, .at_least = LogIndex(3), .amnesiac = true}},
      {"state_report", StateReport{.index = LogIndex(1), .hash = 2, .known = true, .is_answer = true}},
      {"store", Store{.token = 1, .reason = StoreReason::hint, .key = "key", .envelope = envelope()}},
      {"store_ack", StoreAck{.token = 1, .result = StoreResult::superseded, .winner = stamp}},
      {"versions", Versions{.token = 1, .key = "key"}},
      {"versions_reply",
       VersionsReply{.token = 1, .found = true, .stamp = stamp, .tombstone = true, .catching_up = true}},
      {"fetch", Fetch{.token = 1, .key = "key"}},
      {"fetch_reply", FetchReply{.token = 1, .found = true, .envelope = envelope(), .catching_up = true}},
      {"hint_offer", HintOffer{.token = 1, .items = {{.key = "a", .stamp = stamp}, {.key = "b", .stamp = {}}}}},
      {"hint_want", HintWant{.token = 1, .wanted = {0, 1, 128}}},
      {"refill", Refill{.token = 1, .since = stamp.hlc}},
      {"refill_ack", RefillAck{.token = 1}},
      {"refill_done", RefillDone{.token = 1}},
  };
}

Hello hello() {
  return Hello{.cluster = {.high = 1, .low = 2},
               .node = NodeId(3),
               .disk = {.high = 4, .low = 5},
               .protocol_min = 1,
               .protocol_max = 2,
               .epoch = MapEpoch(7),
               .starts = {(2ULL << 32) | 9, (1ULL << 32) | 300}};
}

Frame frame() {
  return Frame{.epoch = MapEpoch(9),
               .parts = {FramePart{.partition = PartitionId(12), .message = encode_message(messages().front().second)},
                         FramePart{.partition = PartitionId(0), .message = "x"},
                         FramePart{.partition = PartitionId(3), .message = "y", .generation = (1ULL << 32) | 2}}};
}

raft::SnapshotMeta snapshot_meta() {
  return raft::SnapshotMeta{
      .index = LogIndex(900),
      .term = Term(7),
      .log_time = Duration(5),
      .config = {
          .index = LogIndex(300),
          .config = {.voters = {NodeId(2), NodeId(3)}, .outgoing = {NodeId(1), NodeId(2)}, .learners = {NodeId(1)}}}};
}

std::vector<Record> records() {
  const auto of = [](std::string name, Bytes bytes, auto decode) {
    return Record{std::move(name), std::move(bytes),
                  [decode](const Bytes& data) -> Result<Bytes> { return encode(TRY(decode(data))); }};
  };
  const DedupRow row{.floor = 2,
                     .last_used = Duration(3),
                     .outcomes = {{.sequence = 2,
                                   .code = Code::ok,
                                   .revision = Revision(4),
                                   .seen_found = false,
                                   .seen_omitted = false,
                                   .seen = {}},
                                  {.sequence = 5,
                                   .code = Code::condition_failed,
                                   .revision = Revision(6),
                                   .seen_found = true,
                                   .seen_omitted = true,
                                   .seen = "seen",
                                   .create_revision = Revision(7),
                                   .version = 8,
                                   .results = results()}}};
  return {
      of("IdentityRecord",
         encode(IdentityRecord{.node = NodeId(1), .disk = {.high = 2, .low = 3}, .cluster = {.high = 4, .low = 5}}),
         decode_identity),
      Record{"NumberRecord", encode_u64(300),
             [](const Bytes& data) -> Result<Bytes> { return encode_u64(TRY(decode_u64(data))); }},
      Record{"StartsRecord", encode_starts({(2ULL << 32) | 9, (1ULL << 32) | 300}),
             [](const Bytes& data) -> Result<Bytes> { return encode_starts(TRY(decode_starts(data))); }},
      of("CatalogRecord", encode(catalog()), decode_catalog),
      of("HardStateRecord", encode(raft::HardState{.term = Term(5), .vote = NodeId(2)}), decode_hard_state),
      Record{"ConfigRecord",
             wire::encode(raft::Config{.voters = {NodeId(1), NodeId(2)}, .outgoing = {}, .learners = {NodeId(300)}}),
             [](const Bytes& data) -> Result<Bytes> { return wire::encode(TRY(wire::decode_config(data))); }},
      of("ConfigAtRecord", encode(raft::ConfigAt{.index = LogIndex(7), .config = {.voters = {NodeId(1)}}}),
         decode_config_at),
      Record{"ConfigPlacesRecord", encode_config_places({LogIndex(1), LogIndex(9), LogIndex(300)}),
             [](const Bytes& data) -> Result<Bytes> { return encode_config_places(TRY(decode_config_places(data))); }},
      of("SnapshotMeta", encode(snapshot_meta()), decode_snapshot_meta),
      Record{"LogRecord", encode_log_record(entry(42, "first")),
             [](const Bytes& data) -> Result<Bytes> {
               return encode_log_record(TRY(decode_log_record(data, LogIndex(42))));
             }},
      Record{"Commands", encode_commands(commands()),
             [](const Bytes& data) -> Result<Bytes> { return encode_commands(TRY(decode_commands(data))); }},
      of("CpValue",
         encode(CpValue{.deleted = true,
                        .value = "value",
                        .create_revision = Revision(1),
                        .modify_revision = Revision(2),
                        .version = 3,
                        .expiry = Duration(300),
                        .lock = true}),
         decode_cp_value),
      of("DedupRow", encode(row), decode_dedup_row),
      Record{"HistoryRecord", encode_history(history().events),
             [](const Bytes& data) -> Result<Bytes> { return encode_history(TRY(decode_history(data)).events); }},
      of("AppliedRecord",
         encode(AppliedRecord{.index = LogIndex(1),
                              .term = Term(2),
                              .revision = Revision(3),
                              .log_time = Duration(4),
                              .hash = 5,
                              .compacted = Revision(6),
                              .swept = Revision(7),
                              .history_bytes = 300}),
         decode_applied),
      of("Envelope", encode(envelope()), decode_envelope),
      of("HintRecord", encode(HintRecord{.first_hlc = 1, .last_hlc = 2, .dot = envelope().stamp.dot}), decode_hint),
      of("LedgerRecord", encode(ledger_record()), decode_ledger),
  };
}

std::string to_hex(ByteView bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

}  // namespace rift::wire::samples
