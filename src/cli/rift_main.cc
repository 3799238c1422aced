#include "cli/verbs.h"

// Read by jemalloc when it starts. Huge pages: walks through large memtables miss the TLB less. Where the kernel offers none it changes nothing;
// MALLOC_CONF=thp:never in the environment takes it back, to compare with `rift bench`.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "thp:always,metadata_thp:auto";
}

int main(int argc, char** argv) { return rift::cli::run(argc, argv); }
