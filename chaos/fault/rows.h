// The rows of the experiment matrix (research/chaos.md 5) as data: how a cluster is cut, stopped, slowed or robbed of its power, when,
// and what must hold then. A row with several forms (C5: shatter, and two halves) stands here once per form. Nodes are named by what
// they are when a step is due; shape() turns that into links and sides. Pure values; a driver (chaos/sim) carries them out.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chaos/check/row.h"
#include "chaos/fault/fault.h"

namespace rift::chaos::fault {

// Which links are cut, seen from the leader. An ap keyspace has none: there a node is drawn in its place.
enum class Shape : std::uint8_t {
  leader_with_majority,  // 3|2
  leader_with_minority,  // 2|3
  leader_alone,          // 1|4
  shatter,               // everybody alone
  halves,                // 2|2 of 4: nobody has a majority
  bridge_at_leader,      // two and two, and the leader between them reaches all
  bridge_at_follower,    // the same, and the leader is one of the outer ones
  ring,                  // everybody reaches its two neighbours on each side of a ring of majorities
  deaf_leader,           // hears nobody
  mute_leader,           // nobody hears it
  deaf_follower,
  any_minority,  // 3|2, whoever leads
};
std::string_view to_string(Shape shape);

struct Cut {
  std::vector<Link> links;       // sorted
  std::vector<NodeId> majority;  // whom the row expects to be served
  std::vector<NodeId> minority;
};
// `nodes` in any order; fails where the shape does not fit their number.
Result<Cut> cut_of(Shape shape, std::vector<NodeId> nodes, NodeId leader, Rng& rng);

struct CutLinks {
  Shape shape = Shape::any_minority;
};
struct HealLinks {};    // all cuts
struct KillLeader {};   // SIGKILL
struct RestartDown {};  // everybody who is down
struct RestartInTurn {  // each is told to stop, and started again: a rolling restart
  Duration down{};
  Duration every{};
};
struct PauseNode {  // the one in a leader's place
  Duration length{};
};
struct SlowNode {  // everything to and from it
  Duration delay{};
};
struct PauseLeader {
  Duration length{};
};
struct SlowLinks {  // all of them
  Duration delay{};
  Duration jitter{};
  double packet_loss = 0;
};
struct JamLink {                       // one follower's way to the leader
  std::uint64_t bytes_per_second = 0;  // 0: jammed no longer
};
struct GarbleLinks {  // messages come twice and out of order
  double repeat = 0;
  double reorder = 0;
};
struct ClearLinks {};  // ends the three above
struct StepWallClock {
  bool of_leader = false;  // else of a follower
  std::chrono::milliseconds by{};
};
struct TurnFsyncOff {  // what is written reaches the medium this much later, whatever a sync says
  Duration write_back{};
};
struct LosePowerOfAll {
  Duration down{};
};
enum class MemberMove : std::uint8_t {
  add,      // a node that nobody knew joins, and gets a copy
  remove,   // one of the other side leaves; one of this side that had no copy takes its place
  replace,  // one of the other side comes with an empty disk, and on this side
};
std::string_view to_string(MemberMove move);
struct ChangeMembers {  // on the side that has a majority, while links are cut
  MemberMove move = MemberMove::add;
};
struct Swizzle {  // nodes drop out one by one and come back in another order
  Duration length{};
};
using Deed = std::variant<CutLinks, HealLinks, KillLeader, RestartDown, RestartInTurn, PauseLeader, SlowLinks, JamLink,
                          GarbleLinks, ClearLinks, StepWallClock, TurnFsyncOff, LosePowerOfAll, Swizzle, ChangeMembers,
                          SlowNode, PauseNode>;
std::string_view name_of(const Deed& deed);

struct RowStep {
  Duration at{};  // from the start of the load
  Deed deed;
};

struct MatrixRow {
  std::string id;     // "C5"
  std::string form;   // "halves"; empty if the row has one form
  std::string title;  // a few words for people
  std::uint32_t nodes = 5;
  std::uint32_t spares = 0;  // more members, without a copy
  Mode mode = Mode::cp;
  std::uint32_t copies = 0;  // 0: one on every node that is no spare
  std::uint32_t partitions = 1;
  bool atomic = false;  // ap; likewise the teaching variants
  bool sloppy = false;
  bool wall_clock = false;
  Level write_level = Level::majority;
  Level read_level = Level::unspecified;          // cp: linearizable
  std::chrono::milliseconds wall_offset_max{20};  // so far off each node's wall clock may be, either way
  double cas_share = 0.3;
  double set_share = 0.2;
  Duration set_stretch{};  // these and the next three: chaos/load
  std::uint32_t keys = 32;
  std::uint32_t still_keys = 0;  // left alone from the end of the fault on
  std::uint32_t documents = 0;
  double edit_share = 0;
  bool roams = false;
  bool tokens = false;  // clients name what they have seen of a key (ap)
  Duration timeout = std::chrono::seconds(1);
  bool retries = false;  // clients try again inside the timeout, with op ids
  std::vector<RowStep> steps;
  Duration fault_begins = std::chrono::seconds(5);
  Duration fault_ends = std::chrono::seconds(25);
  Duration length = std::chrono::seconds(35);
  check::RowDemands demands;
  std::string name() const { return form.empty() ? id : id + "-" + form; }
};

const std::vector<MatrixRow>& matrix_rows();
// All forms of "C5", or the one form "C5-halves"; empty: no such row.
std::vector<const MatrixRow*> find_rows(std::string_view name);  // in capitals or not

}  // namespace rift::chaos::fault
