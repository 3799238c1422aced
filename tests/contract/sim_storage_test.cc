// The storage contract on the simulator's disk.
#include "chaos/sim/sim_disk.h"
#include "chaos/sim/sim_executor.h"
#include "tests/contract/storage_suite.h"

namespace rift::contract {
namespace {

using chaos::sim::SimDisk;
using chaos::sim::SimExecutor;
using chaos::sim::World;

class SimStorageWorld final : public StorageWorld {
 public:
  SimStorageWorld() { open(); }
  env::Engine& engine() override { return disk_; }
  bool run_until(const std::function<bool()>& done) override {
    const Time end = world_.now() + std::chrono::seconds(60);
    while (!done() && world_.now() < end) world_.run_for(std::chrono::milliseconds(1));
    return done();
  }
  void kill_and_reopen() override {
    disk_.crash(SimDisk::Crash::kill);
    open();
  }
  void close_and_reopen() override {
    bool durable = false;
    disk_.sync([&] { durable = true; });
    ASSERT_TRUE(run_until([&] { return durable; }));
    kill_and_reopen();
  }

 private:
  void open() {
    executor_ = std::make_unique<SimExecutor>(world_, SimExecutor::Options{});
    disk_.attach(*executor_);
  }
  World world_{1};
  SimDisk disk_{world_, SimDisk::Options{}};
  std::unique_ptr<SimExecutor> executor_;
};

std::unique_ptr<StorageWorld> make_sim_world() { return std::make_unique<SimStorageWorld>(); }

INSTANTIATE_TEST_SUITE_P(SimDisk, StorageContract, ::testing::Values(&make_sim_world));

}  // namespace
}  // namespace rift::contract
