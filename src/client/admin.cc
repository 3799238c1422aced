#include "client/admin.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "base/assert.h"
#include "client/channel.h"
#include "client/convert.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "riftkv/v1/admin.grpc.pb.h"
#include "rpc/catalog.h"

namespace rift {

namespace v1 = riftkv::v1;

class AdminClient::Impl {
 public:
  Impl(const std::string& endpoint, Duration deadline)
      : channel(client::make_channel(endpoint)),
        stub(v1::AdminService::NewStub(channel)),
        health(grpc::health::v1::Health::NewStub(channel)),
        deadline_(deadline) {}

  template <class Stub, class Question, class Answer>
  Result<void> call(Stub& on, grpc::Status (Stub::*method)(grpc::ClientContext*, const Question&, Answer*),
                    const Question& question, Answer& answer) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::microseconds>(deadline_));
    const grpc::Status status = (on.*method)(&context, question, &answer);
    if (!status.ok()) return tl::unexpected<Error>(client::to_error(status));
    return {};
  }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::AdminService::Stub> stub;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;

 private:
  Duration deadline_;
};

AdminClient::AdminClient(const std::string& endpoint, Duration deadline)
    : impl_(std::make_unique<Impl>(endpoint, deadline)) {}
AdminClient::~AdminClient() = default;
AdminClient::AdminClient(AdminClient&&) noexcept = default;
AdminClient& AdminClient::operator=(AdminClient&&) noexcept = default;

Result<void> AdminClient::wait_until_reachable(Duration limit) {
  const auto until = std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::microseconds>(limit);
  if (impl_->channel->WaitForConnected(until)) return {};
  return fail(Code::unreachable, "no connection");
}

Result<bool> AdminClient::healthy() {
  grpc::health::v1::HealthCheckResponse answer;
  TRY(impl_->call(*impl_->health, &grpc::health::v1::Health::Stub::Check, grpc::health::v1::HealthCheckRequest(),
                  answer));
  return answer.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

Result<IdentityReply> AdminClient::identity() {
  v1::IdentityResponse answer;
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::Identity, v1::IdentityRequest(), answer));
  return IdentityReply{client::to_identity(answer), answer.client_address(), answer.peer_address()};
}

Result<void> AdminClient::found(const ClusterId& cluster, const std::vector<topology::Member>& members,
                                bool allow_teaching) {
  v1::FoundRequest question;
  v1::FoundResponse answer;
  rpc::fill(cluster, *question.mutable_cluster());
  for (const topology::Member& member : members) rpc::fill(member, *question.add_members());
  question.set_allow_teaching(allow_teaching);
  return impl_->call(*impl_->stub, &v1::AdminService::Stub::Found, question, answer);
}

Result<topology::Catalog> AdminClient::catalog() {
  v1::CatalogResponse answer;
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::Catalog, v1::CatalogRequest(), answer));
  return client::to_catalog(answer.catalog());
}

Result<topology::Catalog> AdminClient::create_keyspace(const topology::KeyspaceWish& wish) {
  v1::CreateKeyspaceRequest question;
  v1::CreateKeyspaceResponse answer;
  client::fill(wish, question);
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::CreateKeyspace, question, answer));
  return client::to_catalog(answer.catalog());
}

Result<topology::Catalog> AdminClient::drop_keyspace(const std::string& name) {
  v1::DropKeyspaceRequest question;
  v1::DropKeyspaceResponse answer;
  question.set_name(name);
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::DropKeyspace, question, answer));
  return client::to_catalog(answer.catalog());
}

Result<topology::Catalog> AdminClient::alter_keyspace(const topology::KeyspaceAlteration& wish) {
  v1::AlterKeyspaceRequest question;
  v1::AlterKeyspaceResponse answer;
  client::fill(wish, question);
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::AlterKeyspace, question, answer));
  return client::to_catalog(answer.catalog());
}

Result<topology::Catalog> AdminClient::change_members(const topology::MemberChange& change) {
  v1::ChangeMembersRequest question;
  v1::ChangeMembersResponse answer;
  client::fill(change, *question.mutable_change());
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::ChangeMembers, question, answer));
  return client::to_catalog(answer.catalog());
}

Result<void> AdminClient::join(const topology::Catalog& catalog) {
  v1::JoinRequest question;
  v1::JoinResponse answer;
  rpc::fill(catalog, *question.mutable_catalog());
  return impl_->call(*impl_->stub, &v1::AdminService::Stub::Join, question, answer);
}

Result<void> AdminClient::transfer(PartitionId partition, NodeId to) {
  v1::TransferRequest question;
  v1::TransferResponse answer;
  question.set_partition(partition.value());
  question.set_to(to.value());
  return impl_->call(*impl_->stub, &v1::AdminService::Stub::Transfer, question, answer);
}

Result<topology::Catalog> AdminClient::recover(const topology::AcceptedLoss& loss) {
  v1::RecoverRequest question;
  v1::RecoverResponse answer;
  question.set_epoch(loss.epoch.value());
  for (const NodeId node : loss.lost) question.add_lost(node.value());
  for (const auto& [partition, survivor] : loss.survivors)
    (*question.mutable_survivors())[partition.value()] = survivor.value();
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::Recover, question, answer));
  return client::to_catalog(answer.catalog());
}

Result<StatusReply> AdminClient::status() {
  v1::StatusResponse answer;
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::Status, v1::StatusRequest(), answer));
  return StatusReply{client::to_node_status(answer), answer.identity().client_address(),
                     answer.identity().peer_address()};
}

Result<InspectPage> AdminClient::inspect(const std::string& keyspace, const std::string& cursor,
                                         std::uint32_t keys_max) {
  v1::InspectRequest question;
  v1::InspectResponse answer;
  question.set_keyspace(keyspace);
  question.set_cursor(cursor);
  question.set_keys_max(keys_max);
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::Inspect, question, answer));
  return client::to_page(answer);
}

Result<KeyView> AdminClient::inspect_key(const std::string& keyspace, const std::string& key) {
  v1::InspectKeyRequest question;
  v1::InspectKeyResponse answer;
  question.set_keyspace(keyspace);
  question.set_key(key);
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::InspectKey, question, answer));
  return client::to_key_view(answer);
}

Result<LossPage> AdminClient::conflicts(const std::string& keyspace, const std::string& cursor,
                                        std::uint32_t losses_max) {
  v1::ConflictsRequest question;
  v1::ConflictsResponse answer;
  question.set_keyspace(keyspace);
  question.set_cursor(cursor);
  question.set_losses_max(losses_max);
  TRY(impl_->call(*impl_->stub, &v1::AdminService::Stub::Conflicts, question, answer));
  return client::to_loss_page(answer);
}

}  // namespace rift
