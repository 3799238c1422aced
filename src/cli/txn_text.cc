#include "cli/txn_text.h"

#include <charconv>

#include <fmt/core.h>

#include "cli/verbs.h"

namespace rift::cli {
namespace {

using Words = std::vector<std::string>;

Error unclear(const std::string& line, const std::string& why) {
  return {Code::invalid, fmt::format("'{}': {}; see rift txn --help", line, why)};
}

// A quoted word, from behind its first quote to behind its last.
Result<std::string> quoted(const std::string& line, std::size_t& at) {
  std::string word;
  for (; at < line.size(); ++at) {
    if (line[at] == '"') {
      ++at;
      return word;
    }
    if (line[at] == '\\' && at + 1 < line.size()) ++at;
    word += line[at];
  }
  return tl::unexpected<Error>(unclear(line, "a quote is not closed"));
}

Result<Words> words_of(const std::string& line) {
  Words words;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == ' ' || line[at] == '\t' || line[at] == '\r') {
      ++at;
    } else if (line[at] == '"') {
      ++at;
      words.push_back(TRY(quoted(line, at)));
    } else {
      const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
      words.push_back(line.substr(at, end - at));
      at = end;
    }
  }
  return words;
}

template <class Integer>
Result<Integer> number_of(const std::string& line, const std::string& word) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc() && end == word.data() + word.size()) return number;
  return tl::unexpected<Error>(unclear(line, "'" + word + "' is no number"));
}

Result<Compare> compare_of(const std::string& line, const Words& words) {
  Compare compare;
  if (words.size() < 3) return tl::unexpected<Error>(unclear(line, "say what the key must be"));
  compare.key = Bytes(words[1]);
  Condition& condition = compare.condition;
  const std::string& kind = words[2];
  if (words.size() == 3 && kind == "exists") {
    condition.kind = Condition::Kind::exists;
  } else if (words.size() == 3 && kind == "absent") {
    condition.kind = Condition::Kind::absent;
  } else if (words.size() == 4 && kind == "=") {
    condition.kind = Condition::Kind::value;
    condition.value = Bytes(words[3]);
  } else if (words.size() == 4 && (kind == "version" || kind == "created")) {
    condition.kind = kind == "version" ? Condition::Kind::version : Condition::Kind::created;
    condition.version = TRY(number_of<std::uint64_t>(line, words[3]));
  } else {
    return tl::unexpected<Error>(unclear(line, "the conditions are = VALUE, exists, absent, version N, created N"));
  }
  return compare;
}

Result<Step> step_of(const std::string& line, const Words& words) {
  Step step;
  if (words.size() < 3) return tl::unexpected<Error>(unclear(line, "say what to do, and with which key"));
  const std::string& verb = words[1];
  step.key = Bytes(words[2]);
  std::size_t used = 3;
  if (verb == "get") {
    step.verb = Verb::get;
  } else if (verb == "del") {
    step.verb = Verb::del;
  } else if (verb == "put" && words.size() > 3) {
    step.verb = Verb::put;
    step.value = Bytes(words[used++]);
  } else if (verb == "incr" && words.size() > 3) {
    step.verb = Verb::increment;
    step.delta = TRY(number_of<std::int64_t>(line, words[used++]));
  } else {
    return tl::unexpected<Error>(unclear(line, "the steps are put KEY VALUE, del KEY, get KEY and incr KEY DELTA"));
  }
  const bool may_expire = step.verb == Verb::put || step.verb == Verb::increment;
  if (may_expire && words.size() == used + 2 && words[used] == "ttl") {
    step.ttl = TRY(parse_duration(words[used + 1]));
    used += 2;
  }
  if (used != words.size()) return tl::unexpected<Error>(unclear(line, "'" + words[used] + "' is one word too many"));
  return step;
}

}  // namespace

Result<TxnWish> parse_txn(const std::vector<std::string>& lines) {
  TxnWish wish;
  for (const std::string& line : lines) {
    const Words words = TRY(words_of(line));
    if (words.empty() || words.front().starts_with('#')) continue;
    if (words.front() == "if") {
      wish.compares.push_back(TRY(compare_of(line, words)));
    } else if (words.front() == "then") {
      wish.then_steps.push_back(TRY(step_of(line, words)));
    } else if (words.front() == "else") {
      wish.else_steps.push_back(TRY(step_of(line, words)));
    } else {
      return tl::unexpected<Error>(unclear(line, "a line begins with if, then or else"));
    }
  }
  return wish;
}

}  // namespace rift::cli
