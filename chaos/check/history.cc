#include "chaos/check/history.h"

namespace rift::chaos::check {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::read:
      return "read";
    case Kind::write:
      return "write";
    case Kind::cas:
      return "cas";
    case Kind::erase:
      return "delete";
  }
  return "invalid_kind";
}

std::string_view to_string(Side side) {
  switch (side) {
    case Side::none:
      return "none";
    case Side::majority:
      return "majority";
    case Side::minority:
      return "minority";
  }
  return "invalid_side";
}

}  // namespace rift::chaos::check
