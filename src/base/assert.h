// ASSERT: what must hold whatever arrives from outside. Always on, in release too. Never for input: that is a Result.
// Called from any room, any thread. A failure prints the expression and place and aborts the process.
#pragma once

namespace rift {
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);
}  // namespace rift

#define ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::rift::assert_failed(#expression, __FILE__, __LINE__))
