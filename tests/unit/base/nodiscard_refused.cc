// Must not compile: the test unit.nodiscard runs the compiler on it and looks for its complaint.
#include "base/result.h"

rift::Result<int> make();

void drop() { make(); }
