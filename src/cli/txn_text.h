// The small language of `rift txn`: one statement a line. Pure.
//
//   if KEY = VALUE | if KEY exists | if KEY absent | if KEY version N | if KEY created N
//   then put KEY VALUE [ttl 10s] | then del KEY | then get KEY | then incr KEY DELTA       (else likewise)
//
// Words are parted by blanks; "..." keeps blanks in a word, \" and \\ stand for themselves there; a line that begins with # says nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "client/client.h"

namespace rift::cli {

Result<TxnWish> parse_txn(const std::vector<std::string>& lines);

}  // namespace rift::cli
