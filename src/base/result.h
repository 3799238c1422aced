// Result<T>: a value or an Error. The only error channel of the project; third-party exceptions are caught in the room that
// owns the library. TRY(expr) returns early on an error; MUST(expr) is for tests and main.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "base/assert.h"
#include "base/outcome.h"

namespace rift {

// What went wrong, for a program (code) and for a person (detail: what, where, what to do).
struct Error {
  Code code = Code::invalid;
  std::string detail;
  friend bool operator==(const Error&, const Error&) = default;
};

// A class of its own, because a bare alias of tl::expected is not nodiscard (STYLE 1).
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> base) : tl::expected<T, Error>(std::move(base)) {}
};

inline tl::unexpected<Error> fail(Code code, std::string detail) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}

namespace detail {
template <class T>
T take(tl::expected<T, Error>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
}  // namespace detail

}  // namespace rift

// The value of `expression`, or an early return of its error. One per statement; not in coroutines.
#define TRY(expression)                                                                     \
  __extension__({                                                                           \
    auto try_result = (expression);                                                         \
    if (!try_result) return ::tl::unexpected<::rift::Error>(std::move(try_result.error())); \
    ::rift::detail::take(std::move(try_result));                                            \
  })

// The value of `expression`, or an abort. Tests and main only.
#define MUST(expression)                          \
  __extension__({                                 \
    auto must_result = (expression);              \
    ASSERT(must_result.has_value());              \
    ::rift::detail::take(std::move(must_result)); \
  })
