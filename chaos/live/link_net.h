// TCP proxies, one listener per directed link i->j: node i dials j through it, so the link can be cut, delayed and counted
// without root. Not a policy: which links a cut means is decided in network.h. Bytes inside a living connection are never
// discarded (TCP never does that); a cut stops reading and holds new connections, the heal resets them (CONTRACTS 6).
//
// One thread of its own moves all bytes. The public functions may be called from any other thread; they post and wait.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace rift::chaos::live {

// from 0: the clients that are pinned to `to`.
struct LinkId {
  NodeId from;
  NodeId to;
  friend constexpr auto operator<=>(const LinkId&, const LinkId&) = default;
};

std::string to_string(LinkId link);  // "n1>n3", "c>n3"

struct LinkShape {
  bool cut_forward = false;  // bytes of the dialling side are held, new connections get no answer
  bool cut_back = false;     // bytes of the dialled side are held
  Duration delay_forward{};
  Duration delay_back{};
  friend bool operator==(const LinkShape&, const LinkShape&) = default;
};

// All cumulative but `open`.
struct LinkCounters {
  std::uint64_t open = 0;  // connections now
  std::uint64_t accepted = 0;
  std::uint64_t bytes_forward = 0;  // delivered
  std::uint64_t bytes_back = 0;
  std::uint64_t bytes_held = 0;           // arrived at the proxy and kept from the other side by a cut
  std::uint64_t connections_held = 0;     // accepted during a cut, never answered
  std::uint64_t connections_reset = 0;    // by a heal
  std::uint64_t connections_refused = 0;  // the target did not listen
};

class LinkNet {
 public:
  static Result<std::unique_ptr<LinkNet>> create();
  ~LinkNet();
  LinkNet(const LinkNet&) = delete;
  LinkNet& operator=(const LinkNet&) = delete;

  // Listens on a free loopback port for `link`; connections go to `target` ("127.0.0.1:7101"). Returns the address to dial.
  Result<std::string> add(LinkId link, const std::string& target);
  // A shape that ends a cut resets every connection of the link. Unknown links are an error.
  Result<void> shape(LinkId link, const LinkShape& shape);
  Result<LinkCounters> counters(LinkId link) const;
  std::vector<LinkId> links() const;

 private:
  class Impl;
  explicit LinkNet(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::chaos::live
