#include "replica/request.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/kit/requests.h"

namespace rift {
namespace {

using kit::cas_absent;
using kit::cas_value;
using kit::cas_version;
using kit::del;
using kit::get;
using kit::op_of;
using kit::put;
using kit::with_budget;
using kit::with_op;

Code refusal(const Request& request) {
  const auto result = validate(request);
  return result ? Code::ok : result.error().code;
}

TEST(Validate, AcceptsEveryVerb) {
  for (const Request& request :
       {get("k"), put("k", "v"), put("k", ""), del("k"), cas_absent("k", "v"), cas_version("k", 3, "v"),
        cas_value("k", "a", "b"), kit::resolve("k", op_of(1, 5)), with_op(put("k", "v"), op_of(1, 1))}) {
    EXPECT_EQ(refusal(request), Code::ok) << static_cast<int>(request.verb);
  }
}

TEST(Validate, BoundsKeyAndValue) {
  EXPECT_EQ(refusal(get("")), Code::invalid);
  EXPECT_EQ(refusal(get(std::string(limits::key_bytes_max, 'k'))), Code::ok);
  EXPECT_EQ(refusal(get(std::string(limits::key_bytes_max + 1, 'k'))), Code::too_large);
  EXPECT_EQ(refusal(put("k", std::string(limits::value_bytes_max, 'v'))), Code::ok);
  EXPECT_EQ(refusal(put("k", std::string(limits::value_bytes_max + 1, 'v'))), Code::too_large);
  const std::string half(limits::value_bytes_max / 2, 'v');
  EXPECT_EQ(refusal(cas_value("k", half, half)), Code::ok);
  EXPECT_EQ(refusal(cas_value("k", std::string(limits::value_bytes_max, 'e'), half)), Code::too_large);
  EXPECT_EQ(refusal(cas_value("k", std::string(limits::value_bytes_max + 1, 'e'), "")), Code::too_large);
}

TEST(Validate, AVersionSeenIsOneOfAp) {
  const Version seen{.hlc = 5, .dot_node = NodeId(1), .dot_incarnation = 1, .dot_sequence = 2};
  for (Request request : {get("k"), put("k", "v"), del("k")}) {
    request.seen = seen;
    EXPECT_EQ(refusal(request), Code::ok);
    for (auto change :
         {+[](Version& v) { v.hlc = 0; }, +[](Version& v) { v.dot_node = NodeId(); },
          +[](Version& v) { v.dot_sequence = 0; }, +[](Version& v) { v.version = 1; },
          +[](Version& v) { v.create_revision = Revision(1); }, +[](Version& v) { v.modify_revision = Revision(1); }}) {
      request.seen = seen;
      change(request.seen);
      EXPECT_EQ(refusal(request), Code::invalid);
    }
  }
  Request request = cas_absent("k", "v");
  request.seen = seen;
  EXPECT_EQ(refusal(request), Code::invalid);
}

TEST(Validate, RefusesUnknownEnumerators) {
  Request request = get("k");
  request.verb = static_cast<Verb>(0);
  EXPECT_EQ(refusal(request), Code::invalid);
  request.verb = Verb::expire;  // only a leader writes it
  EXPECT_EQ(refusal(request), Code::invalid);
  request.verb = static_cast<Verb>(15);
  EXPECT_EQ(refusal(request), Code::invalid);
  request = get("k");
  request.level = static_cast<Level>(4);
  EXPECT_EQ(refusal(request), Code::invalid);
  request = cas_absent("k", "v");
  request.condition.kind = static_cast<Condition::Kind>(6);
  EXPECT_EQ(refusal(request), Code::invalid);
}

TEST(Validate, PairsConditionsWithCas) {
  Request request = cas_absent("k", "v");
  request.condition.kind = Condition::Kind::none;
  EXPECT_EQ(refusal(request), Code::invalid);
  request = put("k", "v");
  request.condition.kind = Condition::Kind::absent;
  EXPECT_EQ(refusal(request), Code::invalid);
}

TEST(Validate, AsksForAWholeOpId) {
  Request request = kit::resolve("k", op_of(1, 5));
  request.op.reset();
  EXPECT_EQ(refusal(request), Code::invalid);
  OpId op = op_of(1, 5);
  op.client = {};
  EXPECT_EQ(refusal(with_op(put("k", "v"), op)), Code::invalid);
  op = op_of(1, 5);
  op.sequence = 0;
  op.floor = 0;
  EXPECT_EQ(refusal(with_op(put("k", "v"), op)), Code::invalid);
  op = op_of(1, 5);
  op.floor = 6;
  EXPECT_EQ(refusal(with_op(put("k", "v"), op)), Code::invalid);
}

TEST(Validate, BoundsTheDedupWindow) {
  OpId op = op_of(1, limits::dedup_window_max);
  op.floor = 1;
  EXPECT_EQ(refusal(with_op(put("k", "v"), op)), Code::ok);
  op.sequence += 1;
  EXPECT_EQ(refusal(with_op(put("k", "v"), op)), Code::invalid);
}

TEST(Validate, BoundsTheBudget) {
  EXPECT_EQ(refusal(with_budget(get("k"), limits::request_budget_max)), Code::ok);
  EXPECT_EQ(refusal(with_budget(get("k"), limits::request_budget_max + Duration(1))), Code::invalid);
  EXPECT_EQ(refusal(with_budget(get("k"), Duration(-1))), Code::invalid);
}

TEST(Refuse, CarriesTheOutcomeOfItsCode) {
  const Response refused = refuse(RequestId(4), Code::overloaded, "why", "hint");
  EXPECT_EQ(refused.id, RequestId(4));
  EXPECT_EQ(refused.outcome, Outcome::not_done);
  EXPECT_EQ(refused.why, "why");
  EXPECT_EQ(refused.hint, "hint");
  EXPECT_EQ(refuse(RequestId(4), Code::timeout, "").outcome, Outcome::unknown);
}

TEST(Footprint, CountsWhatARequestHolds) {
  EXPECT_GE(footprint(put("key", std::string(1000, 'v'))), 1003U);
  EXPECT_GT(footprint(cas_value("k", std::string(1000, 'e'), "v")), footprint(put("k", "v")) + 999);
}

Request with_operands(Verb verb, Operands operands) {
  Request request = get("k");
  request.verb = verb;
  request.operands = std::move(operands);
  return request;
}

Operands steps(std::size_t count, Verb verb = Verb::put) {
  Operands operands;
  for (std::size_t i = 0; i < count; ++i) operands.then_steps.push_back(Step{.verb = verb, .key = "k", .value = {}});
  return operands;
}

TEST(Validate, BoundsWhatATxnHolds) {
  EXPECT_EQ(refusal(with_operands(Verb::txn, Operands{})), Code::invalid);
  EXPECT_EQ(refusal(with_operands(Verb::txn, steps(limits::txn_operations_max))), Code::ok);
  EXPECT_EQ(refusal(with_operands(Verb::txn, steps(limits::txn_operations_max + 1))), Code::too_large);
  EXPECT_EQ(refusal(with_operands(Verb::txn, steps(1, Verb::lock))), Code::invalid);
  EXPECT_EQ(refusal(with_operands(Verb::put, steps(1))), Code::invalid);
  Operands nameless = steps(1);
  nameless.then_steps.front().key = Bytes();
  EXPECT_EQ(refusal(with_operands(Verb::txn, nameless)), Code::invalid);
  Operands unconditional = steps(1);
  unconditional.compares.push_back(Compare{.key = "k"});
  EXPECT_EQ(refusal(with_operands(Verb::txn, unconditional)), Code::invalid);
  Operands large = steps(2);
  for (Step& step : large.then_steps) step.value = std::string(limits::value_bytes_max / 2, 'v');
  EXPECT_EQ(refusal(with_operands(Verb::txn, large)), Code::too_large);
}

TEST(Validate, MultiGetOnlyReads) {
  EXPECT_EQ(refusal(with_operands(Verb::multi_get, steps(limits::batch_ops_max, Verb::get))), Code::ok);
  EXPECT_EQ(refusal(with_operands(Verb::multi_get, steps(1, Verb::put))), Code::invalid);
  EXPECT_EQ(refusal(with_operands(Verb::multi_get, Operands{})), Code::invalid);
}

TEST(Validate, OnlyAScanGoesOnFromACursorThatIsNoLongerThanAKey) {
  Operands operands;
  operands.cursor = std::string(limits::key_bytes_max, 'c');
  EXPECT_EQ(refusal(with_operands(Verb::scan, operands)), Code::ok);
  EXPECT_EQ(refusal(with_operands(Verb::del_range, operands)), Code::invalid);
  operands.cursor = std::string(limits::key_bytes_max + 1, 'c');
  EXPECT_EQ(refusal(with_operands(Verb::scan, operands)), Code::too_large);
}

TEST(Validate, RangesMayBeginBeforeEveryKeyAndLocksEnd) {
  Request scan = with_operands(Verb::scan, Operands{});
  scan.key = Bytes();
  EXPECT_EQ(refusal(scan), Code::ok);
  scan.operands->keys_max = limits::scan_page_keys_max + 1;
  EXPECT_EQ(refusal(scan), Code::invalid);
  EXPECT_EQ(refusal(with_operands(Verb::lock, Operands{})), Code::invalid);
  Operands lease;
  lease.ttl = limits::ttl_max + Duration(1);
  EXPECT_EQ(refusal(with_operands(Verb::lock, lease)), Code::invalid);
  lease.ttl = limits::ttl_max;
  Request lock = with_operands(Verb::lock, lease);
  lock.value = "holder";
  EXPECT_EQ(refusal(lock), Code::ok);
  lock.condition.kind = Condition::Kind::created;  // its fence: kept alive only
  EXPECT_EQ(refusal(lock), Code::ok);
  lock.condition.kind = Condition::Kind::exists;
  EXPECT_EQ(refusal(lock), Code::invalid);
  lock.condition.kind = Condition::Kind::none;
  lock.value = Bytes();  // two that have no name would share it
  EXPECT_EQ(refusal(lock), Code::invalid);
}

}  // namespace
}  // namespace rift
