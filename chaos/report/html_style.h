// The style of report.html. Colours are Okabe and Ito's, which keep apart under the usual colour blindnesses.
#pragma once

#include <string_view>

namespace rift::chaos::report {

constexpr std::string_view html_style = R"css(
:root{--ink:#17202a;--soft:#5b6673;--paper:#fbfbf9;--card:#fff;--line:#dfe3e8;--lane:#eceff2;--band:#e6eaf2;--edge:#44546a;
--ok:#009e73;--no:#d55e00;--no-back:#fbe3d3;--maj:#0072b2;--min:#b3628f;--gold:#e69f00;--old:#f0e442;--warn:#8a6d00;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebef;--soft:#9aa6b2;--paper:#12161b;--card:#1a2027;--line:#2f3944;--lane:#232b34;
--band:#2a3442;--edge:#a9b8cc;--ok:#16b384;--no:#f0803c;--no-back:#4a2a16;--maj:#4aa3df;--min:#d98cb8;--gold:#f0b429;--warn:#e0b83a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:22px 28px 40px}
.top{display:flex;justify-content:space-between;gap:16px;color:var(--soft);font-size:14px;margin-bottom:6px}
.top b{color:var(--ink)}
h1{font-size:30px;line-height:1.2;margin:4px 0 14px;letter-spacing:-.01em;font-weight:650}
h2{font-size:15px;margin:0 0 8px;font-weight:650}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 18px}
.say{border-left:5px solid var(--maj)}.say.ap{border-left-color:var(--gold)}
.say h2{display:flex;align-items:center;gap:10px;font-size:18px;margin-bottom:4px}
.say h2 small{font-weight:400;color:var(--soft);font-size:14px}
.say p{margin:0;font-size:17px;line-height:1.45}
.say .chip{margin-left:auto}
.chip{display:inline-block;padding:1px 10px;border-radius:99px;font-size:13px;font-weight:650;border:1.5px solid;white-space:nowrap}
.good{color:var(--ok)}.bad{color:var(--no)}.note{color:var(--maj)}.warn{color:var(--warn)}
.view{display:grid;grid-template-columns:minmax(230px,27%) 1fr;gap:14px;margin:14px 0}
.view svg{display:block;width:100%;height:auto}
.key{font-size:13px;color:var(--soft);margin:6px 0 0;display:flex;flex-wrap:wrap;gap:2px 14px;line-height:1.55}
.key svg{display:inline-block;width:auto;vertical-align:-2px;margin-right:4px}
table{border-collapse:collapse;width:100%;font-size:14.5px}
.wide{overflow-x:auto}
th{font-weight:500;color:var(--soft);text-align:left;font-size:13px;vertical-align:bottom;line-height:1.3;white-space:nowrap}
th,td{padding:7px 10px 7px 0;border-bottom:1px solid var(--line)}
tr:last-child td{border-bottom:0}
td{font-variant-numeric:tabular-nums;white-space:nowrap}
td small{color:var(--soft)}
td.why{white-space:normal;color:var(--soft);font-size:13.5px;padding-top:4px}
tr.has-why td{border-bottom:0;padding-bottom:0}
.lamp{display:inline-block;width:12px;height:12px;border-radius:50%;margin-right:7px;vertical-align:-1px;background:var(--ok)}
.lamp.off{background:none;border:2px solid var(--no)}
footer{margin-top:14px;color:var(--soft);font-size:14px}
code{font:13.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--lane);color:var(--ink);padding:2px 7px;border-radius:5px;overflow-wrap:anywhere}
svg text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
svg .axis{fill:var(--soft);text-anchor:middle;font-size:11px}svg .head{fill:var(--soft);text-anchor:middle;font-size:11px}
svg .event{fill:var(--edge);text-anchor:middle;font-weight:650;font-size:12.5px}svg .start{text-anchor:start}
svg .title{font-size:15px;font-weight:650}svg .name{font-weight:400;fill:var(--soft);font-size:13px}
svg .ratio{font-size:15px;font-weight:650}svg .node{text-anchor:middle;fill:#fff;font-size:15px;font-weight:650}
.maj{fill:var(--maj)}.min{fill:var(--min)}.lane{fill:var(--lane)}.ok{fill:var(--ok)}.no{fill:url(#hatch)}.old{fill:url(#dots)}.old-back{fill:var(--old)}.old-dot{fill:#6b5b00}
.lane,.ok,.old,.no{shape-rendering:crispEdges}
.no-back{fill:var(--no-back)}.no-line{fill:var(--no)}.band{fill:var(--band)}
.edge{stroke:var(--edge);stroke-width:1.5;stroke-dasharray:4 3}.tick{stroke:var(--soft)}.bracket{fill:none;stroke:var(--soft)}
.link{stroke:var(--soft);stroke-width:1.6}.cut{stroke:var(--no);stroke-width:1.4;stroke-dasharray:5 5;opacity:.85}
.crown{fill:var(--gold);stroke:#17202a;stroke-width:.9;stroke-linejoin:round}.crown.past{fill:var(--card);stroke:var(--gold);stroke-width:1.4}
@media(max-width:820px){.pair,.view{grid-template-columns:1fr}h1{font-size:24px}main{padding:16px}}
@media print{main{padding:0}.card{break-inside:avoid}}
)css";

}  // namespace rift::chaos::report
