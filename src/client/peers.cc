#include "client/peers.h"

#include <grpcpp/channel.h>

#include "client/channel.h"

namespace rift::client {

Peers::Peers(Loop& loop, Stream::Deliver deliver) : loop_(loop), deliver_(std::move(deliver)) {}

void Peers::send(const std::string& address, Request request, Time now) {
  Stream& stream = *peer(address).stream;
  stream.send(std::move(request), now);
  touched_.insert(&stream);
}

void Peers::cancel(const std::string& address, RequestId id) {
  const auto to = peers_.find(address);
  if (to == peers_.end()) return;
  to->second.stream->cancel(id);
  touched_.insert(to->second.stream.get());
}

void Peers::flush() {
  for (Stream* stream : std::exchange(touched_, {})) stream->flush();
}

void Peers::expire(Time now) {
  for (auto& [address, peer] : peers_) peer.stream->expire(now);
}

void Peers::close() {
  for (auto& [address, peer] : peers_) peer.stream->close();
}

Peers::Peer& Peers::peer(const std::string& address) {
  const auto it = peers_.find(address);
  if (it != peers_.end()) return it->second;
  Peer made;
  made.channel = make_channel(address);
  made.stream = std::make_unique<Stream>(loop_, made.channel, deliver_);
  return peers_.emplace(address, std::move(made)).first->second;
}

}  // namespace rift::client
