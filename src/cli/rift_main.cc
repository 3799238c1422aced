#include "cli/verbs.h"

int main(int argc, char** argv) { return rift::cli::run(argc, argv); }
