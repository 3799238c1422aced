// The public gRPC server of a node: KvService (unary calls and the Pipe stream), AdminService, health, reflection. It converts and hands
// on, and decides nothing about data. server creates it and owns what `front` and `admin` stand for; both are called from this room's one
// polling thread and must only post. Answers may come on any thread.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "replica/front.h"

namespace rift::api {

struct Options {
  std::string listen = "127.0.0.1:0";  // port 0: any free one
  std::string client_address;          // advertised; empty: the bound address
  std::string peer_address;            // advertised
  Front* front = nullptr;              // required, outlives the Api
  Admin* admin = nullptr;              // required, outlives the Api
  Log* log = nullptr;                  // required, outlives the Api
};

class Api {
 public:
  // Listening and serving on return. Errors: io with the reason (port busy, bad address) in one line.
  static Result<std::unique_ptr<Api>> create(Options options);
  ~Api();  // shutdown()
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  std::uint16_t port() const;
  std::string client_address() const;
  // What the health service answers. From any thread.
  void set_ready(bool ready);
  // Refuses what comes as `not_ready`, lets what is open be answered for half a second, ends every call (what then has no answer: unknown),
  // detaches the sinks and joins the thread; within about a second. Once. The Front should have come to rest before.
  void shutdown();

 private:
  class Impl;
  explicit Api(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rift::api
