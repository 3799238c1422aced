// Public protobuf messages to and from the project's values. Pure; bad input is a typed error. Called on the polling thread.
#pragma once

#include "base/result.h"
#include "replica/front.h"
#include "replica/request.h"
#include "topology/catalog.h"

namespace grpc {
class Status;
}
namespace riftkv::v1 {
class Operation;
class Reply;
class Version;
class AlterKeyspaceRequest;
class CreateKeyspaceRequest;
class MemberChange;
class IdentityResponse;
class StatusResponse;
class ConflictsResponse;
class InspectKeyResponse;
class InspectResponse;
}  // namespace riftkv::v1

namespace rift::api {

// Moves key and value out of `operation`. Errors: invalid (no verb, unknown enum value, bad budget). Sizes are node's to judge.
Result<Request> to_request(RequestId id, riftkv::v1::Operation& operation);
void to_reply(Response&& response, riftkv::v1::Reply& reply);
void fill(const Version& version, riftkv::v1::Version& message);

Result<topology::KeyspaceWish> to_wish(const riftkv::v1::CreateKeyspaceRequest& message);
Result<topology::KeyspaceAlteration> to_alteration(const riftkv::v1::AlterKeyspaceRequest& message);
Result<topology::MemberChange> to_change(const riftkv::v1::MemberChange& message);
void fill(const NodeIdentity& identity, riftkv::v1::IdentityResponse& message);
void fill(const NodeStatus& status, riftkv::v1::StatusResponse& message);
void fill(const InspectPage& page, riftkv::v1::InspectResponse& message);
void fill(const KeyView& view, riftkv::v1::InspectKeyResponse& message);
void fill(const LossPage& page, riftkv::v1::ConflictsResponse& message);

// "code: why", under the nearest of gRPC's own codes.
grpc::Status to_status(const Error& error);

}  // namespace rift::api
