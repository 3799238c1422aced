// Brings each owner what the hint book owes it, as soon as it can be reached: versions first (HintOffer), then copies of the current state of
// what it lacks; rows are removed only when the owner holds them durably. A stand-in, which never hears what has won since, sends copies at
// once: the owner sees what is lost, and keeps it in its ledger. One batch at a time per owner, bounded in keys and bytes; what gets no
// answer is sent again under the same token after a growing pause; a cursor keeps the place (traps T27, T29, T30). Each page is paid for
// out of the node's HandoffBudget. Part of ApReplica.
#pragma once

#include <map>

#include "ap/hint_book.h"
#include "wire/messages.h"

namespace rift::ap {

class HintDelivery {
 public:
  static constexpr std::size_t batch_keys_max = wire::hint_offer_keys_max;
  static constexpr std::size_t batch_key_bytes_max = 256 * limits::kibi;
  static constexpr std::size_t in_flight_bytes_max =
      limits::mebi;                                     // copies under way to one owner; one copy always may
  static constexpr std::size_t pages_per_turn_max = 4;  // bulk work yields

  HintDelivery(Core& core, HintBook& book) : core_(core), book_(book) {}

  void observe(Turn& turn);  // who owns and who can be reached may have changed
  Result<void> tick(Turn& turn);
  Result<void> on_want(NodeId from, const wire::HintWant& want, Turn& turn);
  Result<void> on_ack(NodeId from, const wire::StoreAck& ack, Turn& turn);
  // When tick() wants to be called; sees to owners that are owed something and rest.
  Time next(Time now);

 private:
  enum class State : std::uint8_t { offered, wanted, sent, settled };
  struct Item {
    Bytes key;
    std::optional<wire::HintRecord> row;  // none: found by the dirty mark
    causal::Stamp stamp;                  // as offered, then as sent
    State state = State::offered;
    std::size_t bytes = 0;
  };
  struct Courier {
    bool reachable = false;
    Time due = Time::max();
    Duration backoff{};
    std::uint64_t token = 0;  // of the offer; item i's copy has token + 1 + i
    std::vector<Item> batch;  // empty: at rest
    std::size_t open = 0;     // items not settled
    std::size_t next_wanted = 0;
    std::size_t in_flight_bytes = 0;
    std::uint64_t page_bytes = 0;  // of the page: scanned, then sent
    std::string page_end;          // where the next page starts once this one is settled
    bool dirty_page = false;
    std::string hint_cursor;
    std::string dirty_cursor;
    std::uint64_t dirty_generation = 0;
  };

  Result<void> proceed(NodeId target, Courier& courier, Turn& turn);
  // Fill courier.batch with the next page; false: there are no more.
  Result<bool> take_hints(NodeId target, Courier& courier, Turn& turn);
  Result<bool> take_dirty(NodeId target, Courier& courier, Turn& turn);
  void finish_hints(NodeId target, Courier& courier, Turn& turn);
  Result<void> finish_dirty(NodeId target, Courier& courier, Turn& turn);
  Result<void> start_batch(NodeId target, Courier& courier, Turn& turn);
  void offer(NodeId target, const Courier& courier, Turn& turn);
  Result<void> repeat(NodeId target, Courier& courier, Turn& turn);
  Result<void> send_copy(NodeId target, Courier& courier, std::size_t index, Turn& turn);
  Result<void> send_wanted(NodeId target, Courier& courier, Turn& turn);
  Result<void> settle(NodeId target, Courier& courier, Item& item, Turn& turn);
  Result<void> progressed(NodeId target, Courier& courier, Turn& turn);
  void abandon(Courier& courier, Time again);
  // Pays for a page that is done. False: the next one's time comes later, and tick() goes on.
  bool may_go_on(Courier& courier, std::uint64_t bytes, Turn& turn);

  Core& core_;
  HintBook& book_;
  std::map<NodeId, Courier> couriers_;
};

}  // namespace rift::ap
