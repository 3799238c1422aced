#include "engine/failure.h"

#include <rocksdb/status.h>

#include <cstdlib>

namespace rift::engine {

Error to_error(const rocksdb::Status& status, const std::string& what) {
  const auto code = [&] {
    if (status.IsNoSpace()) return Code::disk_full;
    if (status.IsPathNotFound()) return Code::corruption;  // a file of the store that should be there
    if (status.IsIOError() || status.IsBusy() || status.IsTryAgain()) return Code::io;
    return Code::corruption;
  };
  return Error{code(), what + ": " + status.ToString()};
}

void Failure::report(const Error& error) {
  if (failed_.exchange(true, std::memory_order_acq_rel)) return;
  LOG_ERROR(log_, "engine.fatal",
            "{} ({}); the process ends now and nothing is retried: check the disk, then start the node again",
            error.detail, to_string(error.code));
  if (on_fatal_) {
    on_fatal_(error);
    return;
  }
  // No destructors: a clean close would write to the files that have just failed.
  std::_Exit(EXIT_FAILURE);
}

}  // namespace rift::engine
