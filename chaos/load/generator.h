// What the clients of a story do and when: an open loop (an attempt is due by the clock, not when the last one has ended), drawn
// from a seed. Clients of the same place in different keyspaces do the same things at the same instants, so that cp and ap live
// through the same storm. Every written value is the unique tag "c<client>,<sequence>". No clock: the driver asks what is due.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "chaos/load/store.h"

namespace rift::chaos::load {

struct KeyspaceLoad {
  std::string name;
  Level level = Level::unspecified;       // the keyspace's default
  Level read_level = Level::unspecified;  // of reads, if it is another
  double cas_share = 0;                   // of its writes; only where the mode has compare-and-set
};

struct LoadOptions {
  std::uint64_t seed = 1;
  std::vector<NodeId> nodes{};
  std::vector<KeyspaceLoad> keyspaces{};
  std::uint32_t clients_per_node = 2;               // and keyspace
  Duration period = std::chrono::milliseconds(50);  // of one client
  Duration timeout = std::chrono::seconds(1);
  Duration length = std::chrono::seconds(35);
  std::uint32_t keys = 32;       // used by everybody all the time
  std::uint32_t still_keys = 8;  // not written any more once hold_still() was called: what convergence looks at
  double write_share = 0.5;
  double set_share = 0;  // of writes: to a key of its own, which nobody writes again, so that a lost one stays lost
  // If not zero, whoever does that within the same stretch of time writes to the same key: those who do so at once race, and nobody comes later.
  Duration set_stretch{};
  std::uint32_t documents =
      0;  // sets kept as one value (check/lost.h): read, added to, written back; none once hold_still() was called
  bool roams = false;  // each attempt of a client goes to a node that is drawn, not to the client's own
  double edit_share =
      0;  // of attempts, if there are documents: a read of one, and the write that follows when it is answered
  Result<void> validate() const;
};

struct Attempt {
  Time scheduled{};
  Ask ask;
  bool is_edit = false;  // a read; with its answer the client goes on to edit()
};

class Generator {
 public:
  static Result<Generator> create(const LoadOptions& options);

  std::optional<Time> next_due() const;              // nullopt: the load has ended
  Attempt take();                                    // the attempt due next; ASSERTs that there is one
  Ask edit(const Ask& read, const Value& document);  // the write that follows an edit's read
  void hold_still() { is_holding_still_ = true; }
  // A later compare-and-set of this client expects this value.
  void note_seen(std::uint64_t client, const std::string& key, const Value& value);

  std::vector<std::string> all_keys() const;
  const LoadOptions& options() const { return options_; }

 private:
  struct Client {
    std::uint64_t id;
    std::size_t keyspace;  // in the options
    NodeId node;
    Rng rng;
    std::uint64_t sequence = 0;
    std::map<std::string, Value> seen{};
  };
  struct Due {
    Time at;
    std::size_t client;
    friend auto operator<=>(const Due&, const Due&) = default;
  };
  explicit Generator(const LoadOptions& options);
  Attempt draw(Client& client, Time scheduled);
  std::string key_name(std::uint64_t number) const;

  LoadOptions options_;
  std::vector<Client> clients_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  bool is_holding_still_ = false;
};

}  // namespace rift::chaos::load
