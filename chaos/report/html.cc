#include <fmt/core.h>

#include "chaos/report/html_style.h"
#include "chaos/report/story.h"
#include "chaos/report/svg.h"
#include "chaos/report/words.h"

namespace rift::chaos::report {
namespace {

struct Chip {
  std::string_view css;
  std::string_view sign;
};

Chip chip_of(check::Verdict verdict) {
  switch (verdict) {
    case check::Verdict::pass:
      return {"good", "&#10003;"};
    case check::Verdict::expected:
      return {"note", "&#10003;"};
    case check::Verdict::fail:
    case check::Verdict::error:
      return {"bad", "&#10007;"};
    case check::Verdict::not_shown:
    case check::Verdict::inconclusive:
      return {"warn", "?"};
    case check::Verdict::skipped:
      return {"warn", "&#8211;"};
  }
  return {"bad", "&#10007;"};
}

std::string chip(check::Verdict verdict) {
  const Chip look = chip_of(verdict);
  return fmt::format("<span class='chip {}'>{} {}</span>", look.css, look.sign, to_string(verdict));
}

std::string_view motto(Mode mode) {
  switch (mode) {
    case Mode::cp:
      return "rather no answer than a wrong one";
    case Mode::ap:
      return "always an answer, perhaps an old one";
  }
  return "";
}

std::string sentences(const Story& story) {
  const Summary summary = summarize(story);
  std::string out = fmt::format("<h1>{}</h1><div class='pair'>", escaped(summary.opening));
  for (std::size_t i = 0; i < summary.parts.size(); ++i) {
    const Summary::Part& part = summary.parts[i];
    std::string text = escaped(part.text, 2000);
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    out += fmt::format("<section class='card say {}'><h2>{} <small>{} &middot; {}</small>{}</h2><p>{}</p></section>",
                       to_string(part.mode), mode_label(part.mode), escaped(story.results.rows[i].keyspace, 64),
                       motto(part.mode), chip(story.results.rows[i].verdict), text);
  }
  return out + "</div>";
}

std::string drawings(const Story& story) {
  return "<div class='view'><section class='card'><h2>Who could talk to whom</h2>" + topology_svg(story) +
         fmt::format(
             "<p class='key'><span><svg width='12' height='12'><circle cx='6' cy='6' r='5' "
             "class='maj'/></svg>majority, {} nodes</span>"
             "<span><svg width='12' height='12'><rect x='1' y='1' width='10' height='10' rx='2' "
             "class='min'/></svg>minority, {} nodes</span>"
             "<span><svg width='26' height='8'><line x1='0' y1='4' x2='26' y2='4' class='cut'/></svg>cut, both "
             "ways</span>",
             story.timeline.majority.size(), story.timeline.minority.size()) +
         (story.leaders.empty() ? std::string()
                                : "<span><svg width='16' height='12'>" + crown_svg(1, 11, 13, false, "") +
                                      "</svg>leader</span>"
                                      "<span><svg width='16' height='12'>" +
                                      crown_svg(1, 11, 13, true, "") + "</svg>leader before the cut</span>") +
         "</p></section><section class='card'><h2>Which requests were answered</h2>" + strips_svg(story) +
         "<p class='key'><span><svg width='14' height='11'><rect width='14' height='11' "
         "class='ok'/></svg>answered</span>"
         "<span><svg width='14' height='11'><rect width='14' height='11' class='no'/></svg>refused or no answer</span>"
         "<span><svg width='14' height='11'><rect width='14' height='11' class='old'/></svg>answered with an old value "
         "(stale read)</span>"
         "<span>one bar: what clients asked of that node in 250 ms</span></p></section></div>";
}

std::string proof_cell(const check::Row& row) {
  const auto proven =
      std::count_if(row.links.begin(), row.links.end(), [](const check::LinkProof& link) { return link.proof() > 0; });
  const bool is_proven = row.measured.fault_proof > 0;
  return fmt::format("<span class='lamp{}'></span>{} of {} links <small>{}</small>", is_proven ? "" : " off", proven,
                     row.links.size(), is_proven ? "held traffic" : "not proven");
}

std::string stale_cell(const check::Measured& m) {
  if (m.staleness.stale == 0) return "0";
  return fmt::format("{} <small>worst {}</small>", grouped(m.staleness.stale), in_seconds(m.staleness.worst));
}

std::string or_never(const std::optional<Duration>& duration) { return duration ? in_seconds(*duration) : "never"; }

std::string explanation(const check::Row& row) {
  std::string out;
  for (const std::string& reason : row.reasons) out += (out.empty() ? "" : "<br>") + escaped(reason);
  if (!row.witness.empty()) {
    out += fmt::format("{}For example: {} <small>(operations", out.empty() ? "" : "<br>",
                       escaped(row.witness_reason, 600));
    for (std::uint64_t index : row.witness) out += fmt::format(" {}", index);
    out += " of history.jsonl)</small>";
  }
  return out;
}

std::string verdict_row(const check::Row& row) {
  const check::Measured& m = row.measured;
  const std::string why = explanation(row);
  std::string out = why.empty() ? "<tr>" : "<tr class='has-why'>";
  for (const std::string& cell : {fmt::format("<b>{}</b> {} <small>{}</small>", mode_label(row.mode),
                                              escaped(row.keyspace, 64), escaped(row.id, 64)),
                                  chip(row.verdict), yes_no(m.linearizability.answer), percent(m.majority.all.ratio()),
                                  percent(m.minority.all.ratio()), or_never(m.majority.first_success), stale_cell(m),
                                  lost_count(m), agreement(m), proof_cell(row)}) {
    out += "<td>" + cell + "</td>";
  }
  out += "</tr>";
  return why.empty() ? out : out + "<tr><td class='why' colspan='10'>" + why + "</td></tr>";
}

std::string verdicts(const Story& story) {
  std::string out = "<section class='card'><h2>Verdicts</h2><div class='wide'><table><tr>";
  for (std::string_view head : {"keyspace", "verdict", "linear-<br>izable", "majority<br>answered",
                                "minority<br>answered", "first success<br>after the cut", "stale reads",
                                "acknowledged<br>and lost", "replicas agreed<br>after the heal", "proof of the cut"}) {
    out += fmt::format("<th>{}</th>", head);
  }
  out += "</tr>";
  for (const check::Row& row : story.results.rows) out += verdict_row(row);
  return out + "</table></div></section>";
}

std::string footer(const Story& story) {
  const check::Results& results = story.results;
  std::string out = fmt::format("<footer>Seed <code>{}</code>", results.seed);
  if (!results.replay.empty()) out += fmt::format(" &middot; run it again: <code>{}</code>", escaped(results.replay));
  return out +
         "<br>EXPECTED: the keyspace kept its promises, and what it does not promise was seen to break. Answered: "
         "share of attempts in the split, "
         "2.5 s after the cut and later.</footer>";
}

}  // namespace

std::string html(const Story& story) {
  std::string page =
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">"
      "<meta name='viewport' content='width=device-width,initial-scale=1'><title>RiftKV: ";
  page += escaped(story.name, 64) + "</title><style>";
  page += html_style;
  page += fmt::format(
      "</style></head><body><main><div class='top'><span><b>RiftKV</b> &middot; story {}</span><span>same nodes, same "
      "clients, same cut"
      "</span></div>",
      escaped(story.name, 64));
  page += sentences(story) + drawings(story) + verdicts(story) + footer(story);
  return page + "</main></body></html>\n";
}

}  // namespace rift::chaos::report
