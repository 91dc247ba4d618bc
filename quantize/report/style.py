"""The style sheet of the page: system fonts, aligned numerals, colours for light and dark, narrow screens and paper.

Colours of data are Okabe & Ito's blue and orange beside gray (2008, "Color universal design"), which people with every
kind of colour vision can tell apart; shapes say the same again.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fff; --ink: #1b1f24; --soft: #59626d; --rule: #d5dae0; --grid: #e8ebef; --raised: #f5f7f9;
  --float: #6a7480; --mixed: #b87700; --int8: #0072b2; --int8-soft: #b9dbef; --bad: #b3261e; --good: #1a7f4b;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #15181c; --ink: #e4e7eb; --soft: #9aa4b0; --rule: #39414a; --grid: #272d34; --raised: #1d2126;
    --float: #a3adb8; --mixed: #e69f00; --int8: #56b4e9; --int8-soft: #1f4a63; --bad: #ff8a80; --good: #5fd39a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 74rem; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
h1, h2, h3 { line-height: 1.25; font-weight: 600; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; margin: 0 0 .35rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 3.5rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 2.2rem 0 .4rem; }
p, ul { max-width: 46rem; margin: .4rem 0 .8rem; }
ul { padding-left: 1.2rem; }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
p code, li code { white-space: nowrap; }
a { color: var(--int8); text-decoration-thickness: 1px; text-underline-offset: .15em; }
.lead { font-size: 1.1rem; }
.soft, .faint, figcaption, .caption { color: var(--soft); }
figcaption, .caption { font-size: .87rem; }
.good { color: var(--good); }
.problem, .mark-failed { color: var(--bad); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1rem 0 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 1.3rem 0; max-width: 60rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }

.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .87rem; line-height: 1.35; }
th { font-weight: 400; text-align: left; }
th, td { padding: .4rem .9rem .4rem 0; vertical-align: top; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); vertical-align: bottom; border-bottom: 1px solid var(--ink); line-height: 1.25; }
tbody tr + tr > * { border-top: 1px solid var(--grid); }
.n { text-align: right; }
.unit { color: var(--soft); opacity: .85; }
.second { display: block; font-size: .94em; color: var(--soft); }
.formats { width: 100%; }
.formats thead th { white-space: normal; min-width: 3.6rem; }
.formats .reference > * { background: var(--raised); }
.formats .out > * { color: var(--soft); }
tbody tr.why > td { border-top: 0; padding-top: 0; white-space: normal; color: var(--bad); }
.why span { position: sticky; left: 0; display: inline-block; max-width: min(60rem, calc(100vw - 3rem)); }
.chosen > * { font-weight: 600; background: var(--raised); }
.spark { width: 7.5rem; }

svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 11.5px; }
svg .name, svg .note { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
svg .axis { font-size: 12.5px; }
svg .note { fill: var(--soft); }
.grid { stroke: var(--grid); }
.base { stroke: var(--rule); }
.leader { stroke: var(--int8); stroke-width: .75; opacity: .6; }
.thread { stroke: var(--soft); stroke-width: .75; opacity: .6; }
.reference { stroke: var(--soft); stroke-dasharray: 4 4; }
.whisker { stroke-width: 1.6; }
.mark { stroke-width: 1.6; }
.whisker.float, .mark.float { stroke: var(--float); }
.whisker.mixed, .mark.mixed { stroke: var(--mixed); }
.whisker.int8, .mark.int8 { stroke: var(--int8); }
.mark.float, svg .name.float { fill: var(--float); }
.mark.mixed, svg .name.mixed { fill: var(--mixed); }
.mark.int8, .bar.int8, svg .name.int8 { fill: var(--int8); }
.mark.out { fill: var(--page); }
.bar.rest { fill: var(--float); opacity: .55; }
.met { fill: var(--int8-soft); }
.range { fill: var(--int8); }
.noise { fill: none; stroke: var(--int8); stroke-width: 1.6; stroke-linejoin: round; }
.hover { fill: transparent; }
.hover:hover { fill: var(--ink); opacity: .08; }
figure { margin: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem 3rem; }
.pair figure { max-width: 36rem; }
.key { margin-right: 1.2rem; white-space: nowrap; }
.key svg { display: inline-block; width: .85rem; vertical-align: -.1rem; }
.wide { overflow-x: auto; }
.wide svg { min-width: 52rem; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--int8); }

.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1.4rem 2rem; }
.faces article { display: flex; gap: 1rem; align-items: flex-start; }
.faces article > div { flex: 1; min-width: 0; }
.faces p { margin: -.25rem 0 .2rem; font-size: .87rem; }
.faces table { width: 100%; font-size: .82rem; }
.faces th, .faces td { padding: .2rem .6rem .2rem 0; }
.faces thead th { border-bottom-color: var(--rule); }
.face { width: 7rem; height: 7rem; image-rendering: pixelated; border-radius: 3px; background: var(--raised); }

@media (max-width: 40rem) {
  body { padding: 1.4rem 1rem 3rem; }
  h1 { font-size: 1.4rem; }
  h2 { margin-top: 2.6rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  svg text, svg .tick, svg .axis { font-size: 14px; }
  .wide svg text, .wide svg .tick, .wide svg .axis { font-size: 12px; }
  .face { width: 4.5rem; height: 4.5rem; }
  .faces article { gap: .7rem; }
  .faces th, .faces td { padding-right: .35rem; }
  .formats tbody th { position: sticky; left: 0; background: var(--page); }
  .formats .reference > th { background: var(--raised); }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, summary { display: none; }
  .formats { font-size: 8pt; }
  .formats th, .formats td { padding-right: .5rem; }
  .spark { width: 4.5rem; }
  .scroll, .wide { overflow: visible; }
  .wide svg { min-width: 0; }
  h2, h3 { break-after: avoid; }
  tr, figure, article, .wide { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
