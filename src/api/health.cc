// The standard health service: SERVING while the node is ready. Check only; Watch answers unimplemented, which clients take for healthy.
#include <optional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include "api/calls.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace rift::api {
namespace {

namespace v1 = grpc::health::v1;
using Async = v1::Health::WithAsyncMethod_Check<v1::Health::Service>;

class HealthCalls final : public Health {
 public:
  explicit HealthCalls(const Context& context) : context_(context) {}

  grpc::Service& service() override { return service_; }
  void start() override { accept(); }
  void stop() override { is_stopping_ = true; }
  void set_ready(bool ready) override { is_ready_ = ready; }

 private:
  void accept() {
    writer_.reset();
    request_.Clear();
    call_.emplace();
    writer_.emplace(&*call_);
    service_.RequestCheck(&*call_, &request_, &*writer_, context_.queue, context_.queue,
                          static_cast<Event*>(&accepted_));
  }
  void accepted(bool ok) {
    if (!ok) return;
    const std::string& name = request_.service();
    if (!name.empty() && name != "riftkv.v1.KvService" && name != "riftkv.v1.AdminService") {
      return writer_->FinishWithError({grpc::StatusCode::NOT_FOUND, "unknown service " + name},
                                      static_cast<Event*>(&finished_));
    }
    v1::HealthCheckResponse response;
    response.set_status(is_ready_ ? v1::HealthCheckResponse::SERVING : v1::HealthCheckResponse::NOT_SERVING);
    writer_->Finish(response, grpc::Status::OK, static_cast<Event*>(&finished_));
  }
  void finished(bool) {
    if (!is_stopping_) return accept();
    writer_.reset();
    call_.reset();
  }

  Context context_;
  Async service_;
  bool is_ready_ = false;
  bool is_stopping_ = false;
  v1::HealthCheckRequest request_;
  std::optional<grpc::ServerContext> call_;
  std::optional<grpc::ServerAsyncResponseWriter<v1::HealthCheckResponse>> writer_;
  Tag<HealthCalls> accepted_{this, &HealthCalls::accepted};
  Tag<HealthCalls> finished_{this, &HealthCalls::finished};
};

}  // namespace

std::unique_ptr<Health> make_health_calls(const Context& context) { return std::make_unique<HealthCalls>(context); }

}  // namespace rift::api
