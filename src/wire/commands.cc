#include "base/limits.h"
#include "wire/describe_client.h"
#include "wire/records.h"
#include "wire/stored.h"

namespace rift::wire {
namespace proto {

constexpr unsigned commands_number = 1;
// A command takes at least 7 bytes.
constexpr std::size_t commands_max = limits::entry_bytes_max / 7;

struct Commands {
  std::vector<Command> commands;
};

template <class Io, Is<Commands> M>
void describe(Io& io, M& m) {
  io.messages(commands_number, m.commands, commands_max);
}

}  // namespace proto

std::size_t encoded_size(const Command& command) {
  const std::size_t size = proto::Sizer::size_of(command);
  return proto::tag_size(proto::commands_number) + proto::varint_size(size) + size;
}

Bytes encode_commands(std::span<const Command> commands) {
  std::size_t total = 1;
  for (const Command& command : commands) total += encoded_size(command);
  std::string out(total, '\0');
  proto::Writer writer(out.data());
  writer.raw(ByteView(&proto::format_byte, 1));
  for (const Command& command : commands) {
    writer.header(proto::commands_number, proto::Sizer::size_of(command));
    describe(writer, command);
  }
  ASSERT(writer.position() == out.data() + out.size());
  return Bytes(std::move(out));
}

Result<std::vector<Command>> decode_commands(const Bytes& payload) {
  auto parsed = TRY(proto::load<proto::Commands>(payload, &payload, "commands"));
  return std::move(parsed.commands);
}

}  // namespace rift::wire
