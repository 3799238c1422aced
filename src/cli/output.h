// What every verb of `rift` prints, and its exit code: the outcome first, then why, then what to try. Text for people, JSON with a
// `schema` field and 64-bit numbers as strings for programs. Main thread only.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "replica/request.h"

namespace rift::cli {

// docs/reference: the exit codes of `rift`.
enum class Exit : int { done = 0, usage = 1, not_done = 2, unknown = 3, violation = 4, unreachable = 5 };

enum class Format : std::uint8_t { text, json };

// The exit code of a reply, and of an error that a client or the harness met itself.
Exit exit_of(const Response& response);
Exit exit_of(const Error& error);

// `verb` is the schema's stem: "get" gives rift.get/1.
struct Show {
  Format format = Format::text;
  std::string_view verb;
  Duration took{};
  bool with_token = false;  // text of a read: on stderr
  bool keys_only = false;   // text of a scan
};
// Prints the reply on stdout (a failure in text form: stderr) and returns its exit code.
Exit show_response(const Show& show, const std::string& key, const Response& response);
// One line for each change that a watch tells of, and for how far it has come (JSON only): rift.event/1.
void show_event(Format format, PartitionId partition, const Event& event);
void show_progress(Format format, PartitionId partition, Revision revision);

// "NOT DONE  code  why" and what to try; JSON has schema rift.error/1.
Exit show_error(Format format, const Error& error, std::string_view hint = {});

std::string json_text(const std::string& value);  // quoted and escaped

bool is_terminal(int fd);
// To a terminal that may have closed: what cannot be written is lost, nothing is thrown.
void say(std::FILE* stream, const std::string& text);

}  // namespace rift::cli
