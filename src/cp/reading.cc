// The reads of a CpReplica: local ones at once, linearizable ones by a read position of the leader, on any replica.
#include <algorithm>

#include <fmt/format.h>

#include "cp/replica.h"

namespace rift::cp {
namespace {

constexpr std::size_t waiting_reads_max = limits::shard_inbox_requests_max;  // for a position
constexpr std::size_t waiting_local_reads_max = 8 * limits::kibi;  // for their token: it may name what never comes
constexpr std::size_t remote_questions_max = 4096;

wire::ReadPositionReply refused_question(Term term, std::uint64_t token) {
  return wire::ReadPositionReply{.term = term, .token = token, .granted = false, .index = {}};
}

}  // namespace

// Whoever looks sees what is committed.
Result<void> CpReplica::apply_all_committed(Round& round) {
  if (apply_due_ != Time::max()) apply_due_ = Time::min();
  return apply_committed(round);
}

Result<void> CpReplica::submit_reads(std::vector<Request> reads, Round& round) {
  std::vector<PendingRead> local;
  std::vector<PendingRead> majority;
  std::vector<PendingRead> all;
  bool wants_freshness = false;
  for (Request& request : reads) {
    if (request.verb == Verb::watch) {
      open_watch(request, round);
      continue;
    }
    const LogIndex token(request.token);
    PendingRead read{.id = request.id,
                     .verb = request.verb,
                     .key = std::move(request.key),
                     .operands = std::move(request.operands),
                     .asked = request.level,
                     .deadline = deadline_of(request, round.context.now)};
    switch (request.level) {
      case Level::one:
        if (raft_.config() == nullptr) {  // a newcomer: it would tell of nothing as if it were the state
          refuse_reads({std::move(read)}, Code::not_ready,
                       fmt::format("{} has no copy of {} yet: the group's leader is to bring it one",
                                   to_string(options_.self), options_.name),
                       round.turn);
          break;
        }
        wants_freshness = true;
        if (token > applier_.index()) {
          MARK(round.turn.recorder(), "cp.read_waits_for_token");
          add_local({std::move(read)}, token, round.turn);
        } else {
          local.push_back(std::move(read));
        }
        break;
      case Level::unspecified:
      case Level::any:  // of no read: validate()
      case Level::majority:
        majority.push_back(std::move(read));
        break;
      case Level::all:
        all.push_back(std::move(read));
        break;
    }
  }
  add_local(std::move(local), applier_.index(), round.turn);
  Result<void> done;
  if (!majority.empty()) done = start_reads(std::move(majority), false, round);
  if (!all.empty()) {
    auto started = start_all(std::move(all), round);
    if (done) done = std::move(started);
  }
  if (done && wants_freshness) done = probe_freshness(round);
  return done;
}

// A token names what is committed, and comes: the reader's own write, or what it has read elsewhere (read your writes, monotonic reads).
void CpReplica::add_local(std::vector<PendingRead> reads, LogIndex index, Turn& turn) {
  if (reads_.waiting_local() + reads.size() > waiting_local_reads_max)
    return refuse_reads(reads, Code::overloaded, "too many reads of this replica's own copy wait", turn);
  reads_.add(ReadBatch{.reads = std::move(reads), .is_local = true, .index = index});
}

Result<void> CpReplica::start_all(std::vector<PendingRead> reads, Round& round) {
  if (!raft_.is_leader() && raft_.leader() != NodeId(0)) {
    refuse_reads(reads, Code::not_leader, why_not_leader(), round.turn);  // only the leader hears every voter
    return {};
  }
  if (const auto missing = unreachable_voter(); missing && raft_.is_leader()) {
    refuse_reads(reads, Code::level_unreachable,
                 fmt::format("{} cannot be reached, and ALL needs every voter", to_string(*missing)), round.turn);
    return {};
  }
  return start_reads(std::move(reads), true, round);
}

// While reads of level ONE come, what they see is dated now and then (freshness.h): by a position of one's own, or a question to the leader.
Result<void> CpReplica::probe_freshness(Round& round) {
  const Time now = round.context.now;
  if (!freshness_.wants_probe(now)) return {};
  if (raft_.is_leader()) {
    const auto position = raft_.read(round.context);
    if (position) {
      freshness_.sent(*position, now);
    } else if (!took_no_effect(position.error().code)) {
      return fail(position.error().code, position.error().detail);
    }
  } else if (raft_.leader() != NodeId(0)) {
    if (++last_token_ == 0) ++last_token_;
    freshness_.sent(raft_.leader(), last_token_, now);
    ask(last_token_, round.turn);
  }
  return {};
}

// All reads of a round share one position (leader) or one question (follower).
Result<void> CpReplica::start_reads(std::vector<PendingRead> reads, bool needs_all, Round& round) {
  if (reads_.waiting() - reads_.waiting_local() + reads.size() > waiting_reads_max) {
    refuse_reads(reads, Code::overloaded, "too many reads wait for a majority", round.turn);
    return {};
  }
  if (!raft_.is_leader()) {
    if (raft_.leader() == NodeId(0)) {
      refuse_reads(reads, Code::no_leader, why_no_leader(round.context.now), round.turn);
    } else {
      ask_leader(std::move(reads), round);
    }
    return {};
  }
  const auto position = raft_.read(round.context);
  if (!position) {
    refuse_reads(reads, position.error().code, position.error().detail, round.turn);
    if (!took_no_effect(position.error().code)) return fail(position.error().code, position.error().detail);
    return {};
  }
  ++counters_.read_rounds;
  reads_.add(ReadBatch{.reads = std::move(reads), .position = *position, .needs_all = needs_all});
  return {};
}

// A token is never used twice, nor by two lives of this node (it starts at a random number): an answer to an earlier question, which another
// life asked, cannot be taken for this one's (trap 2).
void CpReplica::ask_leader(std::vector<PendingRead> reads, Round& round) {
  ++counters_.read_rounds;
  if (++last_token_ == 0) ++last_token_;
  reads_.add(ReadBatch{
      .reads = std::move(reads), .token = last_token_, .asked_of = raft_.leader(), .asked = round.context.now});
  ask(last_token_, round.turn);
}

void CpReplica::ask(std::uint64_t token, Turn& turn) {
  send_to(raft_.leader(), env::Lane::data, wire::ReadPosition{.term = raft_.term(), .token = token}, turn);
}

// Without an answer for too long: it, or the question, may have been lost.
void CpReplica::repeat_questions(Round& round) {
  for (const std::uint64_t token : reads_.repeat_questions(raft_.leader(), round.context.now)) {
    ++counters_.read_retries;
    MARK(round.turn.recorder(), "cp.read_question_repeated");
    ask(token, round.turn);
  }
}

// Another leader: one new question for all that wait.
Result<void> CpReplica::restart_questions(Round& round) {
  questions_stale_ = false;
  auto reads = reads_.take_asked();
  if (reads.empty()) return {};
  ++counters_.read_retries;
  MARK(round.turn.recorder(), "cp.read_question_moved");
  return start_reads(std::move(reads), false, round);
}

Result<void> CpReplica::on_question(NodeId from, const wire::ReadPosition& question, Round& round) {
  const auto same = [&](const RemoteQuestion& open) { return open.from == from && open.token == question.token; };
  if (std::any_of(questions_.begin(), questions_.end(), same)) return {};  // repeated, and on its way
  if (raft_.is_leader() && !checks_.is_disputed() && questions_.size() < remote_questions_max) {
    const auto position = raft_.read(round.context);
    if (position) {
      questions_.push_back(RemoteQuestion{.position = *position, .from = from, .token = question.token});
      return {};
    }
    if (!took_no_effect(position.error().code)) return fail(position.error().code, position.error().detail);
  }
  send_to(from, env::Lane::data, refused_question(raft_.term(), question.token), round.turn);
  return {};
}

// An index granted after the question was asked stays right for ever, whoever leads by now. A refusal is left to the next retry.
// The index is committed there, and this replica need not wait until it is told so.
Result<void> CpReplica::on_answer(NodeId from, const wire::ReadPositionReply& answer, Round& round) {
  if (!answer.granted) return {};
  freshness_.answered(from, answer.token, answer.index);
  reads_.answer(from, answer.token, answer.index);
  if (from != raft_.leader()) return {};
  return raft_.learn_commit(answer.term, answer.index, round.context);
}

void CpReplica::confirm(const raft::ReadReady& ready, Turn& turn) {
  freshness_.confirmed(ready.position, ready.index);
  reads_.confirm(ready.position, ready.index);
  std::erase_if(questions_, [&](const RemoteQuestion& question) {
    if (question.position != ready.position) return false;
    send_to(question.from, env::Lane::data,
            wire::ReadPositionReply{
                .term = ready.position.term, .token = question.token, .granted = true, .index = ready.index},
            turn);
    return true;
  });
}

// Positions die with the term.
void CpReplica::fail_positions(Turn& turn) {
  refuse_reads(reads_.take_positioned(), Code::no_leader, why_no_leader(turn.now().steady), turn);
  for (const RemoteQuestion& question : questions_) {
    send_to(question.from, env::Lane::data, refused_question(question.position.term, question.token), turn);
  }
  questions_.clear();
}

// The newest position that every voter has echoed in this term.
raft::ReadPosition CpReplica::echoed_by_all() const {
  raft::ReadPosition lowest{.term = raft_.term(), .number = ~std::uint64_t{0}};
  for (const auto& peer : raft_.peers()) {
    if (peer.voter) lowest.number = std::min(lowest.number, peer.read_position);
  }
  return lowest;
}

// What a round has no room for stays, and is served when the next one ticks.
Result<void> CpReplica::serve_reads(Turn& turn) {
  reads_left_ = false;
  if (turn.now().steady != served_at_) served_bytes_ = 0;
  served_at_ = turn.now().steady;
  if (reads_.waiting() == 0) return {};
  const auto echoed = reads_.waits_for_all() ? echoed_by_all() : raft::ReadPosition{};
  auto batches = reads_.take_servable(applier_.index(), echoed);
  Result<void> done;
  for (ReadBatch& batch : batches) {
    const ReadPath path = batch.is_local ? ReadPath::local : ReadPath::read_index;
    auto read = batch.reads.begin();
    while (done && read != batch.reads.end() && served_bytes_ < read_bytes_per_round_max) {
      done = serve(*read, path, turn);
      if (done) ++read;
    }
    reads_left_ = reads_left_ || read != batch.reads.end();
    batch.reads.erase(batch.reads.begin(), read);
  }
  if (reads_left_) reads_.put_back(std::move(batches));
  return done;
}

void CpReplica::refuse_expired_reads(Turn& turn) {
  std::vector<PendingRead> for_token;
  std::vector<PendingRead> for_majority;
  for (PendingRead& read : reads_.take_expired(turn.now().steady))
    (read.asked == Level::one ? for_token : for_majority).push_back(std::move(read));
  const Code code = raft_.leader() == NodeId(0) ? Code::no_leader : Code::timeout;
  refuse_reads(for_majority, code, "no majority confirmed the read in the time allowed", turn);
  refuse_reads(for_token, Code::timeout,
               fmt::format("{} has applied {} only up to index {}, and the read's token names a later one",
                           to_string(options_.self), options_.name, applier_.index().value()),
               turn);
}

// A read has no effect, whatever became of it.
void CpReplica::refuse_reads(const std::vector<PendingRead>& reads, Code code, const std::string& why, Turn& turn) {
  counters_.refused += reads.size();
  for (const PendingRead& read : reads) {
    std::string hint;
    if (read.asked == Level::one) {
      hint = "another node may have it; MAJORITY finds it wherever a majority is reached";
    } else if (code == Code::no_leader) {
      hint = "ONE reads this node's own copy, which may be old";
    }
    Response response = refusal(read.id, code, why, std::move(hint));
    response.outcome = Outcome::not_done;
    response.receipt.asked = read.asked;
    turn.reply(std::move(response));
  }
}

void CpReplica::send_to(NodeId to, env::Lane lane, const wire::Message& message, Turn& turn) {
  turn.send(to, lane, wire::encode_message(message));
}

}  // namespace rift::cp
