#include "engine/witness.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/coding.h"
#include "base/hash.h"

namespace rift::engine {
namespace {

constexpr std::size_t slot_bytes = 512;  // one sector each: a torn write damages one slot
constexpr std::uint32_t slot_format = 0x52570001;

struct Slot {
  std::uint64_t turn = 0;
  Testimony testimony;
};

std::string encode(const Slot& slot) {
  std::string out;
  put_u32(out, slot_format);
  put_u64(out, slot.turn);
  put_u64(out, slot.testimony.batch);
  put_u64(out, slot.testimony.manifest.number);
  put_u64(out, slot.testimony.manifest.bytes);
  put_u64(out, slot.testimony.manifest.hash);
  put_u32(out, crc32c(out));
  return out;
}

std::optional<Slot> decode(ByteView bytes) {
  constexpr std::size_t covered = 44;
  if (bytes.size() < covered + 4) return std::nullopt;
  KeyReader reader(bytes);
  const auto format = reader.u32();
  const auto turn = reader.u64();
  const auto batch = reader.u64();
  const auto number = reader.u64();
  const auto size = reader.u64();
  const auto hash = reader.u64();
  const auto crc = reader.u32();
  if (!format || *format != slot_format || !crc || *crc != crc32c(bytes.substr(0, covered))) return std::nullopt;
  return Slot{.turn = *turn,
              .testimony = Testimony{.batch = *batch,
                                     .manifest = ManifestMark{.number = *number, .bytes = *size, .hash = *hash}}};
}

Error io_error(const std::string& what, const std::string& path) {
  return Error{Code::io, "cannot " + what + " " + path + ": " + std::strerror(errno)};
}

// The newer of the readable slots.
Result<Slot> newest(int file, const std::string& path) {
  std::array<char, 2 * slot_bytes> bytes{};
  const ssize_t got = ::pread(file, bytes.data(), bytes.size(), 0);
  if (got < 0) return tl::unexpected(io_error("read", path));
  const ByteView view(bytes.data(), static_cast<std::size_t>(got));
  const auto first = decode(view);
  const auto second = view.size() > slot_bytes ? decode(view.substr(slot_bytes)) : std::nullopt;
  if (!first && !second) {
    return fail(Code::corruption,
                path +
                    " is damaged: how much of the store is durable is not known; restore the directory from a "
                    "backup, or give the node an empty one and let its peers refill it");
  }
  if (first && second) return first->turn > second->turn ? *first : *second;
  return first ? *first : *second;
}

Result<void> sync_directory(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return tl::unexpected(io_error("open", directory));
  const int status = ::fsync(file);
  ::close(file);
  if (status != 0) return tl::unexpected(io_error("sync", directory));
  return {};
}

}  // namespace

Result<std::optional<Testimony>> Witness::read(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::optional<Testimony>();
  if (file < 0) return tl::unexpected(io_error("open", path));
  const auto slot = newest(file, path);
  ::close(file);
  if (!slot) return tl::unexpected(slot.error());
  return std::optional<Testimony>(slot->testimony);
}

Result<std::unique_ptr<Witness>> Witness::open(const std::string& path) {
  const bool fresh = ::access(path.c_str(), F_OK) != 0;
  if (fresh) {
    // Complete under another name first: a crash here must not leave an empty witness.
    const std::string draft = path + ".new";
    const int file = ::open(draft.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return tl::unexpected(io_error("create", draft));
    const std::string bytes = encode(Slot{});
    const bool written = ::pwrite(file, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()) &&
                         ::ftruncate(file, 2 * slot_bytes) == 0 && ::fsync(file) == 0;
    ::close(file);
    if (!written || ::rename(draft.c_str(), path.c_str()) != 0) return tl::unexpected(io_error("write", draft));
    TRY(sync_directory(path));
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return tl::unexpected(io_error("open", path));
  auto witness = std::unique_ptr<Witness>(new Witness(file, path));
  witness->turn_ = TRY(newest(file, path)).turn;
  return witness;
}

Witness::~Witness() { ::close(file_); }

Result<void> Witness::write(const Testimony& testimony) {
  const std::string bytes = encode(Slot{.turn = ++turn_, .testimony = testimony});
  const auto offset = static_cast<off_t>((turn_ % 2) * slot_bytes);
  if (::pwrite(file_, bytes.data(), bytes.size(), offset) != static_cast<ssize_t>(bytes.size())) {
    return tl::unexpected(io_error("write", path_));
  }
  if (::fdatasync(file_) != 0) return tl::unexpected(io_error("sync", path_));
  return {};
}

}  // namespace rift::engine
