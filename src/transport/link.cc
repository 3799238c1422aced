#include "transport/link.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "base/limits.h"
#include "transport/channel.h"
#include "transport/codec.h"

namespace rift::transport {
namespace {

using std::chrono::milliseconds;

constexpr Duration reopen_delay = milliseconds(50);
constexpr Duration refused_delay = milliseconds(500);  // the peer answered and does not want us
constexpr std::size_t message_bytes_soft = 512 * limits::kibi;

const char* lane_name(env::Lane lane) {
  switch (lane) {
    case env::Lane::control:
      return "control";
    case env::Lane::data:
      return "data";
    case env::Lane::bulk:
      return "bulk";
  }
  return "?";
}

class StreamLink final : public Link {
 public:
  explicit StreamLink(Options options) : options_(std::move(options)), stub_(make_channel(options_.address)) { dial(); }

  void pump() override {
    if (!up_ || broken_ || writing_) return;
    const auto frames = options_.queue->take(message_bytes_soft);
    if (frames.empty()) return;
    write(frames);
  }

  void close() override {
    closing_ = true;
    if (waiting_) timer_.cancel();
    if (context_) context_->TryCancel();
    break_stream();
    settle();
  }

 private:
  void dial() {
    context_ = std::make_unique<grpc::ClientContext>();
    context_->AddMetadata(lane_key, std::to_string(static_cast<int>(options_.lane)));
    context_->set_wait_for_ready(true);
    stream_ = stub_.PrepareCall(context_.get(), connect_method, &options_.poller.queue());
    broken_ = false;
    starting_ = true;
    stream_->StartCall(&started_);
  }

  void on_started(bool ok) {
    starting_ = false;
    if (!ok || broken_) {
      broken_ = true;
    } else {
      const Bytes hello = options_.hello();
      write({&hello, 1});
      read();
    }
    settle();
  }

  void write(std::span<const Bytes> frames) {
    writing_ = true;
    stream_->Write(encode_frames(frames), &written_);
  }

  void on_written(bool ok) {
    writing_ = false;
    if (!ok) break_stream();
    pump();
    settle();
  }

  void read() {
    reading_ = true;
    stream_->Read(&incoming_, &read_);
  }

  // The peer's first message says that we are accepted; it sends nothing after it, and what it may send is not looked at.
  void on_read(bool ok) {
    reading_ = false;
    if (!ok || broken_) {
      break_stream();
      settle();
      return;
    }
    if (!up_) come_up();
    read();
    pump();
  }

  void come_up() {
    up_ = true;
    options_.queue->open();
    LOG_INFO(options_.log, "transport.link_up", "peer={} lane={} address={}", to_string(options_.peer),
             lane_name(options_.lane), options_.address);
    options_.delivery->link_up(options_.peer, options_.lane);
  }

  // The call has ended, or is cancelled: what is under way comes back by itself. (A cancel here would hide the peer's reason.)
  void break_stream() {
    broken_ = true;
    if (!up_) return;
    up_ = false;
    options_.queue->close();
    LOG_INFO(options_.log, "transport.link_down", "peer={} lane={}", to_string(options_.peer),
             lane_name(options_.lane));
    options_.delivery->link_down(options_.peer, options_.lane);
  }

  // Goes on with the end of the stream once none of its operations is under way.
  void settle() {
    if (!broken_ || starting_ || reading_ || writing_ || finishing_ || waiting_) return;
    if (stream_) {
      finishing_ = true;
      stream_->Finish(&status_, &finished_);
    } else if (closing_ && !closed_) {
      closed_ = true;
      options_.poller.defer(options_.on_closed);
    }
  }

  void on_finished(bool) {
    finishing_ = false;
    stream_.reset();
    context_.reset();
    if (!closing_) {
      const bool gone = status_.error_code() == grpc::StatusCode::UNAVAILABLE ||
                        status_.error_code() == grpc::StatusCode::CANCELLED || status_.ok();
      if (!gone && status_.error_message() != last_refusal_) {
        last_refusal_ = status_.error_message();
        LOG_WARN(options_.log, "transport.link_refused", "peer={} lane={} address={}: {}", to_string(options_.peer),
                 lane_name(options_.lane), options_.address, last_refusal_);
      }
      waiting_ = true;
      timer_.arm(options_.poller.queue(), gone ? reopen_delay : refused_delay, due_);
    }
    settle();
  }

  void on_due(bool) {
    waiting_ = false;
    if (closing_) {
      settle();
    } else {
      dial();
    }
  }

  const Options options_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  std::string last_refusal_;  // said once, not twice a second
  Timer timer_;

  bool up_ = false;       // accepted
  bool broken_ = false;   // the stream is to end
  bool closing_ = false;  // no redial
  bool closed_ = false;
  // Operations under way.
  bool starting_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool finishing_ = false;
  bool waiting_ = false;
  Completion<StreamLink> started_{*this, &StreamLink::on_started};
  Completion<StreamLink> written_{*this, &StreamLink::on_written};
  Completion<StreamLink> read_{*this, &StreamLink::on_read};
  Completion<StreamLink> finished_{*this, &StreamLink::on_finished};
  Completion<StreamLink> due_{*this, &StreamLink::on_due};
};

}  // namespace

std::unique_ptr<Link> Link::open(Options options) { return std::make_unique<StreamLink>(std::move(options)); }

}  // namespace rift::transport
