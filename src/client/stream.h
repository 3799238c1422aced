// One Pipe stream to one address: opened when there is something to send, opened again after a failure when there is something again. Nothing
// leaves before the node has taken the stream up; what piled up while a write was under way leaves as one batch. It knows exactly what has
// left: a request that did not is answered `unreachable` (not done), one that did and whose stream broke `disconnected` (unknown), and one
// that a stopping node says it has not taken `not_ready` (not done). Polling thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "replica/request.h"
#include "rpc/loop.h"

namespace grpc {
class Channel;
}

namespace rift::client {

using rpc::Event;
using rpc::Loop;
using rpc::Tag;

class Stream {
 public:
  using Deliver = std::function<void(std::vector<Response>)>;

  // `deliver` may be called from any method but send().
  Stream(Loop& loop, std::shared_ptr<grpc::Channel> channel, Deliver deliver);
  ~Stream();

  // Queued until flush().
  void send(Request request, Time now);
  void flush();
  // Nothing more is delivered for it; the node is told, at the next flush().
  void cancel(RequestId id);
  // Answers what has not left within its budget.
  void expire(Time now);
  // Cancels and delivers nothing more; the queue must be drained before destruction.
  void close();

 private:
  struct Call;  // one life of the stream
  struct Waiting {
    Request request;
    Time expires;
  };
  struct Sent {
    std::size_t bytes = 0;
    std::uint64_t batch = 0;  // the how manieth of its stream
  };

  void start();
  void write();
  void read();
  void break_off();
  void settle();
  void started(bool ok);
  void accepted(bool ok);
  void wrote(bool ok);
  void received(bool ok);

  Loop& loop_;
  std::shared_ptr<grpc::Channel> channel_;
  Deliver deliver_;
  std::unique_ptr<Call> call_;
  std::deque<Waiting> waiting_;
  std::vector<std::uint64_t> cancels_;            // to be told
  std::unordered_map<std::uint64_t, Sent> sent_;  // by id, without a last answer
  std::size_t sent_bytes_ = 0;
  bool is_closed_ = false;
  Tag<Stream> started_{this, &Stream::started};
  Tag<Stream> accepted_{this, &Stream::accepted};
  Tag<Stream> wrote_{this, &Stream::wrote};
  Tag<Stream> received_{this, &Stream::received};
};

}  // namespace rift::client
