// AdminService: each call is handed to Admin, whose answer comes on any thread and finishes the call on the polling thread.
#include <map>

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include "api/calls.h"
#include "api/convert.h"
#include "base/limits.h"
#include "riftkv/v1/admin.grpc.pb.h"
#include "rpc/catalog.h"

namespace rift::api {
namespace {

namespace v1 = riftkv::v1;
using Async = v1::AdminService::AsyncService;

constexpr std::size_t calls_max = 1024;

class AdminCall {
 public:
  virtual ~AdminCall() = default;
  virtual void fail(const Error& error) = 0;
  virtual bool is_running() const = 0;
};

class AdminCalls final : public Services {
 public:
  AdminCalls(const Context& context, const Addresses& addresses) : context_(context), addresses_(addresses) {}

  grpc::Service& service() override { return service_; }
  void start() override;
  void stop() override {
    is_stopping_ = true;
    for (const auto& [id, call] : calls_) {
      if (call->is_running()) call->fail({Code::disconnected, "the node is stopping"});
    }
  }
  void flush() override {
    for (const std::uint64_t id : std::exchange(over_, {})) calls_.erase(id);
  }

  Async& async() { return service_; }
  Admin& admin() { return *context_.admin; }
  const Addresses& addresses() const { return addresses_; }
  grpc::ServerCompletionQueue* queue() { return context_.queue; }
  const std::shared_ptr<Mailbox>& mailbox() { return context_.loop->mailbox(); }
  bool is_stopping() const { return is_stopping_; }
  bool is_full() const { return calls_.size() > calls_max; }

  // Creates the call that waits for the next of its kind.
  template <class Call, class... Args>
  void accept(Args... args) {
    if (is_stopping_) return;
    const std::uint64_t id = next_id_++;
    calls_.emplace(id, std::make_unique<Call>(*this, id, args...));
  }
  AdminCall* find(std::uint64_t id) {
    const auto it = calls_.find(id);
    return it == calls_.end() ? nullptr : it->second.get();
  }
  void over(std::uint64_t id) { over_.push_back(id); }

 private:
  Context context_;
  const Addresses& addresses_;
  Async service_;
  std::map<std::uint64_t, std::unique_ptr<AdminCall>> calls_;
  std::vector<std::uint64_t> over_;
  std::uint64_t next_id_ = 1;
  bool is_stopping_ = false;
};

template <class Question, class Answer>
class TypedCall final : public AdminCall {
 public:
  using Self = TypedCall;
  using Writer = grpc::ServerAsyncResponseWriter<Answer>;
  using Accept = void (Async::*)(grpc::ServerContext*, Question*, Writer*, grpc::CompletionQueue*,
                                 grpc::ServerCompletionQueue*, void*);
  using Run = void (*)(AdminCalls&, const Question&, Self&);

  TypedCall(AdminCalls& owner, std::uint64_t id, Accept accept, Run run)
      : owner_(owner), id_(id), accept_(accept), run_(run) {
    (owner_.async().*accept_)(&context_, &question_, &writer_, owner_.queue(), owner_.queue(),
                              static_cast<Event*>(&accepted_));
  }

  bool is_running() const override { return is_running_; }
  void fail(const Error& error) override {
    is_running_ = false;
    writer_.FinishWithError(to_status(error), static_cast<Event*>(&finished_));
  }
  void finish(const Answer& answer) {
    is_running_ = false;
    writer_.Finish(answer, grpc::Status::OK, static_cast<Event*>(&finished_));
  }

  // The callback for Admin: any thread, once; `fill(answer, result)` runs on the polling thread.
  template <class T, class Fill>
  Admin::Done<T> done(Fill fill_answer) {
    return [mailbox = owner_.mailbox(), &owner = owner_, id = id_, fill_answer](Result<T> result) {
      mailbox->post([&owner, id, fill_answer, result = std::move(result)]() mutable {
        auto* call = static_cast<Self*>(owner.find(id));
        if (call == nullptr || !call->is_running_) return;
        if (!result) return call->fail(result.error());
        Answer answer;
        fill_answer(answer, result, owner.addresses());
        call->finish(answer);
      });
    };
  }

 private:
  void accepted(bool ok) {
    if (!ok) return owner_.over(id_);
    owner_.template accept<Self>(accept_, run_);
    is_running_ = true;
    if (owner_.is_stopping()) return fail({Code::not_ready, "the node is stopping"});
    if (owner_.is_full()) return fail({Code::overloaded, "too many administration calls at once"});
    run_(owner_, question_, *this);
  }
  void finished(bool) { owner_.over(id_); }

  AdminCalls& owner_;
  std::uint64_t id_;
  Accept accept_;
  Run run_;
  bool is_running_ = false;
  grpc::ServerContext context_;
  Question question_;
  Writer writer_{&context_};
  Tag<Self> accepted_{this, &Self::accepted};
  Tag<Self> finished_{this, &Self::finished};
};

void set_addresses(v1::IdentityResponse& identity, const Addresses& addresses) {
  identity.set_client_address(addresses.client);
  identity.set_peer_address(addresses.peer);
}

constexpr auto catalog_into = [](auto& answer, auto& catalog, const Addresses&) {
  rpc::fill(*catalog, *answer.mutable_catalog());
};

void identity(AdminCalls& calls, const v1::IdentityRequest&,
              TypedCall<v1::IdentityRequest, v1::IdentityResponse>& call) {
  calls.admin().identity(call.done<NodeIdentity>(
      [](v1::IdentityResponse& answer, Result<NodeIdentity>& result, const Addresses& addresses) {
        fill(*result, answer);
        set_addresses(answer, addresses);
      }));
}

void found(AdminCalls& calls, const v1::FoundRequest& question, TypedCall<v1::FoundRequest, v1::FoundResponse>& call) {
  v1::Catalog wish;
  *wish.mutable_cluster() = question.cluster();
  *wish.mutable_members() = question.members();
  auto members = rpc::to_catalog(wish);
  if (!members) return call.fail(members.error());
  if (members->cluster.is_zero()) return call.fail({Code::invalid, "a cluster id is not zero"});
  std::vector<topology::Member> founding;
  for (auto& [node, member] : members->members) founding.push_back(std::move(member));
  auto first = topology::found(members->cluster, std::move(founding), question.allow_teaching());
  if (!first) return call.fail(first.error());
  calls.admin().found(std::move(*first), call.done<void>([](v1::FoundResponse&, Result<void>&, const Addresses&) {}));
}

void catalog(AdminCalls& calls, const v1::CatalogRequest&, TypedCall<v1::CatalogRequest, v1::CatalogResponse>& call) {
  calls.admin().catalog(call.done<topology::Catalog>(catalog_into));
}

void create_keyspace(AdminCalls& calls, const v1::CreateKeyspaceRequest& question,
                     TypedCall<v1::CreateKeyspaceRequest, v1::CreateKeyspaceResponse>& call) {
  auto wish = to_wish(question);
  if (!wish) return call.fail(wish.error());
  calls.admin().create_keyspace(std::move(*wish), call.done<topology::Catalog>(catalog_into));
}

void drop_keyspace(AdminCalls& calls, const v1::DropKeyspaceRequest& question,
                   TypedCall<v1::DropKeyspaceRequest, v1::DropKeyspaceResponse>& call) {
  calls.admin().drop_keyspace(question.name(), call.done<topology::Catalog>(catalog_into));
}

void alter_keyspace(AdminCalls& calls, const v1::AlterKeyspaceRequest& question,
                    TypedCall<v1::AlterKeyspaceRequest, v1::AlterKeyspaceResponse>& call) {
  auto wish = to_alteration(question);
  if (!wish) return call.fail(wish.error());
  calls.admin().alter_keyspace(std::move(*wish), call.done<topology::Catalog>(catalog_into));
}

void change_members(AdminCalls& calls, const v1::ChangeMembersRequest& question,
                    TypedCall<v1::ChangeMembersRequest, v1::ChangeMembersResponse>& call) {
  auto change = to_change(question.change());
  if (!change) return call.fail(change.error());
  calls.admin().change_members(std::move(*change), call.done<topology::Catalog>(catalog_into));
}

void join(AdminCalls& calls, const v1::JoinRequest& question, TypedCall<v1::JoinRequest, v1::JoinResponse>& call) {
  auto catalog = rpc::to_catalog(question.catalog());
  if (!catalog) return call.fail(catalog.error());
  calls.admin().join(std::move(*catalog), call.done<void>([](v1::JoinResponse&, Result<void>&, const Addresses&) {}));
}

void transfer(AdminCalls& calls, const v1::TransferRequest& question,
              TypedCall<v1::TransferRequest, v1::TransferResponse>& call) {
  calls.admin().transfer(PartitionId(question.partition()), NodeId(question.to()),
                         call.done<void>([](v1::TransferResponse&, Result<void>&, const Addresses&) {}));
}

void recover(AdminCalls& calls, const v1::RecoverRequest& question,
             TypedCall<v1::RecoverRequest, v1::RecoverResponse>& call) {
  topology::AcceptedLoss loss{.epoch = MapEpoch(question.epoch()), .lost = {}, .survivors = {}};
  for (const std::uint32_t node : question.lost()) loss.lost.emplace_back(node);
  for (const auto& [partition, survivor] : question.survivors())
    loss.survivors[PartitionId(partition)] = NodeId(survivor);
  calls.admin().recover(std::move(loss), call.done<topology::Catalog>(catalog_into));
}

void status(AdminCalls& calls, const v1::StatusRequest&, TypedCall<v1::StatusRequest, v1::StatusResponse>& call) {
  calls.admin().status(
      call.done<NodeStatus>([](v1::StatusResponse& answer, Result<NodeStatus>& result, const Addresses& addresses) {
        fill(*result, answer);
        set_addresses(*answer.mutable_identity(), addresses);
      }));
}

void inspect(AdminCalls& calls, const v1::InspectRequest& question,
             TypedCall<v1::InspectRequest, v1::InspectResponse>& call) {
  const auto keys_max = question.keys_max() == 0
                            ? limits::scan_page_keys_max
                            : std::min<std::size_t>(question.keys_max(), limits::scan_page_keys_max);
  calls.admin().inspect(question.keyspace(), question.cursor(), static_cast<std::uint32_t>(keys_max),
                        call.done<InspectPage>([](v1::InspectResponse& answer, Result<InspectPage>& page,
                                                  const Addresses&) { fill(*page, answer); }));
}

void inspect_key(AdminCalls& calls, const v1::InspectKeyRequest& question,
                 TypedCall<v1::InspectKeyRequest, v1::InspectKeyResponse>& call) {
  calls.admin().inspect_key(question.keyspace(), Bytes(question.key()),
                            call.done<KeyView>([](v1::InspectKeyResponse& answer, Result<KeyView>& view,
                                                  const Addresses&) { fill(*view, answer); }));
}

void conflicts(AdminCalls& calls, const v1::ConflictsRequest& question,
               TypedCall<v1::ConflictsRequest, v1::ConflictsResponse>& call) {
  const auto losses_max = question.losses_max() == 0
                              ? limits::scan_page_keys_max
                              : std::min<std::size_t>(question.losses_max(), limits::scan_page_keys_max);
  calls.admin().conflicts(question.keyspace(), question.cursor(), static_cast<std::uint32_t>(losses_max),
                          call.done<LossPage>([](v1::ConflictsResponse& answer, Result<LossPage>& page,
                                                 const Addresses&) { fill(*page, answer); }));
}

void AdminCalls::start() {
  accept<TypedCall<v1::IdentityRequest, v1::IdentityResponse>>(&Async::RequestIdentity, &identity);
  accept<TypedCall<v1::FoundRequest, v1::FoundResponse>>(&Async::RequestFound, &found);
  accept<TypedCall<v1::CatalogRequest, v1::CatalogResponse>>(&Async::RequestCatalog, &catalog);
  accept<TypedCall<v1::CreateKeyspaceRequest, v1::CreateKeyspaceResponse>>(&Async::RequestCreateKeyspace,
                                                                           &create_keyspace);
  accept<TypedCall<v1::DropKeyspaceRequest, v1::DropKeyspaceResponse>>(&Async::RequestDropKeyspace, &drop_keyspace);
  accept<TypedCall<v1::AlterKeyspaceRequest, v1::AlterKeyspaceResponse>>(&Async::RequestAlterKeyspace, &alter_keyspace);
  accept<TypedCall<v1::ChangeMembersRequest, v1::ChangeMembersResponse>>(&Async::RequestChangeMembers, &change_members);
  accept<TypedCall<v1::JoinRequest, v1::JoinResponse>>(&Async::RequestJoin, &join);
  accept<TypedCall<v1::RecoverRequest, v1::RecoverResponse>>(&Async::RequestRecover, &recover);
  accept<TypedCall<v1::TransferRequest, v1::TransferResponse>>(&Async::RequestTransfer, &transfer);
  accept<TypedCall<v1::StatusRequest, v1::StatusResponse>>(&Async::RequestStatus, &status);
  accept<TypedCall<v1::InspectRequest, v1::InspectResponse>>(&Async::RequestInspect, &inspect);
  accept<TypedCall<v1::InspectKeyRequest, v1::InspectKeyResponse>>(&Async::RequestInspectKey, &inspect_key);
  accept<TypedCall<v1::ConflictsRequest, v1::ConflictsResponse>>(&Async::RequestConflicts, &conflicts);
}

}  // namespace

std::unique_ptr<Services> make_admin_calls(const Context& context, const Addresses& addresses) {
  return std::make_unique<AdminCalls>(context, addresses);
}

}  // namespace rift::api
