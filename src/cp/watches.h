// Watches: who wants to be told what changes in a partition, and up to which revision each has been told. A replica of any role serves them from
// its applied state, so that a change of leader does not matter. Who keeps up shares one page of history per round; who is behind reads pages of
// its own, at a measured pace, until it has caught up. Events of one revision are told together. It sends nothing itself: the answers are
// taken by CpReplica, which owns it, on the shard's thread.
#pragma once

#include <optional>
#include <vector>

#include "base/limits.h"
#include "cp/history_page.h"
#include "replica/turn.h"
#include "wire/records.h"

namespace rift::cp {

constexpr std::size_t watches_per_partition_max = 16 * limits::kibi;
// An answer without events says how far the watch has come; without any the other end takes the node for dead.
constexpr Duration watch_progress_interval = std::chrono::seconds(2);
// Who is behind reads one page in so long: a watch from the beginning may not keep the shard, nor its connection, from all else.
constexpr Duration watch_catch_up_interval = std::chrono::milliseconds(5);

struct WatchLimits {
  std::size_t page_bytes = 256 * limits::kibi;
  std::size_t pages_per_round = 4;  // of catching up; and as many of what is new
};

class Watches {
 public:
  explicit Watches(WatchLimits limits) : limits_(limits) {}

  // A watch of `request.key`, or of the range that it begins; revision 0: from what is applied now. The first answer names the revision up to
  // which there is nothing to tell; `compacted` refuses.
  void open(const Request& request, const wire::AppliedRecord& applied, Time now);
  void cancel(RequestId id);
  // Tells what `applied` brings. An error means that the store holds something unreadable.
  Result<void> serve(Space space, const wire::AppliedRecord& applied, Turn& turn);
  // Each ends with this refusal and the revision up to which it was told.
  void end_all(Code code, const std::string& why, const std::string& hint);

  std::vector<Reply> take_answers() { return std::exchange(answers_, {}); }
  Time next_wake() const { return watchers_.empty() ? Time::max() : wake_; }
  std::size_t size() const { return watchers_.size(); }

 private:
  struct Watcher {
    RequestId id{};
    Bytes first{};
    Bytes end{};
    bool single_key = false;
    Revision next{};      // every event below was told, or is not wanted
    Time answered{};      // last
    Time catch_up_due{};  // when behind
  };
  static bool wants(const Watcher& watcher, ByteView key);

  void end_compacted(Revision compacted);
  Result<void> follow(Space space, const wire::AppliedRecord& applied, Turn& turn);
  Result<void> catch_up(Space space, Turn& turn);
  void tell(Watcher& watcher, HistoryPage& page, Time now);
  void answer(Watcher& watcher, std::vector<Event> events, Revision up_to, Time now);
  void report_progress(Time now);
  void plan(const wire::AppliedRecord& applied, Time now);
  void end(const Watcher& watcher, Response refusal);

  WatchLimits limits_;
  std::vector<Watcher> watchers_;
  std::vector<Reply> answers_;
  Revision live_;  // who has been told everything below is live: what is new is read once for all of them
  Revision served_;
  std::size_t turn_of_ = 0;  // whose turn it is to catch up first
  Time wake_ = Time::max();
};

}  // namespace rift::cp
