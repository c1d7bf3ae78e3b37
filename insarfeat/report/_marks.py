"""Outlines that can be chosen: in the figures as vector graphics over the picture, in the table as rows to sort."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from insarfeat.plot._outlines import PlacedOutline

_ACROSS = 1000  # units of the graphic, about two for each pixel of the screen

STYLE = """
.stage { position: relative; max-width: 46rem; margin: 0 auto; }
.stage svg { position: absolute; overflow: hidden; }
.marks path { fill: transparent; stroke: transparent; stroke-width: 7; vector-effect: non-scaling-stroke;
  pointer-events: all; }
.live .marks path { cursor: pointer; }
.live .marks path:hover { stroke: #ffd400; stroke-width: 2; }
.marks path.chosen, .live .marks path.chosen { stroke: #ffd400; stroke-width: 3;
  filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 2px #000); }
.live .sortable tbody tr { cursor: pointer; }
.live .sortable tbody tr:hover { background: color-mix(in srgb, var(--mark) 10%, transparent); }
.sortable tr[aria-selected="true"], .live .sortable tr[aria-selected="true"]:hover {
  background: color-mix(in srgb, var(--mark) 25%, transparent); box-shadow: inset .3rem 0 var(--mark); }
.sortable tbody td:first-child, .sortable thead th:first-child { padding-left: .6rem; }
.sortable { width: 100%; }
.hint, .codes { color: var(--faint); font-size: .85rem; }
"""

SORTING = """
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
      const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return up * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
      };
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up > 0 ? "ascending" : "descending");
      body.append(...[...body.rows].sort(order));
    });
  });
}
"""

MARKING = """
for (const result of document.querySelectorAll(".result")) {
  const table = result.querySelector("table.sortable");
  if (!table) continue;
  const box = table.closest(".tall"), body = table.tBodies[0];
  const marks = [...result.querySelectorAll(".marks path")];
  const button = row => row.querySelector("button");
  const number = row => row.cells[0].dataset.value;
  let chosen = null;
  const show = (row, on) => {
    row.setAttribute("aria-selected", on);
    button(row).setAttribute("aria-pressed", on);
    for (const mark of marks) if (mark.dataset.row === number(row)) mark.classList.toggle("chosen", on);
  };
  const choose = row => {
    if (chosen) show(chosen, false);
    chosen = row === chosen ? null : row;
    if (!chosen) return;
    show(row, true);
    for (const other of body.rows) button(other).tabIndex = other === row ? 0 : -1;
  };
  const inSight = mark => {
    const place = mark.getBoundingClientRect();
    return place.top >= 0 && place.bottom <= innerHeight;
  };
  const bringFigure = () => {
    const own = marks.filter(mark => chosen && mark.dataset.row === number(chosen));
    if (own.length && !own.some(inSight)) own.at(-1).closest("figure").scrollIntoView({block: "nearest"});
  };
  for (const row of body.rows) {
    const cell = row.cells[0], name = document.createElement("button");
    name.append(...cell.childNodes);
    name.setAttribute("aria-label", name.textContent + ", mark in the figures");
    name.tabIndex = row === body.rows[0] ? 0 : -1;
    cell.append(name);
    show(row, false);
    row.addEventListener("click", () => {
      if (String(getSelection())) return;
      choose(row);
      bringFigure();
    });
  }
  body.addEventListener("keydown", event => {
    const row = event.target.closest("tr");
    const next = {ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling}[event.key];
    if (event.key === "Escape" && chosen) choose(chosen);
    if (!next) return;
    event.preventDefault();
    if (next !== chosen) choose(next);
    button(next).focus();
    bringFigure();
  });
  for (const mark of marks) mark.addEventListener("click", () => {
    const row = [...body.rows].find(row => number(row) === mark.dataset.row);
    choose(row);
    box.scrollTop = row.offsetTop - box.clientHeight / 2;
  });
  result.classList.add("live");
  for (const hint of result.querySelectorAll(".hint")) hint.hidden = false;
}
"""


def overlay(figure: Figure, outlines: Sequence[PlacedOutline], titles: Sequence[str]) -> str:
    """Return outlines as SVG that lies exactly over the map of a figure, however large its picture is shown.

    Parameters
    ----------
    figure
        Whose first axes show the map. Its picture must be the whole sheet.
    outlines
        In the coordinates of the axes; they are numbered from 1.
    titles
        What each says when the pointer rests on it.
    """
    axes = figure.axes[0]
    place, sheet = axes.get_position(), figure.get_size_inches()
    down = round(_ACROSS * float(place.height * sheet[1] / (place.width * sheet[0])))
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    scale = np.array([_ACROSS / (east - west), down / (south - north)])
    numbered = list(enumerate(outlines))
    # Small ones last: they are not to be covered.
    numbered.sort(key=lambda one: -_extent(one[1]))
    paths = "".join(
        f'<path data-row="{number + 1}" d="{_path(outline, np.array([west, north]), scale)}">'
        f"<title>{escape(titles[number])}</title></path>"
        for number, outline in numbered
    )
    box = f"left:{100 * place.x0:.3f}%;top:{100 * (1 - place.y1):.3f}%;width:{100 * place.width:.3f}%;height:"
    return (
        f'<svg class="marks" viewBox="0 0 {_ACROSS} {down}" preserveAspectRatio="none" aria-hidden="true" '
        f'style="{box}{100 * place.height:.3f}%">{paths}</svg>'
    )


def _extent(outline: PlacedOutline) -> float:
    west, south, east, north = outline.bounds
    return (east - west) * (north - south)


def _path(outline: PlacedOutline, origin: NDArray[np.float64], scale: NDArray[np.float64]) -> str:
    """Rings in whole units of the graphic, corners that fall together once."""
    drawn = []
    for ring in outline.rings:
        corners = np.round((ring - origin) * scale).astype(int)
        moved = np.any(np.diff(corners, axis=0) != 0, axis=1)
        kept = corners[np.concatenate([[True], moved])]
        steps = "".join(f"l{x} {y}" for x, y in np.diff(kept, axis=0)[: max(len(kept) - 2, 0)].tolist())
        drawn.append(f"M{kept[0][0]} {kept[0][1]}{steps}z")
    return "".join(drawn)
