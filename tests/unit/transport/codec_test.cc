#include "transport/codec.h"

#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/rng.h"

namespace rift::transport {
namespace {

std::string flatten(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(message.Dump(&slices).ok());
  std::string all;
  for (const auto& slice : slices) all.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return all;
}

// The bytes as a message, cut into slices of at most `piece` bytes as they may come from the wire.
grpc::ByteBuffer message(ByteView bytes, std::size_t piece = 1 << 20) {
  std::vector<grpc::Slice> slices;
  for (std::size_t i = 0; i < bytes.size(); i += piece) slices.emplace_back(std::string(bytes.substr(i, piece)));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

TEST(Codec, WritesTheProtobufOfTheInterfaceFile) {
  const std::vector<Bytes> frames{Bytes("abc"), Bytes(""), Bytes(std::string(200, 'x'))};
  EXPECT_EQ(flatten(encode_frames(frames)), std::string("\x0a\x03"
                                                        "abc"
                                                        "\x0a\x00"
                                                        "\x0a\xc8\x01",
                                                        10) +
                                                std::string(200, 'x'));
  EXPECT_EQ(flatten(encode_frames({})), "");
}

TEST(Codec, ReadsBackWhatItWroteHoweverItIsCut) {
  Rng rng(5);
  for (const std::size_t piece : {1u, 2u, 7u, 4096u, 1u << 20}) {
    std::vector<Bytes> frames;
    for (int i = 0; i < 20; ++i) frames.emplace_back(std::string(rng.below(9000), static_cast<char>(rng.below(256))));
    EXPECT_EQ(MUST(decode_frames(message(flatten(encode_frames(frames)), piece))), frames);
  }
}

TEST(Codec, KeepsALargeFrameAliveWhileItIsSent) {
  grpc::ByteBuffer encoded;
  {
    const std::vector<Bytes> frames{Bytes(std::string(100'000, 'y'))};
    encoded = encode_frames(frames);
  }
  EXPECT_EQ(MUST(decode_frames(encoded)).front(), Bytes(std::string(100'000, 'y')));
}

TEST(Codec, RefusesWhatIsNoListOfFrames) {
  const auto refused = [](const std::string& bytes) {
    const auto decoded = decode_frames(message(bytes));
    return !decoded && decoded.error().code == Code::invalid;
  };
  EXPECT_TRUE(refused("x"));
  EXPECT_TRUE(refused("\x0a"));
  EXPECT_TRUE(
      refused("\x0a\x05"
              "abc"));
  EXPECT_TRUE(
      refused("\x12\x01"
              "a"));
  EXPECT_TRUE(refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  EXPECT_TRUE(
      refused("\x0a\x01"
              "ab"));
}

TEST(Codec, RefusesAFrameAboveTheLimitWithoutReadingIt) {
  std::string header = "\x0a";
  std::size_t size = limits::frame_bytes_max + 1;
  for (; size >= 0x80; size >>= 7) header.push_back(static_cast<char>((size & 0x7f) | 0x80));
  header.push_back(static_cast<char>(size));
  EXPECT_EQ(decode_frames(message(header + "short")).error().code, Code::invalid);
}

TEST(Codec, NeverFailsOnRandomBytesOtherwiseThanTyped) {
  Rng rng(9);
  int decoded = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(rng.below(40), '\0');
    for (char& byte : bytes) byte = rng.chance(0.3) ? '\x0a' : static_cast<char>(rng.below(rng.chance(0.5) ? 256 : 12));
    const auto frames = decode_frames(message(bytes, 1 + rng.below(8)));
    if (frames) {
      decoded += bytes.empty() ? 0 : 1;
    } else {
      EXPECT_EQ(frames.error().code, Code::invalid);
    }
  }
  EXPECT_GT(decoded, 0);
}

}  // namespace
}  // namespace rift::transport
