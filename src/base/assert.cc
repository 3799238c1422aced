#include "base/assert.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/assert_note.h"

namespace rift {
namespace {

thread_local std::string note;

}  // namespace

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "assertion failed: %s at %s:%d%s%s\n", expression, file, line, note.empty() ? "" : ", in ",
               note.c_str());
  std::fflush(stderr);
  std::abort();
}

AssertNote::AssertNote(std::string text) : before_(std::exchange(note, std::move(text))) {}

AssertNote::~AssertNote() { note = std::move(before_); }

}  // namespace rift
