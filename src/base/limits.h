// Hard limits of DESIGN 12, with the relations between them. Past a limit: a typed refusal, not done.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace rift::limits {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kibi = 1024;
constexpr std::size_t mebi = kibi * kibi;

constexpr std::size_t key_bytes_max = 4 * kibi;
constexpr std::size_t value_bytes_max = 1 * mebi;
constexpr std::size_t entry_bytes_max = value_bytes_max + key_bytes_max + 4 * kibi;
constexpr std::size_t entry_bytes_soft = 256 * kibi;  // a round fills entries up to here, then starts the next
constexpr std::size_t frame_bytes_max = entry_bytes_max + 64 * kibi;
constexpr std::size_t grpc_message_bytes_max = 6 * mebi;  // set explicitly on every channel and server
constexpr std::size_t keyspace_name_bytes_max = 64;

constexpr std::size_t batch_ops_max = 1024;
constexpr std::size_t batch_bytes_max = 4 * mebi;
constexpr std::size_t connection_in_flight_bytes_max = 4 * mebi;
constexpr std::size_t uncommitted_bytes_max = 64 * mebi;        // per group
constexpr std::size_t dedup_window_max = 4096;                  // per (client, partition)
constexpr std::size_t dedup_clients_max = 100'000;              // per partition
constexpr std::size_t dedup_seen_value_bytes_max = 256 * kibi;  // values of failed cas kept in one row

constexpr std::size_t shard_inbox_requests_max = 64 * kibi;
constexpr std::size_t shard_inbox_bytes_max = 256 * mebi;
constexpr std::size_t lane_control_frames_max = 1024;        // drops the oldest
constexpr std::size_t lane_data_bytes_max = 32 * mebi;       // refuses the newest
constexpr std::size_t peer_in_flight_bytes_max = 16 * mebi;  // appends to one peer, below the queue's bound
constexpr std::size_t peer_in_flight_messages_max = 256;
constexpr std::size_t pending_writes_max = 64 * kibi;  // ap: per node
constexpr std::size_t pending_bytes_max = 64 * mebi;
constexpr std::uint64_t handoff_bytes_per_second = 64 * mebi;  // ap: per node, to all owners that it owes something
constexpr std::size_t scan_page_keys_max = 1000;
constexpr std::size_t scan_page_bytes_max = 1 * mebi;
constexpr std::size_t txn_operations_max = 128;  // compares and steps of both lists
constexpr std::size_t watches_per_connection_max = 1024;
constexpr std::size_t watch_events_max = 1024;  // in one answer
constexpr std::size_t expired_keys_per_entry_max = 1024;
constexpr std::size_t partitions_per_keyspace_max = 64;
constexpr std::size_t members_max = 64;
constexpr std::size_t context_actors_max = 16;                     // of one version
constexpr std::size_t envelope_overhead_bytes_max = 1 * kibi;      // all but its payload, with a full context
constexpr std::size_t ledger_payload_bytes_max = value_bytes_max;  // of both versions together
constexpr std::uint64_t ledger_bytes_max = 16 * mebi;              // per node

constexpr Duration heartbeat_interval = milliseconds(75);
constexpr Duration election_timeout_min = milliseconds(500);
constexpr Duration election_timeout_max = milliseconds(1000);
constexpr Duration hint_after_max = seconds(1);
constexpr Duration ledger_age_max = std::chrono::hours(24);
constexpr Duration handoff_burst = milliseconds(50);  // what may be handed off at once after a rest
constexpr Duration request_budget_default = seconds(5);
constexpr Duration request_budget_max = seconds(60);
constexpr Duration ttl_max = std::chrono::hours(24 * 366);
constexpr Duration lock_ttl_default = seconds(10);
constexpr Duration dedup_row_lifetime = std::chrono::hours(1);
constexpr Duration clock_drift_max = milliseconds(500);
// Two clocks part by at most one part in so many: each is right to 500 ppm, what time daemons allow. An offset measured a while ago is known so much less.
constexpr int clock_drift_one_in = 1000;
// So far ahead of a node's clock may a stamp be that a client says it has seen. A node that went further for it would soon stamp what others, whose
// clocks are a little behind its own, take for a clock that is off.
constexpr Duration token_ahead_max = clock_drift_max / 2;
constexpr Duration clock_reading_error = milliseconds(2);  // two wall clocks, each told in whole milliseconds

static_assert(entry_bytes_max > value_bytes_max + key_bytes_max);
static_assert(frame_bytes_max > entry_bytes_max);
static_assert(envelope_overhead_bytes_max >= context_actors_max * 32 + 128);  // 30 bytes for the widest actor
static_assert(value_bytes_max + key_bytes_max + envelope_overhead_bytes_max <= entry_bytes_max);
static_assert(ledger_bytes_max / 4 > entry_bytes_max);  // of the largest losses a few are kept
static_assert(ledger_payload_bytes_max + key_bytes_max + 2 * envelope_overhead_bytes_max <= entry_bytes_max);
static_assert(grpc_message_bytes_max > frame_bytes_max);
static_assert(grpc_message_bytes_max > batch_bytes_max + batch_ops_max * kibi);
static_assert(batch_ops_max <= dedup_window_max);
static_assert(watch_events_max >= batch_ops_max);  // the events of one revision come together
static_assert(watch_events_max >= expired_keys_per_entry_max);
static_assert(peer_in_flight_bytes_max + frame_bytes_max <= lane_data_bytes_max);
static_assert(election_timeout_min > 3 * heartbeat_interval);
static_assert(election_timeout_min <= election_timeout_max);
static_assert(clock_reading_error < clock_drift_max);

}  // namespace rift::limits
