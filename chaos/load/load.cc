#include "chaos/load/load.h"

namespace rift::chaos::load {

// A store that keeps its timeout has at most timeout / period attempts of one client open; twice that is a store in trouble.
Load::Load(Generator generator, Recorder& recorder, Store& store)
    : generator_(std::move(generator)),
      recorder_(recorder),
      store_(store),
      open_per_client_max_(
          static_cast<std::size_t>(2 * (generator_.options().timeout / generator_.options().period) + 4)) {}

void Load::run_due(Time now) {
  while (next_due() && *next_due() <= now) submit(generator_.take(), now);
}

void Load::submit(const Attempt& attempt, Time now) {
  const auto ticket = recorder_.begin(attempt.ask, attempt.scheduled, now);
  std::size_t& open = open_by_client_[attempt.ask.client];
  if (open == open_per_client_max_) {
    recorder_.end(
        ticket,
        {.outcome = Outcome::not_done, .code = Code::overloaded, .error = "too many attempts of this client are open"},
        now);
    return;
  }
  ++open;
  store_.submit(attempt.ask,
                [this, ticket, attempt](const Answer& answer, Time at) { finish(ticket, attempt, answer, at); });
}

void Load::finish(Recorder::Ticket ticket, const Attempt& attempt, const Answer& answer, Time now) {
  const Ask& ask = attempt.ask;
  recorder_.end(ticket, answer, now);
  --open_by_client_[ask.client];
  if (answer.outcome == Outcome::done)
    generator_.note_seen(ask.client, ask.key, ask.kind == Kind::read ? answer.value : ask.value);
  if (answer.has_seen) generator_.note_seen(ask.client, ask.key, answer.seen);
  if (attempt.is_edit && answer.outcome == Outcome::done)
    submit({.scheduled = now, .ask = generator_.edit(ask, answer.value)}, now);
}

}  // namespace rift::chaos::load
