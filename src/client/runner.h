// What is inside a Client: drives caller::Caller and the watches over the streams to the nodes, and hands their answers to whoever asked. All that
// they decide runs on one polling thread; the public methods may be called from any. Used by client.cc and batch.cc.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "caller/caller.h"
#include "client/client.h"
#include "client/map_fetch.h"
#include "client/peers.h"
#include "client/timer.h"
#include "client/watch_runs.h"
#include "rpc/loop.h"

namespace rift::client {

class Runner {
 public:
  explicit Runner(ClientOptions options);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Result<void> connect();
  void submit(caller::Operation operation, Client::Callback done);
  Answer execute(caller::Operation operation);
  std::vector<Answer> execute_all(std::vector<caller::Operation> operations);
  std::uint64_t open_watch(caller::WatchWish wish, WatchCallbacks callbacks);
  void close_watch(std::uint64_t number);
  std::shared_ptr<const topology::Catalog> catalog() const;
  // A map that was asked for after this call began. Waits; not from a callback.
  Result<std::shared_ptr<const topology::Catalog>> refresh_map(Time until);
  std::uint64_t resends() const;
  Duration deadline() const { return options_.deadline; }

 private:
  void pump();
  bool carry_sends(Time now);
  bool carry_completions();
  void carry_one_completion();
  bool carry_watches(Time now);
  // False: the map has no address for the node, and the answer says so.
  bool send(caller::Send& one, Time now);
  void receive(std::vector<Response> responses);
  std::optional<Time> wake_at() const;
  void fetch_map();
  void map_fetched(Result<topology::Catalog> map);
  std::string address_of(NodeId node) const;
  std::vector<std::string> known_addresses() const;
  void stop();

  ClientOptions options_;
  rpc::Loop loop_;
  caller::Caller caller_;
  WatchRuns watches_;
  MapFetch map_fetch_;
  Peers peers_;
  Timer timer_;
  std::unordered_map<std::uint64_t, Client::Callback> callbacks_;
  std::deque<caller::Completion> completions_;  // taken from the caller, to be called
  std::uint64_t next_operation_ = 1;
  std::size_t next_address_ = 0;
  std::optional<Time> next_fetch_;  // while connecting
  bool is_stopping_ = false;
  bool is_closed_ = false;  // stopped: no callback is called any more

  mutable Mutex mutex_;  // what other threads look at
  mutable CondVar map_arrived_;
  std::shared_ptr<const topology::Catalog> catalog_ GUARDED_BY(mutex_);
  Error last_error_ GUARDED_BY(mutex_){Code::unreachable, "no connection"};
  std::uint64_t fetches_begun_ GUARDED_BY(mutex_) = 0;
  std::uint64_t fetched_ GUARDED_BY(mutex_) = 0;  // the last of them that brought a map
  std::uint64_t resends_ GUARDED_BY(mutex_) = 0;
  std::uint32_t next_watch_ GUARDED_BY(mutex_) = 1;
};

}  // namespace rift::client

namespace rift {

class Client::Impl final : public client::Runner {
 public:
  using Runner::Runner;
};

}  // namespace rift
