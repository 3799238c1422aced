// The interactive demo: reads single keys, shows one live line per keyspace. Puts the terminal back in order whatever ends it. Main thread.
#pragma once

#include "chaos/live/story.h"

namespace rift::cli {

// Until q, the end of input, or options.is_stopped.
Result<void> play_by_keys(chaos::live::LocalCluster& cluster, const chaos::live::StoryOptions& options);

}  // namespace rift::cli
