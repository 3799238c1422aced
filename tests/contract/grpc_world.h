// Three transports on loopback, all run by the test's thread.
#pragma once

#include <map>

#include "tests/contract/network_suite.h"
#include "tests/contract/queue_executor.h"
#include "transport/transport.h"

namespace rift::contract {

class GrpcWorld final : public NetworkWorld {
 public:
  GrpcWorld() {
    for (std::uint32_t i = 1; i <= 3; ++i) open(NodeId(i), "127.0.0.1:0");
  }
  transport::Transport& transport(NodeId node) { return *nodes_.at(node); }
  env::Network& network(NodeId node) override { return *nodes_.at(node); }
  std::string address(NodeId node) override { return "127.0.0.1:" + std::to_string(nodes_.at(node)->port()); }
  bool run_until(const std::function<bool()>& done) override { return executor_.run_until(done); }
  void run_for(Duration span) override { executor_.run_for(span); }
  void restart(NodeId node) override {
    const std::string same = address(node);
    nodes_.at(node)->stop();
    nodes_.erase(node);
    open(node, same);
  }

 private:
  void open(NodeId node, const std::string& listen) {
    nodes_[node] = MUST(transport::Transport::create({.listen = listen, .executor = executor_, .log = *log_}));
  }
  QueueExecutor executor_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::map<NodeId, std::unique_ptr<transport::Transport>> nodes_;
};

}  // namespace rift::contract
