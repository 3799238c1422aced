// The calls by which a process asks the disk to keep something, as this test program makes them: counted, remembered, and made to fail on
// demand. fsync and fdatasync of the whole program, RocksDB's included, come by here (sync_fault_support.cc).
#pragma once

#include <set>
#include <string>

namespace rift::engine {

// The next `count` syncs of a file whose path ends in `suffix` fail with EIO, and what they should have kept counts as not kept.
void fail_syncs(const std::string& suffix, int count);
// How many have failed since.
int failed_syncs();

// From now on each sync of a file whose path ends in `suffix` waits at its beginning, until one is let through.
void hold_syncs(const std::string& suffix);
int held_syncs();  // that wait now
void let_one_through();
void let_all_through();  // and hold no more

// Of the directory `path`: the names that its syncs have made to stay.
std::set<std::string> kept_names(const std::string& path);
// Of the files in it now: those whose contents have been synced, so that somebody relies on them.
std::set<std::string> synced_files(const std::string& path);

}  // namespace rift::engine
