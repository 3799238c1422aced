#include "cli/trial_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

namespace rift::cli {
namespace {

constexpr auto period = std::chrono::milliseconds(20);

}  // namespace

Result<std::unique_ptr<DiskProbe>> DiskProbe::start(const std::string& folder) {
  const int file = ::open((folder + "/disk_probe").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return fail(Code::io, std::string("the disk cannot be probed: ") + std::strerror(errno));
  std::unique_ptr<DiskProbe> probe(new DiskProbe(file));
  probe->thread_ = std::thread([raw = probe.get()] { raw->run(); });
  return probe;
}

DiskProbe::~DiskProbe() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  ::close(file_);
}

std::vector<Duration> DiskProbe::take() {
  const std::lock_guard lock(mutex_);
  std::vector<Duration> result(syncs_.begin() + static_cast<std::ptrdiff_t>(taken_), syncs_.end());
  taken_ = syncs_.size();
  return result;
}

std::vector<Duration> DiskProbe::all() {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

// Appends, as a log does: each sync has a block and the file's size to write.
void DiskProbe::run() {
  const std::string block(4096, 'd');
  while (!stopping_) {
    const auto began = std::chrono::steady_clock::now();
    if (::write(file_, block.data(), block.size()) < 0 || ::fdatasync(file_) != 0) return;
    const Duration took = std::chrono::steady_clock::now() - began;
    {
      const std::lock_guard lock(mutex_);
      syncs_.push_back(took);
    }
    std::this_thread::sleep_for(period);
  }
}

}  // namespace rift::cli
