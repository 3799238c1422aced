#include "cli/verbs.h"

// Read by jemalloc when it starts. Huge pages: walks through large memtables miss the TLB less (`rift bench`, cp put by pipe: a seventh
// more per second, get unary a quarter more). Where the kernel offers none it changes nothing.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "thp:always,metadata_thp:auto";
}

int main(int argc, char** argv) { return rift::cli::run(argc, argv); }
