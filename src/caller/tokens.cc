#include "caller/tokens.h"

#include "replica/token.h"

namespace rift::caller {

Version Tokens::seen(PartitionId partition, ByteView key) {
  const auto place = places_.find(Name(partition, std::string(key)));
  if (place == places_.end()) return {};
  by_use_.splice(by_use_.begin(), by_use_, place->second);
  return place->second->version;
}

void Tokens::note(PartitionId partition, ByteView key, const Version& version) {
  if (version.hlc == 0) return;  // absent, and nobody knows why
  Name name(partition, std::string(key));
  const auto place = places_.find(name);
  if (place != places_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, place->second);
    if (is_newer(version, place->second->version)) place->second->version = version;
    return;
  }
  by_use_.push_front(Token{.name = name, .version = version});
  places_.emplace(std::move(name), by_use_.begin());
  if (places_.size() <= most_) return;
  places_.erase(by_use_.back().name);
  by_use_.pop_back();
}

void Tokens::forget(PartitionId partition, ByteView key) {
  const auto place = places_.find(Name(partition, std::string(key)));
  if (place == places_.end()) return;
  by_use_.erase(place->second);
  places_.erase(place);
}

}  // namespace rift::caller
