// The watches of a CpReplica: what opens, feeds and ends them.
#include "cp/replica.h"

namespace rift::cp {
namespace {

// Without a leader for so long a replica hears of nothing new: whoever watches here may hear of it elsewhere.
constexpr Duration leaderless_patience = std::chrono::seconds(3);
constexpr std::string_view resume_elsewhere = "resume from the revision told, at another node";

}  // namespace

// A learner never campaigns: cut off, it believes in its leader for ever, and has not heard of it.
Time CpReplica::watches_given_up_at() const {
  if (raft_.is_leader()) return Time::max();
  return std::min(no_leader_since_, leader_heard_) + leaderless_patience;
}

void CpReplica::open_watch(const Request& request, Round& round) {
  if (round.context.now >= watches_given_up_at()) {
    Response response =
        refusal(request.id, Code::no_leader, why_no_leader(round.context.now), std::string(resume_elsewhere));
    round.turn.reply(std::move(response));
    return;
  }
  watches_.open(request, applier_.applied(), round.context.now);
}

Result<void> CpReplica::serve_watches(Round& round) {
  if (round.context.now >= watches_given_up_at() && watches_.size() > 0)
    end_watches(Code::no_leader, why_no_leader(round.context.now), round.turn);
  TRY(watches_.serve(space_, applier_.applied(), round.turn));
  answer_watches(round.turn);
  return {};
}

void CpReplica::end_watches(Code code, const std::string& why, Turn& turn) {
  watches_.end_all(code, why, std::string(resume_elsewhere));
  answer_watches(turn);
}

void CpReplica::answer_watches(Turn& turn) {
  for (Reply& reply : watches_.take_answers()) {
    reply.response.receipt = receipt(Level::one);
    reply.response.receipt.term = applier_.applied().term;
    reply.response.receipt.read_path = ReadPath::local;
    if (reply.response.outcome == Outcome::done) reply.response.receipt.reached = Level::one;
    ++counters_.watch_answers;
    turn.reply(std::move(reply.response), reply.last);
  }
}

Time CpReplica::watch_wake() const {
  return watches_.size() == 0 ? Time::max() : std::min(watches_.next_wake(), watches_given_up_at());
}

}  // namespace rift::cp
