#include "api/api.h"

#include <algorithm>
#include <future>

#include <absl/synchronization/mutex.h>
#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "api/calls.h"
#include "api/port.h"
#include "base/limits.h"
#include "riftkv/v1/kv.grpc.pb.h"

namespace rift::api {
namespace {

constexpr auto drain_patience =
    std::chrono::milliseconds(500);  // for answers that the node still owes, and for slow readers
constexpr auto shutdown_grace = std::chrono::milliseconds(300);
constexpr int streams_per_connection_max = 4096;
constexpr int window_bytes = static_cast<int>(limits::mebi);  // of a stream

// research: a server that is left at its defaults kills clients that ping (GOAWAY "too many pings" after 4 s).
void set_arguments(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::grpc_message_bytes_max));
  builder.SetMaxSendMessageSize(static_cast<int>(limits::grpc_message_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_per_connection_max);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 500);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 1000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 100);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  // A fixed window instead of probes that guess one: each probe is a ping, a timer and two more wake-ups.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, window_bytes);
}

}  // namespace

class Api::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {}
  ~Impl() { shutdown(); }

  Result<void> start() {
    const HostPort wanted = TRY(split_address(options_.listen));
    TRY(probe_port(options_.listen));
    // Debian builds absl with its debugging of lock orders on: 5 % of a busy polling thread.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();  // idempotent
    grpc::ServerBuilder builder;
    set_arguments(builder);
    int port = 0;
    builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port);
    auto queue = builder.AddCompletionQueue();
    auto* const server_queue = queue.get();
    loop_ = std::make_unique<Loop>(std::move(queue), [this] { flush(); });
    const Context context{.loop = loop_.get(),
                          .queue = server_queue,
                          .front = options_.front,
                          .admin = options_.admin,
                          .log = options_.log};
    admin_ = make_admin_calls(context, addresses_);
    health_ = make_health_calls(context);
    builder.RegisterService(&kv_);
    builder.RegisterService(&admin_->service());
    builder.RegisterService(&health_->service());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      server_.reset();
      loop_->stop();
      return fail(Code::io, fmt::format("cannot listen on {}", options_.listen));
    }
    port_ = static_cast<std::uint16_t>(port);
    addresses_ = {
        .client = options_.client_address.empty() ? fmt::format("{}:{}", wanted.host, port) : options_.client_address,
        .peer = options_.peer_address};
    unary_ = make_unary_calls(context, kv_);
    pipe_ = make_pipe_calls(context, kv_);
    watch_ = make_watch_calls(context, kv_);
    for (Calls* calls : all()) calls->start();
    loop_->start();
    LOG_INFO(*options_.log, "api.listening", "address={} advertised={}", options_.listen, addresses_.client);
    return {};
  }

  void shutdown() {
    if (server_ == nullptr) return;
    drain();
    std::promise<void> stopped;
    loop_->mailbox()->post([this, &stopped] {
      for (Calls* calls : all()) calls->stop();
      stopped.set_value();
    });
    stopped.get_future().wait();
    server_->Shutdown(std::chrono::system_clock::now() + shutdown_grace);
    loop_->drop_and_stop();
    server_.reset();
    LOG_INFO(*options_.log, "api.stopped", "port={}", port_);
  }

  void set_ready(bool ready) {
    loop_->mailbox()->post([this, ready] { health_->set_ready(ready); });
  }
  std::uint16_t port() const { return port_; }
  std::string client_address() const { return addresses_.client; }

 private:
  std::array<Calls*, 5> all() { return {unary_.get(), pipe_.get(), watch_.get(), admin_.get(), health_.get()}; }
  // New requests are refused from here on; those that are open may still be answered. Until nothing is open, or the patience ends.
  void drain() {
    const auto drained = std::make_shared<std::promise<void>>();
    loop_->mailbox()->post([this, drained] {
      for (Calls* calls : all()) calls->drain();
      drained_ = drained;
    });
    if (drained->get_future().wait_for(drain_patience) == std::future_status::timeout)
      LOG_WARN(*options_.log, "api.not_drained", "some requests end without an answer");
  }

  void flush() {
    for (Calls* calls : all()) {
      if (calls != nullptr) calls->flush();
    }
    if (!drained_) return;
    const auto services = all();
    const bool is_drained = std::all_of(services.begin(), services.end(), [](Calls* it) { return it->is_drained(); });
    if (is_drained) std::exchange(drained_, nullptr)->set_value();
  }

  Options options_;
  Addresses addresses_;
  std::uint16_t port_ = 0;
  riftkv::v1::KvService::AsyncService kv_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Services> admin_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<Calls> unary_;
  std::unique_ptr<Calls> pipe_;
  std::unique_ptr<Calls> watch_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<std::promise<void>> drained_;  // while it is waited for
};

Api::Api(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Api::~Api() = default;

Result<std::unique_ptr<Api>> Api::create(Options options) {
  ASSERT(options.front != nullptr);
  ASSERT(options.admin != nullptr);
  ASSERT(options.log != nullptr);
  auto impl = std::make_unique<Impl>(std::move(options));
  TRY(impl->start());
  return std::unique_ptr<Api>(new Api(std::move(impl)));
}

std::uint16_t Api::port() const { return impl_->port(); }
std::string Api::client_address() const { return impl_->client_address(); }
void Api::set_ready(bool ready) { impl_->set_ready(ready); }
void Api::shutdown() { impl_->shutdown(); }

}  // namespace rift::api
