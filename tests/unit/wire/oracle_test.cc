// The generated protobuf classes are the oracle of what src/wire writes by hand: they parse our bytes without an unknown field, write the
// same bytes again, and their text form, with the fields' names, is kept beside the bytes in golden.txt. After a change of a format that is
// meant, rewrite that file: RIFT_REWRITE_GOLDEN=1 wire_test --gtest_filter='Golden*'.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "riftkv/internal/messages.pb.h"
#include "riftkv/internal/records.pb.h"
#include "samples.h"

namespace rift::wire {
namespace {

namespace pb = riftkv::internal::v1;

struct Sample {
  std::string name;
  Bytes bytes;
  std::size_t format_bytes = 0;  // in front of the message
  std::string message;           // its protobuf name
  bool crc = false;              // comes first, out of order
};

std::vector<Sample> all_samples() {
  std::vector<Sample> all;
  all.push_back({"Hello", encode_hello(samples::hello()), 0, "Hello", false});
  all.push_back({"Frame", encode_frame(samples::frame()), 0, "Frame", true});
  for (const auto& [name, message] : samples::messages())
    all.push_back({name, encode_message(message), 0, "PeerMessage", false});
  for (const auto& record : samples::records()) {
    const bool crc = record.name == "LogRecord" || record.name == "Envelope" || record.name == "LedgerRecord";
    all.push_back({record.name, record.bytes, 1, record.name, crc});
  }
  return all;
}

std::unique_ptr<google::protobuf::Message> parse(const Sample& sample) {
  static_cast<void>(pb::CatalogRecord::descriptor());  // links records.proto
  const auto* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("riftkv.internal.v1." + sample.message);
  if (type == nullptr) return nullptr;
  std::unique_ptr<google::protobuf::Message> parsed(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  const ByteView content = sample.bytes.view().substr(sample.format_bytes);
  if (!parsed->ParseFromArray(content.data(), static_cast<int>(content.size()))) return nullptr;
  return parsed;
}

// Every unknown field of `message` and of what is nested in it.
int unknown_fields(const google::protobuf::Message& message) {
  const auto* reflection = message.GetReflection();
  int count = reflection->GetUnknownFields(message).field_count();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      count += unknown_fields(reflection->GetMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i)
      count += unknown_fields(reflection->GetRepeatedMessage(message, field, i));
  }
  return count;
}

TEST(Oracle, ProtobufReadsEverythingThatWeWrite) {
  for (const Sample& sample : all_samples()) {
    const auto parsed = parse(sample);
    ASSERT_NE(parsed, nullptr) << sample.name;
    EXPECT_EQ(unknown_fields(*parsed), 0) << sample.name;
  }
}

TEST(Oracle, ProtobufWritesTheSameBytes) {
  for (const Sample& sample : all_samples()) {
    const auto parsed = parse(sample);
    ASSERT_NE(parsed, nullptr) << sample.name;
    std::string theirs = parsed->SerializeAsString();
    std::string ours(sample.bytes.view().substr(sample.format_bytes));
    if (sample.crc) ours = ours.substr(5) + ours.substr(0, 5);  // protobuf writes field 15 last
    EXPECT_EQ(samples::to_hex(theirs), samples::to_hex(ours)) << sample.name;
  }
}

TEST(Oracle, WeReadWhatProtobufWrites) {
  pb::PeerMessage message;
  auto& append = *message.mutable_append();
  append.set_term(5);
  append.set_prev_index(41);
  append.set_prev_term(4);
  append.set_commit(40);
  for (const char* payload : {"first", ""}) {
    auto& entry = *append.add_entries();
    entry.set_term(5);
    entry.set_index(static_cast<std::uint64_t>(41 + append.entries_size()));
    entry.set_kind(pb::ENTRY_KIND_COMMAND);
    entry.set_log_time(1'500'000'000);
    entry.set_payload(payload);
  }
  const auto ours = samples::messages();
  const auto expected =
      std::find_if(ours.begin(), ours.end(), [](const auto& sample) { return sample.first == "append"; });
  EXPECT_EQ(MUST(decode_message(Bytes(message.SerializeAsString()))), expected->second);
}

std::string golden_path() { return std::string(RIFT_SOURCE_DIR) + "/tests/unit/wire/golden.txt"; }

std::string current_golden() {
  std::string text =
      "# What stands on disk and travels between nodes, in hexadecimal, and as protobuf reads it (without the format "
      "byte).\n";
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  for (const Sample& sample : all_samples()) {
    std::string fields;
    const auto parsed = parse(sample);
    if (parsed != nullptr) printer.PrintToString(*parsed, &fields);
    while (fields.ends_with(' ')) fields.pop_back();
    text += "\n" + sample.name + "\n" + samples::to_hex(sample.bytes) + "\n" + fields + "\n";
  }
  return text;
}

TEST(Golden, BytesAreWhatTheyHaveAlwaysBeen) {
  if (std::getenv("RIFT_REWRITE_GOLDEN") != nullptr) std::ofstream(golden_path()) << current_golden();
  std::stringstream kept;
  kept << std::ifstream(golden_path()).rdbuf();
  EXPECT_EQ(current_golden(), kept.str());
}

}  // namespace
}  // namespace rift::wire
