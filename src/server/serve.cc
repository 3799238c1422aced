#include "server/serve.h"

#include <csignal>
#include <cstdlib>
#include <future>
#include <random>

#include <fmt/format.h>

#include "api/api.h"
#include "engine/engine.h"
#include "node/amnesia.h"
#include "node/node.h"
#include "reactor/reactor.h"
#include "server/config.h"
#include "server/http.h"
#include "server/posted_front.h"
#include "transport/transport.h"

namespace rift::server {
namespace {

constexpr std::chrono::seconds stop_patience{5};
constexpr std::chrono::seconds ready_patience{60};

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// SIGTERM and SIGINT are waited for, not handled: blocked before the first thread starts, so that all threads inherit it.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int refuse_to_start(const Error& error) {
  fmt::print(stderr, "rift serve: {}\n", error.detail);
  return 1;
}

// The parts of a running node, made in this order and taken down in reverse.
struct Process {
  std::unique_ptr<Log> log;
  std::unique_ptr<reactor::Reactor> reactor;
  std::unique_ptr<engine::RocksEngine> engine;
  std::unique_ptr<transport::Transport> transport;
  std::unique_ptr<node::Node> node;
  std::unique_ptr<PostedFront> front;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<Http> http;
};

Result<void> make_store(const Config& config, Process& process) {
  process.engine = TRY(engine::RocksEngine::create(engine::Options{
      .path = config.data + "/store",
      .executor = process.reactor->executor(),
      .log = *process.log,
      .amnesia =
          engine::Options::Amnesia{.table = env::Table::meta, .key = node::amnesia_key(), .value = Bytes("1")}}));
  return {};
}

Result<void> make_node(const Config& config, Process& process) {
  process.transport = TRY(transport::Transport::create(
      {.listen = config.peer_listen, .executor = process.reactor->executor(), .log = *process.log}));
  process.node = TRY(node::Node::create(
      {.self = config.node, .dial = config.dial},
      node::Env{.clock = process.reactor->clock(),
                .executor = process.reactor->executor(),
                .storage = *process.engine,
                .network = *process.transport,
                .log = *process.log,
                .seed = random_seed(),
                .recorder = nullptr,
                .fatal = [&log = *process.log](const Error& error) {
                  LOG_ERROR(log, "node.store_failed", "{}", error.detail);
                  std::_Exit(1);  // nothing may run on: what is in memory is no longer what is on disk
                }}));
  process.front = std::make_unique<PostedFront>(process.reactor->executor(), *process.node, *process.node);
  return {};
}

std::string with_port(const std::string& address, std::uint16_t port) {
  return fmt::format("{}:{}", address.substr(0, address.rfind(':')), port);
}

Result<void> make_fronts(const Config& config, Process& process) {
  const std::string peer_bound = with_port(config.peer_listen, process.transport->port());
  process.api =
      TRY(api::Api::create({.listen = config.listen,
                            .client_address = config.advertise,
                            .peer_address = config.peer_advertise.empty() ? peer_bound : config.peer_advertise,
                            .front = process.front.get(),
                            .admin = process.front.get(),
                            .log = process.log.get()}));
  if (!config.http.empty()) process.http = TRY(Http::create({.listen = config.http, .admin = *process.front}));
  return {};
}

// Ready: the node's own disk has been read and made durable.
Result<void> wait_until_started(Process& process) {
  auto started = std::make_shared<std::promise<void>>();
  auto poll = std::make_shared<std::function<void()>>();
  *poll = [&process, started, weak = std::weak_ptr(poll)] {
    if (process.node->ready()) return started->set_value();
    if (const auto again = weak.lock()) process.reactor->executor().post([again] { (*again)(); });
  };
  process.reactor->executor().post([poll] { (*poll)(); });
  if (started->get_future().wait_for(ready_patience) != std::future_status::ready) {
    return fail(Code::io, "the store was not durable within a minute: is the disk stalled?");
  }
  return {};
}

void announce(const Config& config, const Process& process) {
  fmt::print("{{\"event\":\"listening\",\"node\":{},\"listen\":\"{}\",\"peer_listen\":\"{}\",\"http\":\"{}\"}}\n",
             config.node.value(), with_port(config.listen, process.api->port()),
             with_port(config.peer_listen, process.transport->port()),
             process.http ? with_port(config.http, process.http->port()) : "");
  std::fflush(stdout);
}

void stop(Process& process) {
  process.api->set_ready(false);
  auto stopped = std::make_shared<std::promise<void>>();
  process.reactor->executor().post([&process, stopped] { process.node->stop([stopped] { stopped->set_value(); }); });
  if (stopped->get_future().wait_for(stop_patience) != std::future_status::ready) {
    LOG_WARN(*process.log, "server.unclean_stop", "the node did not come to rest within {} s", stop_patience.count());
  }
  process.api->shutdown();
  process.transport->stop();
  process.reactor->stop();
  process.reactor->join();
  process.http.reset();  // after the shard: its answers to /status come from there
}

Result<void> run(const Config& config, Process& process, const sigset_t& signals) {
  process.log = TRY(make_process_log(config.log_level, to_string(config.node), config.log_path));
  process.reactor = TRY(reactor::Reactor::create("rift-shard-0"));
  TRY(make_store(config, process));
  TRY(make_node(config, process));
  TRY(process.reactor->start());
  auto ready = wait_until_started(process);
  if (ready) ready = make_fronts(config, process);
  if (!ready) {
    process.transport->stop();
    process.reactor->stop();
    process.reactor->join();
    return ready;
  }
  process.api->set_ready(true);
  announce(config, process);
  int signal = 0;
  sigwait(&signals, &signal);
  LOG_INFO(*process.log, "server.stopping", "signal={}", signal);
  stop(process);
  return {};
}

// gRPC's own choice, one epoll set for all, wakes any of our polling threads for any connection, and it hands over to the right one. With
// poll each wakes for its own. GRPC_POLL_STRATEGY=epoll1 in the environment takes it back, to compare with `rift bench --clients`.
void choose_grpc_polling() { ::setenv("GRPC_POLL_STRATEGY", "poll", /*overwrite=*/0); }

}  // namespace

int serve(const ServeOptions& options) {
  const sigset_t signals = block_stop_signals();
  choose_grpc_polling();  // before the first thread, and before gRPC starts
  const auto config =
      load_config({.path = options.config_path, .overrides = options.overrides, .environment = rift_environment()});
  if (!config) return refuse_to_start(config.error());
  Process process;
  const auto ran = run(*config, process, signals);
  if (!ran) return refuse_to_start(ran.error());
  return 0;
}

}  // namespace rift::server
