// The connections of one client: a channel and a Pipe stream per address, made when first needed and kept. It chooses no node. Polling
// thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/stream.h"

namespace rift::client {

class Peers {
 public:
  // `deliver` may be called from flush() and expire(), and by the loop.
  Peers(Loop& loop, Stream::Deliver deliver);

  // Queued until flush().
  void send(const std::string& address, Request request, Time now);
  void cancel(const std::string& address, RequestId id);
  void flush();
  // Answers what has not left within its budget.
  void expire(Time now);
  // Nothing more is delivered.
  void close();
  const std::shared_ptr<grpc::Channel>& channel(const std::string& address) { return peer(address).channel; }

 private:
  struct Peer {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<Stream> stream;
  };
  Peer& peer(const std::string& address);

  Loop& loop_;
  const Stream::Deliver deliver_;
  std::map<std::string, Peer> peers_;
  std::set<Stream*> touched_;  // since the last flush
};

}  // namespace rift::client
