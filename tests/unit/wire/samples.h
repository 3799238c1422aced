// One value of every kind that wire encodes, each field distinct and not zero, under the name of its golden bytes. Test support.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/records.h"

namespace rift::wire::samples {

causal::Envelope envelope();
LedgerRecord ledger_record();
raft::SnapshotMeta snapshot_meta();
raft::Entry entry(std::uint64_t index, std::string payload);
Operands operands();
Results results();
HistoryRecord history();
std::vector<Command> commands();
topology::Catalog catalog();
Request request();
Response response();

std::vector<std::pair<std::string, Message>> messages();  // name: the field of PeerMessage
Hello hello();
Frame frame();

// A record: its bytes, and its decoder, which returns the bytes of what it decoded.
struct Record {
  std::string name;  // the message of records.proto
  Bytes bytes;
  std::function<Result<Bytes>(const Bytes&)> recode;
};
std::vector<Record> records();

std::string to_hex(ByteView bytes);

}  // namespace rift::wire::samples
