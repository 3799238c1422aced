// Directories that a power loss does not take away again: a directory is an entry of its parent, and only a sync of the parent makes that
// entry durable. Without it a node could acknowledge durable writes into a folder that is gone after the crash. Called at a node's start
// by the engine and by server, before anything is stored. Blocks.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace rift::engine {

Result<void> sync_directory(const std::string& path);

// Makes `path` with all that leads to it and syncs the parent of each that it made; that of `path` always, because an earlier start may
// have ended between the two steps.
Result<void> make_directories(const std::string& path,
                              const std::function<Result<void>(const std::string& directory)>& sync = sync_directory);

}  // namespace rift::engine
