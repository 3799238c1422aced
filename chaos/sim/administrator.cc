#include "chaos/sim/administrator.h"

namespace rift::chaos::sim {
namespace {

using topology::MemberChange;

constexpr Duration pause = std::chrono::milliseconds(100);      // before a verb is tried again
constexpr Duration patience = std::chrono::milliseconds(3000);  // with a node that says nothing

}  // namespace

void Administrator::change(Verb verb, Then then) {
  ++open_;
  attempt(std::make_shared<Wish>(Wish{.verb = std::move(verb), .then = std::move(then)}));
}

void Administrator::attempt(const std::shared_ptr<Wish>& wish) {
  if (wish->is_done) return;
  const std::uint64_t number = ++wish->tries;
  const auto again = [this, wish, number] {
    if (wish->tries == number) attempt(wish);
  };
  auto through = through_();
  std::erase_if(through, [this](NodeId id) { return !cluster_.node(id).is_up() || !cluster_.node(id).node().ready(); });
  if (through.empty()) return after(pause, again);
  after(patience, again);
  SimNode& asked = cluster_.node(through[cluster_.world().random().below(through.size())]);
  asked.executor().post([this, wish, again, &asked] {
    wish->verb(asked.node(), [this, wish, again](const Result<topology::Catalog>& told) {
      // An earlier try that seemed to fail may have been carried out.
      if (told || told.error().code == Code::already_exists) return end(wish);
      last_refusal_ = told.error().detail;
      after(pause, again);
    });
  });
}

void Administrator::end(const std::shared_ptr<Wish>& wish) {
  if (wish->is_done) return;
  wish->is_done = true;
  --open_;
  if (wish->then) wish->then();
}

void Administrator::change_members(const MemberChange& wanted, Then then) {
  change([wanted](Admin& admin, Admin::Done<topology::Catalog> done) { admin.change_members(wanted, std::move(done)); },
         std::move(then));
}

void Administrator::set_copies(const std::string& keyspace, std::uint32_t copies, Then then) {
  const topology::KeyspaceAlteration wish{.name = keyspace, .read = {}, .write = {}, .copies = copies};
  change([wish](Admin& admin, Admin::Done<topology::Catalog> done) { admin.alter_keyspace(wish, std::move(done)); },
         std::move(then));
}

void Administrator::bring_in(MemberChange::Kind kind, NodeId id, Then then) {
  SimNode& node = cluster_.node(id);
  if (!node.is_up() || !node.node().ready()) {
    return after(pause, [this, kind, id, then = std::move(then)] { bring_in(kind, id, then); });
  }
  MemberChange wish{.kind = kind};
  wish.member.node = id;
  wish.member.client_address = SimNetwork::address_of(id);
  wish.member.peer_address = SimNetwork::address_of(id);
  node.node().identity([&wish](const Result<NodeIdentity>& identity) { wish.member.disk = MUST(identity).disk; });
  change_members(wish, [this, id, then = std::move(then)] {
    ++open_;
    join(id, then);
  });
}

void Administrator::join(NodeId id, const Then& then) {
  SimNode& node = cluster_.node(id);
  const auto again = [this, id, then] { join(id, then); };
  const auto map = cluster_.catalog();
  if (!node.is_up() || !node.node().ready() || !map || map->member(id) == nullptr) return after(pause, again);
  const auto is_answered = std::make_shared<bool>(false);
  after(patience, [is_answered, again] {
    if (!*is_answered) again();
  });
  node.executor().post([this, &node, map = *map, is_answered, again, then] {
    node.node().join(map, [this, is_answered, again, then](const Result<void>& told) {
      if (*is_answered) return;
      *is_answered = true;
      if (!told) return after(pause, again);
      --open_;
      if (then) then();
    });
  });
}

void Administrator::remove(NodeId id, Then then) {
  change_members({.kind = MemberChange::Kind::remove, .node = id}, std::move(then));
}

void Administrator::forget(NodeId id, Then then) {
  const auto verb = [this, id](Admin& admin, Admin::Done<topology::Catalog> done) {
    admin.change_members({.kind = MemberChange::Kind::forget, .node = id},
                         [this, id, done = std::move(done)](Result<topology::Catalog> told) {
                           auto map = cluster_.catalog();
                           if (!told && map && map->member(id) == nullptr) told = std::move(*map);
                           done(std::move(told));
                         });
  };
  change(verb, std::move(then));
}

}  // namespace rift::chaos::sim
