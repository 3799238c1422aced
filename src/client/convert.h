// The project's values to and from public protobuf messages, as a client sees them. Pure; what a server sends is judged, not trusted.
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
class Catalog;
class AlterKeyspaceRequest;
class CreateKeyspaceRequest;
class MemberChange;
class IdentityResponse;
class StatusResponse;
class ConflictsResponse;
class InspectKeyResponse;
class InspectResponse;
}  // namespace riftkv::v1

namespace rift::client {

void fill(const Request& request, riftkv::v1::Operation& operation);
Response to_response(RequestId id, riftkv::v1::Reply& reply);
Version to_version(const riftkv::v1::Version& message);

void fill(const topology::KeyspaceWish& wish, riftkv::v1::CreateKeyspaceRequest& message);
void fill(const topology::KeyspaceAlteration& wish, riftkv::v1::AlterKeyspaceRequest& message);
void fill(const topology::MemberChange& change, riftkv::v1::MemberChange& message);
// Errors: corruption (a map that no node would hand out).
Result<topology::Catalog> to_catalog(const riftkv::v1::Catalog& message);
NodeIdentity to_identity(const riftkv::v1::IdentityResponse& message);
NodeStatus to_node_status(const riftkv::v1::StatusResponse& message);
InspectPage to_page(const riftkv::v1::InspectResponse& message);
KeyView to_key_view(const riftkv::v1::InspectKeyResponse& message);
LossPage to_loss_page(const riftkv::v1::ConflictsResponse& message);

// The code that the server put in front, else the nearest to gRPC's own.
Error to_error(const grpc::Status& status);

}  // namespace rift::client
