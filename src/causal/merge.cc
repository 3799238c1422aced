#include "causal/merge.h"

#include <algorithm>

#include "base/limits.h"

namespace rift::causal {
namespace {

bool is_life_of(const Actor& actor, const Dot& dot) {
  return actor.node == dot.node && actor.incarnation == dot.incarnation;
}

}  // namespace

std::vector<Actor> context_above(const Envelope& held) { return context_with(held.context, held.stamp.dot); }

std::vector<Actor> context_with(std::vector<Actor> context, const Dot& dot) {
  Actor newest{.node = dot.node, .incarnation = dot.incarnation, .sequence = dot.sequence};
  for (const Actor& actor : context) {
    if (is_life_of(actor, dot)) newest.sequence = std::max(newest.sequence, actor.sequence);
  }
  std::erase_if(context, [&](const Actor& actor) { return is_life_of(actor, dot); });
  context.push_back(newest);
  if (context.size() > limits::context_actors_max)
    context.erase(context.begin(), context.end() - static_cast<std::ptrdiff_t>(limits::context_actors_max));
  return context;
}

bool covers(const Envelope& winner, const Dot& loser) {
  const Dot& dot = winner.stamp.dot;
  if (dot.node == loser.node && dot.incarnation == loser.incarnation && dot.sequence >= loser.sequence) return true;
  return std::any_of(winner.context.begin(), winner.context.end(),
                     [&](const Actor& actor) { return is_life_of(actor, loser) && actor.sequence >= loser.sequence; });
}

}  // namespace rift::causal
