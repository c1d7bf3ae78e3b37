"""The ranking as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import insarfeat
from insarfeat.pairs.quality import Quality
from insarfeat.plot import require

if TYPE_CHECKING:
    from insarfeat.pairs.ranking import RankedPair, Ranking

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2328; --faint: #5d6870; --paper: #fbfbfa; --card: #fff;
  --line: #d9dcde; --good: #2f7d4f; --bad: #a3402c; --shade: #eceeee; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7e9; --faint: #9aa5ad; --paper: #15191c;
  --card: #1d2327; --line: #363e44; --good: #6cc091; --bad: #e08c78; --shade: #22282c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 100rem; padding: 1rem 1.2rem 3rem; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: .6rem 0 .2rem; font-size: 1.6rem; overflow-wrap: anywhere; }
.asked { margin: .4rem 0 1rem; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .3rem .5rem; }
.asked li { padding: .1rem .6rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--card);
  font-size: .85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .45rem .5rem .45rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
thead th { position: sticky; top: 0; background: var(--paper); color: var(--faint); font-weight: normal;
  vertical-align: bottom; }
thead button { all: unset; cursor: pointer; }
thead button:is(:hover, :focus-visible) { color: var(--ink); text-decoration: underline; }
thead [aria-sort=ascending] button::after { content: " \\2191"; }
thead [aria-sort=descending] button::after { content: " \\2193"; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
th.number { max-width: 6.2rem; }
td.name { min-width: 7rem; }
td.name b { overflow-wrap: anywhere; }
td.why { min-width: 11rem; overflow-wrap: anywhere; }
td small { display: block; color: var(--faint); white-space: normal; }
.day { white-space: nowrap; }
ul.reasons { margin: 0; padding: 0; list-style: none; }
img { display: block; width: 5rem; height: 5rem; object-fit: contain; background: var(--shade);
  border-radius: .25rem; image-rendering: pixelated; }
.verdict { font-weight: 600; white-space: nowrap; }
.kept .verdict { color: var(--good); }
.rejected .verdict, .failed .verdict { color: var(--bad); }
:is(.rejected, .failed) td { background: var(--shade); color: var(--faint); }
.rejected img { filter: saturate(.35) opacity(.75); }
.past { color: var(--bad); font-weight: 600; }
footer { margin-top: 2rem; color: var(--faint); font-size: .85rem; max-width: 60rem; }
"""

_SCRIPT = """
const body = document.querySelector("tbody");
for (const [column, head] of [...document.querySelectorAll("thead th")].entries()) {
  const button = head.querySelector("button");
  if (!button) continue;
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = row => row.children[column].dataset.value;
    const number = head.classList.contains("number");
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = number ? x - y : x.localeCompare(y);
      return down ? -order : order;
    });
    body.append(...rows);
  });
}
"""


@dataclass(frozen=True, slots=True)
class _Column:
    """A number of the table: its title, what it means, where it comes from and how it is written."""

    measure: str
    title: str
    meaning: str
    form: Callable[[float], str]


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _plain(value: float) -> str:
    return f"{value:.2f}"


_COLUMNS = (
    _Column("coverage", "coverage", "share of the pixels that have a phase", _percent),
    _Column("decorrelated", "decorrelated", "share of the valid pixels with a coherence below 0.3", _percent),
    _Column("mean_coherence", "mean coherence", "of the valid pixels", _plain),
    _Column("ramp", "ramp, fringes", "turns of the best-fitting plane over the scene's diagonal", _plain),
    _Column(
        "stratified", "stratified, rad", "phase that follows the elevation, over the scene's relief", _plain
    ),
    _Column("turbulence", "turbulence, rad", "what is left between 1 and 5 km", _plain),
    _Column("noise", "noise, rad", "from pixel to pixel; 1.81 is nothing but noise", _plain),
)


def page_of(ranking: Ranking, title: str) -> str:
    """The page; needs matplotlib for the colours."""
    require()
    heads = (
        _head("score"),
        "<th>phase</th><th>coherence</th>",
        _head("pair", number=False),
        _head("days"),
        *(_head(column.title, column.meaning) for column in _COLUMNS),
        "<th>why not</th>",
    )
    rows = "\n".join(_row(row, ranking) for row in ranking)
    asked = "".join(f"<li>{escape(limit)}</li>" for limit in ranking.rules.described())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<p>Kept <b>{len(ranking.kept)} of {len(ranking)}</b>: "
        f"those with a score of at least {ranking.rules.min_score:g}. What is asked:</p>\n"
        f'<ul class="asked">{asked}</ul>\n'
        f'<div class="wide"><table><thead><tr>{"".join(heads)}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>\n"
        f"<footer>{_explained(ranking)}<p>Written by insarfeat {escape(insarfeat.__version__)}.</p></footer>\n"
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _head(title: str, meaning: str = "", *, number: bool = True) -> str:
    hint = f' title="{escape(meaning)}"' if meaning else ""
    kind = ' class="number"' if number else ""
    return f"<th{kind}{hint}><button>{escape(title)}</button></th>"


def _row(row: RankedPair, ranking: Ranking) -> str:
    state = "kept" if row.keep else "rejected" if row.error is None else "failed"
    word = "keep" if row.keep else "reject" if row.error is None else "unreadable"
    score = "" if row.error is not None else f"{row.score:.2f} "
    days_told = (day.isoformat() for day in (row.primary, row.secondary) if day is not None)
    dates = " – ".join(f'<span class="day">{day}</span>' for day in days_told)
    days = "" if row.baseline_days is None else f"{row.baseline_days:g}"
    name = escape(row.name)
    broken = name.replace("_", "_<wbr>")
    cells = [
        f'<td class="number" data-value="{score.strip()}">{score}<small class="verdict">{word}</small></td>',
        f"<td>{_picture(row, 'wrapped_phase')}</td><td>{_picture(row, 'coherence')}</td>",
        f'<td class="name" data-value="{name}"><b>{broken}</b><small>{dates}</small></td>',
        f'<td class="number" data-value="{days}">{days or "–"}</td>',
        *(_number(column, row.quality, ranking) for column in _COLUMNS),
        f'<td class="why">{_reasons(row)}</td>',
    ]
    return f'<tr class="{state}">{"".join(cells)}</tr>'


def _picture(row: RankedPair, layer: str) -> str:
    if row.sketch is None:
        return ""
    packed = base64.b64encode(row.sketch.png(layer)).decode()
    words = f"{'Wrapped phase' if layer == 'wrapped_phase' else 'Coherence'} of {row.name}"
    return f'<img loading="lazy" src="data:image/png;base64,{packed}" alt="{escape(words)}">'


def _number(column: _Column, quality: Quality | None, ranking: Ranking) -> str:
    value = math.nan if quality is None else float(getattr(quality, column.measure))
    if quality is None or math.isnan(value):
        return '<td class="number" data-value="">–</td>'
    shown = column.form(value)
    if ranking.rules.passes(column.measure, value):
        shown = f'<span class="past">{shown}</span>'
    more = ""
    if column.measure == "stratified":
        more = f"<small>{quality.stratified_slope:+.2f} / 100 m</small>"
    if column.measure == "mean_coherence" and quality.coherence_from == "phase":
        more = "<small>of the phase</small>"
    if column.measure == "turbulence" and quality.unit == "pixels":
        more = "<small>64 to 320 px</small>"
    return f'<td class="number" data-value="{value:.6g}">{shown}{more}</td>'


def _reasons(row: RankedPair) -> str:
    reasons = row.reasons if row.error is None else (row.error,)
    if not reasons and row.keep:
        return "nothing against it"
    return f'<ul class="reasons">{"".join(f"<li>{escape(reason)}</li>" for reason in reasons)}</ul>'


def _explained(ranking: Ranking) -> str:
    meanings = "; ".join(f"{escape(column.title)}: {escape(column.meaning)}" for column in _COLUMNS)
    notes = [f"<p>{meanings}. A dash is what cannot be told.</p>"]
    if any(row.quality is not None and row.quality.coherence_from == "phase" for row in ranking):
        notes.append(
            "<p>“Of the phase”: there was no coherence layer, and that of the phase alone took its place, which "
            "fringes lower and filtering raises.</p>"
        )
    if any(row.quality is not None and row.quality.unit == "pixels" for row in ranking):
        notes.append(
            "<p>“px”: the layers do not tell how long their pixels are, so turbulence is what is left between 64 and "
            "320 pixels.</p>"
        )
    return "".join(notes)
