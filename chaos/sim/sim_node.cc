#include "chaos/sim/sim_node.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace rift::chaos::sim {
namespace {

// What the node logs, told with its name in virtual time.
class ToldLog final : public Log {
 public:
  ToldLog(World& world, NodeId id)
      : Log(world.is_narrated() ? LogLevel::info : LogLevel::off), world_(world), id_(id) {}
  void write(LogLevel, std::string_view event, std::string_view text) override {
    world_.tell(fmt::format("{}  {} {}", to_string(id_), event, text));
  }

 private:
  World& world_;
  NodeId id_;
};

}  // namespace

SimNode::SimNode(World& world, SimNetwork& network, const Options& options)
    : world_(world),
      network_(network),
      options_(options),
      disk_(world, options.disk, &fuse_),
      log_(std::make_unique<ToldLog>(world, options.id)) {}

Result<void> SimNode::start() {
  ASSERT(node_ == nullptr);
  ++life_;
  fuse_.renew();
  executor_ = std::make_unique<SimExecutor>(world_, options_.executor);
  disk_.attach(*executor_);
  port_ = network_.open(options_.id, *executor_, &fuse_);
  node_ = TRY(node::Node::create(
      {.self = options_.id, .dial = {}, .cp = options_.cp, .check_invariants = options_.check_invariants},
      node::Env{.clock = *executor_,
                .executor = *executor_,
                .storage = disk_,
                .network = *port_,
                .log = *log_,
                .seed = world_.random().next(),
                .recorder = &world_.recorder(),
                .fatal = [](const Error&) { ASSERT(false); }}));
  world_.trace("start", options_.id.value());
  world_.tell(fmt::format("{}  starts", to_string(options_.id)));
  return {};
}

void SimNode::crash(SimDisk::Crash kind) {
  world_.trace(kind == SimDisk::Crash::kill ? "kill" : "power_loss", options_.id.value());
  world_.tell(
      fmt::format("{}  {}", to_string(options_.id), kind == SimDisk::Crash::kill ? "is killed" : "loses power"));
  node_.reset();
  port_.reset();
  executor_.reset();
  disk_.crash(kind);
}

void SimNode::wipe() {
  crash(SimDisk::Crash::kill);
  disk_.wipe();
  world_.tell(fmt::format("{}  has another disk", to_string(options_.id)));
}

void SimNode::crash_soon(std::uint32_t steps, SimDisk::Crash kind, std::function<void()> down) {
  fuse_.light(steps, [this, kind, down = std::move(down), life = life_] {
    world_.at(world_.now(), [this, kind, down, life] {
      if (life != life_ || node_ == nullptr) return;
      MARK(&world_.recorder(), "sim.crash_inside_a_round");
      crash(kind);
      down();
    });
  });
}

void SimNode::set_clock_right() {
  if (executor_ != nullptr) executor_->set_wall_offset(options_.executor.wall_offset);
}

void SimNode::pause(Duration duration) {
  if (executor_ != nullptr) executor_->pause(world_.now() + duration);
}

void SimNode::stop_cleanly(std::function<void()> stopped) {
  node_->stop([this, life = life_, stopped = std::move(stopped)] {
    world_.at(world_.now(), [this, life, stopped] {
      if (life != life_ || node_ == nullptr) return;
      crash(SimDisk::Crash::kill);
      stopped();
    });
  });
}

}  // namespace rift::chaos::sim
