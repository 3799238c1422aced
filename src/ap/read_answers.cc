// Reads: what the client of a read is told, and when that is a refusal.
#include <utility>

#include <fmt/format.h>

#include "ap/quorum.h"
#include "ap/reads.h"
#include "base/node_list.h"
#include "replica/token.h"

namespace rift::ap {

void Reads::fill_value(Response& response, const std::optional<causal::Envelope>& envelope, const Turn& turn) const {
  if (!envelope) return;
  // A deleted key answers with the delete's version (DESIGN 4), and one whose time has passed with the version that it had.
  response.version = version_of(envelope->stamp);
  response.found = envelope->kind == causal::Kind::value && !has_ended(*envelope, turn);
  if (response.found) response.value = envelope->payload;
}

void Reads::answer(Part part, Response response, bool wait_for_disk, Turn& turn) {
  if (part.joint != 0) return joints_.gather(part.joint, part.place, std::move(response), wait_for_disk, turn);
  wait_for_disk ? turn.reply_when_durable(std::move(response)) : turn.reply_when_stored(std::move(response));
}

bool Reads::refuse_if_hopeless(const Pending& read, Turn& turn) {
  std::vector<NodeId> behind;
  std::size_t left = 0;
  for (const Answer& answer : read.answers) {
    if (answer.catching_up) behind.push_back(answer.node);
    left += may_count(answer) ? 1 : 0;
  }
  if (behind.empty() || left >= read.needed) return false;
  Response response = refuse(
      read.request, Code::level_unreachable,
      fmt::format("{} of the owners of {} lack what their disks have lost until the others have brought it back: {} of "
                  "{} are left to answer {}, level {} needs {}",
                  names_of(behind), core_.options.name, left, read.answers.size(), to_string(core_.self()),
                  to_string(read.level), read.needed),
      "retry, or a lower level; `rift status` tells when they have caught up");
  response.receipt = core_.receipt(read.asked);
  answer(read.part, std::move(response), false, turn);
  return true;
}

void Reads::end_late(const Pending& read, Turn& turn) {
  const causal::Stamp own = read.best ? read.best->stamp : causal::Stamp();
  const bool will_last = !read.mints_token || newest_on_disk(read) >= own;
  // Long after its time (this node was asleep) the value may be older than what a majority has acknowledged since (trap T46).
  const bool is_late = turn.now().steady > read.deadline + core_.options.timers.read_retry;
  const bool may_degrade = read.phase == Phase::repair && !core_.placement.keyspace().atomic && !is_late;
  if (read.phase == Phase::collect && meets_level(read) && newest_of(read) < read.seen) {
    refuse_token(read, turn);
  } else if (read.level == Level::one && own >= read.seen && will_last) {
    reply(read, turn);
  } else if (read.level != Level::one && may_degrade) {
    reply_degraded(read, turn);
  } else {
    give_up(read, turn);
  }
}

void Reads::reply(const Pending& read, Turn& turn) {
  Response response;
  response.id = read.request;
  fill_value(response, read.best, turn);
  Receipt& receipt = response.receipt;
  receipt = core_.receipt(read.asked);
  receipt.reached = read.level;
  for (const Answer& answer : read.answers) {
    if (counts(read, answer)) core_.acknowledge(receipt, answer.node);
  }
  receipt.read_path = read.repaired && read.write_back ? ReadPath::quorum_repaired : ReadPath::quorum;
  receipt.degraded = read.level == Level::one && receipt.acknowledged_by.empty();
  if (receipt.degraded) core_.acknowledge(receipt, core_.self());
  answer(read.part, std::move(response), false, turn);
}

// The newest of a majority, and fewer hold it than the level counts: a later read may still find an older one.
void Reads::reply_degraded(const Pending& read, Turn& turn) {
  MARK(turn.recorder(), "ap.read_degraded");
  ++core_.counters.reads_degraded;
  Response response;
  response.id = read.request;
  fill_value(response, read.best, turn);
  response.why =
      fmt::format("{} of the {} owners that level {} counts hold what was read; a later read may find an older version",
                  holders(read), read.needed, to_string(read.level));
  Receipt& receipt = response.receipt;
  receipt = core_.receipt(read.asked);
  receipt.reached = level_reached(holders(read), core_.placement.copies());
  receipt.degraded = true;
  receipt.read_path = ReadPath::quorum;
  for (const Answer& answer : read.answers) {
    if (holds_winner(read, answer)) core_.acknowledge(receipt, answer.node);
  }
  answer(read.part, std::move(response), false, turn);
}

void Reads::give_up(const Pending& read, Turn& turn) {
  const bool unrepaired = read.phase == Phase::repair;
  const bool unread = read.phase == Phase::fetch || counted(read) >= read.needed;
  Response response =
      refuse(read.request, Code::timeout,
             unrepaired ? fmt::format("{} of the {} owners that level {} counts could be made to hold what was read",
                                      holders(read), read.needed, to_string(read.level))
             : unread   ? "the newest version is known, and no owner has handed it over, from its disk, in time"
                        : fmt::format("fewer than {} owners answered in time, level {} needs them", read.needed,
                                      to_string(read.level)),
             unrepaired ? "retry" : "retry, or read at a lower level");
  response.outcome = Outcome::not_done;  // a read has no effect
  response.receipt = core_.receipt(read.asked);
  answer(read.part, std::move(response), false, turn);
}

// Another node may hold it, or it went with the disk of an owner that had it alone.
void Reads::refuse_token(const Pending& read, Turn& turn) {
  MARK(turn.recorder(), "ap.token_not_met");
  ++core_.counters.tokens_not_met;
  std::vector<NodeId> heard;
  for (const Answer& answer : read.answers) {
    if (answer.answered) heard.push_back(answer.node);
  }
  const Version found = version_of(newest_of(read));
  Response response = refuse(
      read.request, Code::token_not_met,
      fmt::format("the request's token is {}, and of {} owners {} answered {} and hold {}",
                  token_text(version_of(read.seen)), read.answers.size(), names_of(heard), to_string(core_.self()),
                  found == Version{} ? "no version of the key" : "nothing newer than " + token_text(found)),
      "ask another node, or without the token");
  response.version = found;
  response.receipt = core_.receipt(read.asked);
  response.receipt.acknowledged_by = std::move(heard);
  answer(read.part, std::move(response), false, turn);
}

void Reads::let_go(Turn& turn) {
  for (const auto& [token, read] : pending_) {
    answer(read.part,
           refuse(read.request, Code::wrong_node, "this node is no owner of the key any more",
                  "ask again with the newest map"),
           false, turn);
  }
  pending_.clear();
}

}  // namespace rift::ap
