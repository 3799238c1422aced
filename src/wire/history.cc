#include "base/limits.h"
#include "wire/describe_client.h"
#include "wire/records.h"
#include "wire/stored.h"

namespace rift::wire {
namespace proto {

constexpr unsigned events_number = 1;
// An event takes at least 7 bytes.
constexpr std::size_t events_max = limits::entry_bytes_max / 7;

template <class Io, Is<HistoryEvent> M>
void describe(Io& io, M& m) {
  io.enumeration(1, m.kind);
  io.required(2, m.revision);
  io.required(3, m.key);
  io.bytes(4, m.value);
  io.scalar(5, m.create_revision);
  io.scalar(6, m.version);
}

template <class Io, Is<HistoryRecord> M>
void describe(Io& io, M& m) {
  io.messages(events_number, m.events, events_max);
}

}  // namespace proto

// By hand, so that the events of a part of an entry need not be copied.
Bytes encode_history(std::span<const HistoryEvent> events) {
  std::size_t total = 1;
  for (const HistoryEvent& event : events) {
    const std::size_t size = proto::Sizer::size_of(event);
    total += proto::tag_size(proto::events_number) + proto::varint_size(size) + size;
  }
  std::string out(total, '\0');
  proto::Writer writer(out.data());
  writer.raw(ByteView(&proto::format_byte, 1));
  for (const HistoryEvent& event : events) {
    writer.header(proto::events_number, proto::Sizer::size_of(event));
    describe(writer, event);
  }
  ASSERT(writer.position() == out.data() + out.size());
  return Bytes(std::move(out));
}

Result<HistoryRecord> decode_history(const Bytes& bytes) {
  HistoryRecord record = TRY(proto::load<HistoryRecord>(bytes, &bytes, "history record"));
  if (record.events.empty()) return fail(Code::corruption, "history record: without events");
  for (std::size_t i = 1; i < record.events.size(); ++i) {
    if (record.events[i - 1].revision > record.events[i].revision)
      return fail(Code::corruption, "history record: revisions do not ascend");
  }
  return record;
}

Event to_event(HistoryEvent event) {
  Event told;
  told.kind = event.kind;
  told.revision = event.revision;
  told.key = std::move(event.key);
  told.value = std::move(event.value);
  told.version.create_revision = event.create_revision;
  told.version.modify_revision = event.revision;
  told.version.version = event.version;
  return told;
}

}  // namespace rift::wire
