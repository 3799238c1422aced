// How the reports of this room write numbers and strings of unknown origin. Internal to chaos/report.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chaos/check/verdict.h"

namespace rift::chaos::report {

std::string grouped(std::uint64_t number);                // 4,013
std::string percent(double ratio);                        // rounded down: 99.96 % is not 100 %
std::string in_seconds(Duration duration);                // 1.1 s
std::string agreement(const check::Measured& measured);   // when the replicas held the same after the heal
std::string yes_no(check::Linearizable answer);           // yes, no, undecided
std::string lost_count(const check::Measured& measured);  // acknowledged writes that were lost
std::string_view mode_label(Mode mode);                   // CP, AP

// For HTML text and quoted attributes: escaped, without control characters, at most `bytes_max` long.
std::string escaped(std::string_view text, std::size_t bytes_max = 400);

}  // namespace rift::chaos::report
