"""The page's style sheet: light and dark, wide and narrow, on screen and on paper.

Colours of data are Okabe & Ito's (2008, "Color universal design"), darkened on white until small type in them has a
contrast of 4.5 (WCAG 2.1, 1.4.3); every series has a shape of its own as well.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #fff; --ink: #1a1e23; --soft: #5b6570; --rule: #d3d9df; --grid: #e9ecf0; --raised: #f5f7f9; --pale: #c3ccd5;
  --c0: #0067a3; --c1: #b34700; --c2: #00734f; --c3: #9a4577; --c4: #7d5f00; --c5: #5b6570;
  --t0: #0072b2; --t1: #e69f00; --t2: #56b4e9; --t3: #d55e00; --t4: #009e73; --t5: #cc79a7; --t6: #b3a200;
    --t7: #7d5f00;
  --rest: #a9b3bd; --shade: #d55e0024; --bad: #b3261e; --good: #1a7f4b; --guess: #7a4a00; --guess-soft: #fff4df;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --ink: #e5e8ec; --soft: #9ca6b1; --rule: #3a424b; --grid: #262c33; --raised: #1c2025;
      --pale: #4a545f;
    --c0: #5ab5ea; --c1: #ff9a57; --c2: #45c39a; --c3: #e29cc2; --c4: #e8c547; --c5: #aab4bf;
    --t0: #3d9bd8; --t1: #e69f00; --t2: #8ccdf2; --t3: #f07a2b; --t4: #22b487; --t5: #d993b9; --t6: #e9dd4f;
      --t7: #b08d2a;
    --rest: #5d6873; --shade: #ff9a5730; --bad: #ff8a80; --good: #5fd39a; --guess: #f2c879; --guess-soft: #2b2417;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 5rem; }
body {
  margin: 0 auto; padding: 3rem 2rem 4rem; max-width: 70rem; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
h1, h2, h3, h4 { line-height: 1.25; font-weight: 600; overflow-wrap: anywhere; }
h1 { font-size: 2rem; margin: 0; letter-spacing: -.015em; }
h2 { font-size: 1.35rem; margin: 0 0 .7rem; letter-spacing: -.005em; }
h3 { font-size: 1.05rem; margin: 2.4rem 0 .6rem; }
h2 + h3 { margin-top: 1rem; }
h4 { font-size: .95rem; margin: 2.4rem 0 .6rem; }
section { margin-top: 5rem; }
p, ul { max-width: 46rem; margin: .4rem 0 .8rem; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; }
a { color: var(--c0); text-decoration-thickness: 1px; text-underline-offset: .18em; }
:focus-visible { outline: 2px solid var(--c0); outline-offset: 3px; border-radius: 2px; }
code, pre { font: .9em/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { padding: .9rem 1.1rem; background: var(--raised); border-radius: 6px; overflow-x: auto; max-width: 46rem; }
b { font-weight: 600; }
header .lead { color: var(--soft); margin-top: .3rem; }
section > .lead, .lead { font-size: 1.05rem; margin-bottom: 1.2rem; }
.soft, .caption, figcaption, footer, .notes { color: var(--soft); }
.caption, figcaption, .notes { font-size: .86rem; }
.notes { margin-top: .8rem; }
.shared { font-size: .86rem; color: var(--soft); margin: 1rem 0 -.2rem; }
.good { color: var(--good); }
.problem { color: var(--bad); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
nav { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; margin: 1.6rem 0 0;
  padding: .7rem 0; background: var(--page); border-bottom: 1px solid var(--rule); }
header { display: contents; }
nav a { text-decoration: none; font-size: .92rem; padding: .1rem 0; }
nav a:hover { text-decoration: underline; }
.banner { margin-top: 1rem; }
.chip { display: inline-block; padding: 0 .45em; border: 1px solid currentColor; border-radius: 99px; font-size: .72rem;
  line-height: 1.45; font-weight: 500; vertical-align: .08em; white-space: nowrap; color: var(--guess); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.4rem; margin: .8rem 0 1.6rem; max-width: 60rem;
  font-size: .92rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 5rem; padding-top: 1rem; border-top: 1px solid var(--rule); font-size: .86rem; max-width: none; }

.scroll { overflow-x: auto; margin: .8rem 0; position: relative; }
table { border-collapse: collapse; font-size: .88rem; line-height: 1.4; width: 100%; }
th { font-weight: 400; text-align: left; }
th, td { padding: .42rem .9rem .42rem 0; vertical-align: baseline; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); vertical-align: bottom; border-bottom: 1px solid var(--rule); line-height: 1.25;
  font-size: .82rem; }
tbody tr + tr > * { border-top: 1px solid var(--grid); }
tbody th[scope="row"] { white-space: normal; min-width: 9rem; max-width: 24rem; overflow-wrap: anywhere; }
tbody th.when { min-width: 0; white-space: nowrap; }
.n { text-align: right; }
.words { white-space: normal; min-width: 14rem; color: var(--soft); padding-left: .6rem; }
.unit { display: block; opacity: .85; }
.second { display: block; font-size: .92em; color: var(--soft); white-space: normal; }
.strong { font-weight: 600; }
.missing { color: var(--soft); opacity: .6; font-weight: 400; }
.missing .big { font-size: 1rem; }
td.soft { padding-left: 0; font-size: .94em; }
td.why { white-space: normal; color: var(--bad); }
.why span { display: inline-block; max-width: 46rem; overflow-wrap: anywhere; }
.group th { padding-top: 1.1rem; padding-bottom: .3rem; color: var(--soft); font-size: .95em;
  overflow-wrap: anywhere; white-space: normal; }
tbody:nth-of-type(n+2) tr:first-child > *, tbody tr.group + tr > * { border-top: 1px solid var(--grid); }
.plot { width: 24%; min-width: 7rem; vertical-align: top; padding-top: .62rem; }
.plot.wide { width: 62%; min-width: 12rem; }
.bars tbody tr:not(.group) > * { border-top: 0 !important; padding-top: .3rem; padding-bottom: .3rem; }
.big { font-size: 1.2rem; font-weight: 600; letter-spacing: -.01em; }
.glance td { vertical-align: top; }
.glance td .second { max-width: 11rem; margin-left: auto; overflow-wrap: anywhere; }
.glance tbody th .main { font-weight: 600; }
.sparks { width: 9rem; vertical-align: middle; }
.spark { width: 120px; }
.history { width: auto; min-width: min(100%, 48rem); }
.history td.n { padding-left: 1.6rem; }
.keys.hand { display: none; }
.guess { color: var(--guess); font-style: italic; }
.chip.guess { font-style: normal; }
.estimates { margin: 2rem 0; padding: .2rem 1.4rem .8rem; background: var(--guess-soft);
  border: 1px dashed var(--guess); border-radius: 8px; }
.estimates h3 { margin-top: 1rem; }
.estimates .guesses { width: auto; min-width: min(100%, 28rem); }

svg { display: block; width: 100%; height: auto; overflow: visible; }
svg.bar { overflow: hidden; }
svg text { font-size: 12px; fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 11.5px; }
svg .axis { fill: var(--soft); }
svg .name { fill: var(--c); paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
svg .name.faint { font-size: 11px; }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); }
.s3 { --c: var(--c3); } .s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .mark.soft { --c: var(--soft); }
.t0 { --c: var(--t0); } .t1 { --c: var(--t1); } .t2 { --c: var(--t2); } .t3 { --c: var(--t3); }
.t4 { --c: var(--t4); } .t5 { --c: var(--t5); } .t6 { --c: var(--t6); } .t7 { --c: var(--t7); }
.rest { --c: var(--rest); } .pale { --c: var(--pale); }
.part { fill: var(--c); }
.thin { opacity: .7; }
.mark { fill: var(--c); stroke: var(--c); stroke-width: 1.6; }
.mark.open { fill: var(--page); }
.mark.faint { opacity: .6; }
.whisker { stroke: var(--c); stroke-width: 1.4; }
.whisker.faint { opacity: .22; }
.trace { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
.trace.quick { stroke-dasharray: 5 4; }
.front { fill: none; stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 2 3; }
.grid { stroke: var(--grid); }
.base { stroke: var(--rule); }
.thread { stroke: var(--soft); stroke-width: .75; opacity: .6; }
.shade { fill: var(--shade); }
svg .shade-name { fill: var(--c1); font-size: 11.5px; }
figure { margin: 1rem 0 .6rem; }
.hand { display: none; }
.desk svg, .hand svg { max-width: 66rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem 3.5rem; }
.pair figure { max-width: 33rem; }
.keys { max-width: none; display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; font-size: .86rem; color: var(--soft);
  margin: .6rem 0; }
.key { display: inline-flex; align-items: center; gap: .45rem; overflow-wrap: anywhere; }
.key svg { width: 16px; flex: none; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--c0); font-size: .92rem; padding: .3rem 0; }

@media screen and (max-width: 44rem) {
  body { padding: 1.6rem 1rem 3rem; }
  h1 { font-size: 1.6rem; }
  section { margin-top: 3.6rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .55rem; }
  nav { flex-wrap: nowrap; overflow-x: auto; margin-inline: -1rem; padding-inline: 1rem; gap: 1.2rem; }
  nav a { white-space: nowrap; padding: .5rem 0; }
  .desk { display: none; }
  .hand { display: block; }
  .keys.hand { display: flex; }
  .hand svg { max-width: 26rem; }
  tbody th[scope="row"] { min-width: 8rem; max-width: 11rem; position: sticky; left: 0; background: var(--page);
    z-index: 1; }
  .plot.wide { min-width: 9rem; }
  .scroll, nav { scrollbar-width: thin; scrollbar-color: var(--rule) transparent; }
  nav { scrollbar-width: none; }
  .glance thead { display: none; }
  .glance tr { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem 1.2rem; padding: 1.1rem 0; }
  .glance tbody tr > * { border: 0; padding: 0; text-align: left; white-space: normal; }
  .glance tbody th[scope="row"] { grid-column: 1 / -1; max-width: none; position: static; }
  .glance tr + tr { border-top: 1px solid var(--grid); }
  .glance td::before { content: attr(data-label); display: block; font-size: .92em; color: var(--soft); }
  .glance td .second { margin: 0; max-width: none; }
  .glance td.missing { opacity: 1; }
  .plot { min-width: 5rem; }
  .estimates { padding-inline: 1rem; }
  .estimates th[scope="row"] { background: var(--guess-soft) !important; }
}
@media print {
  :root { color-scheme: light; }
  html { font-size: 11px; }
  body { max-width: none; padding: 0; font-size: 11px; }
  nav { display: none; }
  section { margin-top: 2.6rem; }
  table { font-size: 9px; }
  th, td { padding: .22rem .55rem .22rem 0; }
  thead th, td.n, .second { white-space: normal; }
  tbody th[scope="row"], .words { min-width: 0; }
  .plot, .plot.wide { min-width: 3rem; }
  .scroll { overflow: visible; }
  .desk { display: block; }
  .hand, .keys.hand { display: none; }
  h2, h3, h4, .keys, .lead { break-after: avoid; }
  tr, figure { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
