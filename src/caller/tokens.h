// What a client has seen of the keys of ap keyspaces: the newest version of each that it has read or written. With these as tokens it reads its own
// writes and never goes back, whichever nodes it goes to. Bounded: of the keys used last; a key that has been forgotten begins anew. Owned by one
// Caller, or by a simulated session; not thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "replica/request.h"

namespace rift::caller {

constexpr std::size_t tokens_max = 4096;  // keys

class Tokens {
 public:
  explicit Tokens(std::size_t most = tokens_max) : most_(most) {}

  // Zero: nothing is known of the key.
  Version seen(PartitionId partition, ByteView key);
  // Keeps the newer of `version` and what is known.
  void note(PartitionId partition, ByteView key, const Version& version);
  void forget(PartitionId partition, ByteView key);
  std::size_t size() const { return places_.size(); }

 private:
  using Name = std::pair<PartitionId, std::string>;
  struct Token {
    Name name;
    Version version;
  };

  std::size_t most_;
  std::list<Token> by_use_;  // the last one used first
  std::map<Name, std::list<Token>::iterator> places_;
};

}  // namespace rift::caller
