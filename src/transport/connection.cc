#include "transport/connection.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include "base/limits.h"
#include "transport/channel.h"
#include "transport/codec.h"

namespace rift::transport {
namespace {

std::optional<env::Lane> lane_of(const grpc::ServerContext& context) {
  const auto found = context.client_metadata().find(lane_key);
  if (found == context.client_metadata().end() || found->second.size() != 1) return std::nullopt;
  const int lane = found->second.data()[0] - '0';
  if (lane < 0 || lane >= static_cast<int>(env::lane_count)) return std::nullopt;
  return static_cast<env::Lane>(lane);
}

// What the shard has been handed and has not yet seen.
struct InFlight {
  Mutex mutex;  // the polling thread adds, the shard's thread takes away
  std::size_t bytes GUARDED_BY(mutex) = 0;
  bool paused GUARDED_BY(mutex) = false;
};

class StreamConnection final : public Connection {
 public:
  explicit StreamConnection(Options options) : options_(std::move(options)), stream_(&context_) {
    auto& queue = options_.poller->queue();
    requesting_ = true;
    options_.service.RequestCall(&context_, &stream_, &queue, &queue, &requested_);
  }

  void decided(bool accepted) override {
    if (ending_) {
      if (accepted) options_.delivery->closed(options_.id);
      return;
    }
    if (!accepted) {
      ++counters().turned_away;
      finish({grpc::StatusCode::PERMISSION_DENIED, "the node does not accept this peer"});
      return;
    }
    accepted_ = true;
    timer_.cancel();
    ++counters().connections;
    writing_ = true;
    stream_.Write(encode_frames({}), &written_);
    read();
  }

  void resume() override {
    if (!ending_ && !reading_) read();
  }

  void end() override {
    if (requesting_) return;  // the server's shutdown completes it
    finish({grpc::StatusCode::UNAVAILABLE, "the node stops"});
  }

 private:
  ReceiveCounters& counters() { return options_.counters[static_cast<std::size_t>(lane_)]; }

  void on_requested(bool ok) {
    requesting_ = false;
    if (!ok) {  // the server has shut down
      options_.poller->defer(options_.on_closed);
      return;
    }
    const bool welcome = options_.on_opened();
    const auto lane = lane_of(context_);
    if (context_.method() != connect_method) {
      finish({grpc::StatusCode::UNIMPLEMENTED, "this port is for other nodes: clients use the node's client address"});
    } else if (!lane) {
      finish({grpc::StatusCode::INVALID_ARGUMENT, "unknown lane"});
    } else if (!welcome) {
      finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many connections"});
    } else {
      lane_ = *lane;
      waiting_ = true;
      timer_.arm(options_.poller->queue(), options_.hello_patience, due_);
      read();
    }
  }

  void on_due(bool) {
    waiting_ = false;
    if (ending_ || !accepted_) finish(grpc::Status::CANCELLED);
  }

  void read() {
    reading_ = true;
    stream_.Read(&incoming_, &read_);
  }

  void on_read(bool ok) {
    reading_ = false;
    if (!ok || ending_) {
      finish(grpc::Status::OK);
      return;
    }
    auto frames = decode_frames(incoming_);
    incoming_.Clear();
    if (!frames) {
      turn_out(frames.error().detail);
    } else if (accepted_) {
      deliver(std::move(*frames));
    } else if (frames->size() == 1) {
      ask(frames->front());
    } else {
      turn_out("the first message must hold one frame");
    }
  }

  void turn_out(const std::string& why) {
    ++counters().malformed;
    finish({grpc::StatusCode::INVALID_ARGUMENT, why});
  }

  // Reads nothing more until the shard has decided.
  void ask(Bytes hello) {
    auto answer = [id = options_.id, poller = options_.poller, delivery = options_.delivery,
                   with_self = options_.with_self](bool accepted) {
      poller->post([=] {
        with_self([&](Connection* self) {
          if (self != nullptr) {
            self->decided(accepted);
          } else if (accepted) {
            delivery->closed(id);
          }
        });
      });
    };
    options_.delivery->accept(options_.id, lane_, std::move(hello), std::move(answer));
  }

  void deliver(std::vector<Bytes> frames) {
    std::size_t bytes = 0;
    for (const Bytes& frame : frames) bytes += frame.size();
    counters().frames += frames.size();
    counters().bytes += bytes;
    bool paused = false;
    {
      const Lock lock(in_flight_->mutex);
      in_flight_->bytes += bytes;
      paused = in_flight_->paused = in_flight_->bytes > limits::connection_in_flight_bytes_max;
    }
    auto consumed = [bytes, in_flight = in_flight_, poller = options_.poller, with_self = options_.with_self] {
      {
        const Lock lock(in_flight->mutex);
        in_flight->bytes -= bytes;
        if (!in_flight->paused || in_flight->bytes > limits::connection_in_flight_bytes_max / 2) return;
        in_flight->paused = false;
      }
      poller->post([=] {
        with_self([](Connection* self) {
          if (self != nullptr) self->resume();
        });
      });
    };
    options_.delivery->receive(options_.id, lane_, std::move(frames), std::move(consumed));
    if (!paused) read();
  }

  void on_written(bool ok) {
    writing_ = false;
    if (!ok || ending_) finish(grpc::Status::OK);
  }

  // The first reason counts. Ends the call when none of its operations is under way.
  void finish(const grpc::Status& status) {
    if (!ending_) {
      ending_ = true;
      status_ = status;
      if (accepted_) {
        --counters().connections;
        options_.delivery->closed(options_.id);
      }
      if (waiting_) timer_.cancel();
      if (reading_ || writing_) context_.TryCancel();
    }
    if (reading_ || writing_ || waiting_ || finishing_) return;
    finishing_ = true;
    stream_.Finish(status_, &finished_);
  }

  void on_finished(bool) { options_.poller->defer(options_.on_closed); }

  const Options options_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  Timer timer_;
  env::Lane lane_ = env::Lane::control;
  std::shared_ptr<InFlight> in_flight_ = std::make_shared<InFlight>();

  bool accepted_ = false;
  bool ending_ = false;
  // Operations under way.
  bool requesting_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool waiting_ = false;
  bool finishing_ = false;
  Completion<StreamConnection> due_{*this, &StreamConnection::on_due};
  Completion<StreamConnection> requested_{*this, &StreamConnection::on_requested};
  Completion<StreamConnection> read_{*this, &StreamConnection::on_read};
  Completion<StreamConnection> written_{*this, &StreamConnection::on_written};
  Completion<StreamConnection> finished_{*this, &StreamConnection::on_finished};
};

}  // namespace

std::unique_ptr<Connection> Connection::await(Options options) {
  return std::make_unique<StreamConnection>(std::move(options));
}

}  // namespace rift::transport
