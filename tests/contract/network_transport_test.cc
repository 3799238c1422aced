// The network contract on gRPC.
#include "tests/contract/grpc_world.h"

namespace rift::contract {
namespace {

std::unique_ptr<NetworkWorld> make_grpc_world() { return std::make_unique<GrpcWorld>(); }

INSTANTIATE_TEST_SUITE_P(Grpc, NetworkContract, ::testing::Values(&make_grpc_world));

}  // namespace
}  // namespace rift::contract
