// Several keys read as one request: their answers are gathered until the last one is in. Each key is read by itself, so together they are no snapshot;
// what is promised of the whole is what is promised of the weakest. One key that misses its level makes the whole not done: a read has no effect,
// and nobody takes an absence for one. Bounded: a request has at most limits::batch_ops_max keys and answers bytes_max. Part of Reads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "replica/request.h"
#include "replica/turn.h"

namespace rift::ap {

class JointReads {
 public:
  static constexpr std::size_t bytes_max = limits::value_bytes_max + limits::key_bytes_max;  // one key of any size fits

  void begin(std::uint64_t joint, const Request& request);
  // The answer to the key at `place`. With the last one the request is answered.
  // `wait_for_disk`: of some key a version is told that is not on this disk yet.
  void gather(std::uint64_t joint, std::size_t place, Response response, bool wait_for_disk, Turn& turn);
  void cancel(RequestId request);

 private:
  struct Joint {
    RequestId request;
    std::vector<Item> items;
    std::size_t left = 0;
    std::size_t bytes = 0;
    bool wait_for_disk = false;
    std::optional<Response> failed;  // the first that was
    std::optional<Receipt> receipt;
  };
  static void weaken(std::optional<Receipt>& whole, const Receipt& part);
  static Response whole_of(Joint joint);

  std::map<std::uint64_t, Joint> joints_;
};

}  // namespace rift::ap
