#include "client/map_fetch.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/async_unary_call.h>

#include "base/assert.h"
#include "client/convert.h"
#include "riftkv/v1/admin.grpc.pb.h"

namespace rift::client {

namespace v1 = riftkv::v1;

struct MapFetch::Call {
  grpc::ClientContext context;
  v1::CatalogResponse answer;
  grpc::Status status;
  std::unique_ptr<v1::AdminService::Stub> stub;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::CatalogResponse>> reader;
};

MapFetch::MapFetch(Loop& loop, Done done) : loop_(loop), done_(std::move(done)) {}
MapFetch::~MapFetch() { ASSERT(call_ == nullptr); }

void MapFetch::start(const std::shared_ptr<grpc::Channel>& channel, Duration deadline) {
  ASSERT(call_ == nullptr);
  call_ = std::make_unique<Call>();
  call_->context.set_deadline(std::chrono::system_clock::now() +
                              std::chrono::duration_cast<std::chrono::microseconds>(deadline));
  call_->stub = v1::AdminService::NewStub(channel);
  call_->reader = call_->stub->AsyncCatalog(&call_->context, v1::CatalogRequest(), loop_.queue());
  call_->reader->Finish(&call_->answer, &call_->status, static_cast<Event*>(&finished_));
}

void MapFetch::cancel() {
  if (call_ != nullptr) call_->context.TryCancel();
}

void MapFetch::finished(bool) {
  const auto call = std::move(call_);
  if (!call->status.ok()) return done_(tl::unexpected<Error>(to_error(call->status)));
  done_(to_catalog(call->answer.catalog()));
}

}  // namespace rift::client
