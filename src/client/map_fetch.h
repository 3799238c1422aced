// Fetches the map, one call at a time, from the nodes in turn. Polling thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "rpc/loop.h"
#include "topology/catalog.h"

namespace grpc {
class Channel;
}

namespace rift::client {

using rpc::Event;
using rpc::Loop;
using rpc::Tag;

class MapFetch {
 public:
  using Done = std::function<void(Result<topology::Catalog>)>;

  MapFetch(Loop& loop, Done done);
  ~MapFetch();

  bool is_running() const { return call_ != nullptr; }
  // None may be running.
  void start(const std::shared_ptr<grpc::Channel>& channel, Duration deadline);
  void cancel();

 private:
  struct Call;
  void finished(bool ok);

  Loop& loop_;
  Done done_;
  std::unique_ptr<Call> call_;
  Tag<MapFetch> finished_{this, &MapFetch::finished};
};

}  // namespace rift::client
