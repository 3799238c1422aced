// Task: a move-only callable without arguments, run once (std::move_only_function is C++23).
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace rift {

class Task {
 public:
  Task() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Task>) Task(F&& function)
      : body_(std::make_unique<Body<std::remove_cvref_t<F>>>(std::forward<F>(function))) {}

  explicit operator bool() const { return body_ != nullptr; }
  void operator()() {
    ASSERT(body_ != nullptr);
    auto body = std::move(body_);
    body->run();
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct Body final : Base {
    explicit Body(F function) : function_(std::move(function)) {}
    void run() override { function_(); }
    F function_;
  };
  std::unique_ptr<Base> body_;
};

}  // namespace rift
