"""The page: sections, banner and style in one HTML file that needs nothing else."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable
from html import escape
from pathlib import Path

import xarray as xr

from insarfeat import __version__
from insarfeat.errors import InvalidType, OutputExists, WriteFailed
from insarfeat.report._marks import STYLE as MARKS
from insarfeat.report.blind import BlindSpots
from insarfeat.report.found import Found
from insarfeat.report.sections import SECTIONS
from insarfeat.report.subject import Section, Subject

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2328; --faint: #5d6870; --paper: #fbfbfa; --card: #fff;
  --line: #d9dcde; --mark: #3d6f9e; --warn: #fff3d6; --warn-line: #d99a1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7e9; --faint: #9aa5ad; --paper: #15191c;
  --card: #1d2327; --line: #363e44; --mark: #7fb2e0; --warn: #3a2f14; --warn-line: #d99a1c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem 1.2rem 3rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { margin: .6rem 0 .2rem; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .8rem; font-size: 1.25rem; }
h3 { margin: 1.4rem 0 .5rem; font-size: 1rem; }
nav a { margin-right: 1.1rem; color: var(--mark); }
.banner { margin: 1rem 0; padding: .7rem 1rem; border-left: .4rem solid var(--warn-line);
  background: var(--warn); border-radius: .2rem; }
.cautions { margin: 1rem 0; padding: .7rem 1rem .7rem 2rem; border-left: .4rem solid var(--warn-line);
  background: var(--warn); border-radius: .2rem; }
.cautions b { display: block; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
thead th { color: var(--faint); font-weight: normal; }
tbody th { font-weight: 600; }
.layers :is(td, th) { white-space: nowrap; }
.layers td:nth-child(2) { white-space: normal; min-width: 12rem; }
.facts td { overflow-wrap: anywhere; white-space: pre-wrap; min-width: 12rem; }
.maps { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.distributions { display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
figure { margin: 0; padding: .6rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--card); break-inside: avoid; }
img { display: block; width: 100%; max-width: 46rem; height: auto; margin: 0 auto; border-radius: .2rem; }
figcaption { padding-top: .4rem; color: var(--faint); font-size: .85rem; overflow-wrap: anywhere; }
figcaption b { color: var(--ink); }
svg { display: block; width: 100%; }
svg path { fill: var(--mark); }
svg line { stroke: var(--faint); }
svg text { fill: var(--faint); font-size: 12px; }
.reasons i { display: block; height: .5rem; min-width: 1px; background: var(--mark); }
.reasons td:nth-child(2) { min-width: 7rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
.loadings svg { max-width: 24rem; margin: 0 auto; }
.shares { margin: 0; padding: 0; list-style: none; font-size: .9rem; }
.shares i { display: block; height: .5rem; min-width: 1px; margin: .1rem 0 .5rem; background: var(--mark); }
.told { font-weight: 600; }
.tall { position: relative; max-height: 28rem; overflow-y: auto; border-bottom: 1px solid var(--line); }
.listed { min-width: 0; }
.found > :nth-child(even) + .listed { grid-column: 1 / -1; }
.tall thead th { position: sticky; top: 0; background: var(--paper); }
.sortable :is(td, th) { white-space: nowrap; }
.sortable button { all: unset; cursor: pointer; }
.sortable button:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
.sortable [aria-sort] button::after { content: " ▾"; }
.sortable [aria-sort="ascending"] button::after { content: " ▴"; }
footer { margin-top: 2.5rem; color: var(--faint); font-size: .85rem; }
@media print { body { max-width: none; padding: 0; background: #fff; } nav { display: none; }
  .maps { grid-template-columns: 1fr 1fr; } h2 { break-after: avoid; }
  .wide { overflow: visible; } .maps > .wide { grid-column: 1 / -1; }
  .layers { font-size: .7rem; } .layers :is(td, th) { padding-right: .5rem; }
  .layers tbody th { white-space: normal; overflow-wrap: anywhere; } .layers td:nth-child(2) { min-width: 0; }
  .listed { grid-column: 1 / -1; } .tall { max-height: none; overflow: visible; } .hint { display: none; } }
"""

_BANNER = (
    '<p class="banner" role="note"><b>Synthetic data.</b> This scene was drawn from random numbers and shows no '
    "real ground. How well a method does here does not tell how well it does on real data.</p>"
)


def write_report(
    dataset: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    detections: Iterable[Found | BlindSpots] = (),
    title: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write one self-contained HTML page about a dataset: overview, what was found, maps, distributions, provenance.

    Parameters
    ----------
    dataset
        Layers with dims (y, x) or (lat, lon), NumPy or Dask. Of leading dims the first slice is shown. Where a
        side exceeds 1200 pixels, only every n-th row and column is read. Other variables are left out.
    path
        File to write. It appears when it is whole, or not at all.
    detections
        What was found in it: each becomes a part of the section Detections, with outlines over the wrapped phase and
        the relief, a table, and a comparison with the layer ``landslide``, the truth. Maps of where nothing could
        have been found are given among them, and have a section of their own. :func:`insarfeat.report.gather` reads
        them, and result layers that join the dataset, from files.
    title
        Heading; without it the dataset's attribute ``title``, or the name of the file.
    overwrite
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputExists
        Where the file is there and ``overwrite`` is False.
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(xr.Dataset({"slope": (("y", "x"), [[1.0, 2.0]])}), f"{folder}/page.html")
    ...     print(page.name, page.read_text(encoding="utf-8")[:15])
    page.html <!doctype html>
    """
    if not isinstance(dataset, xr.Dataset):
        raise InvalidType(
            f"dataset is a {type(dataset).__name__}; it must be an xarray.Dataset: "
            "for one layer pass layer.to_dataset()"
        )
    results = tuple(detections)
    for found in results:
        if not isinstance(found, Found | BlindSpots):
            raise InvalidType(
                f"detections holds a {type(found).__name__}; it must hold report.Found or report.BlindSpots: read "
                "files with report.gather, or name what you have, as in Found('by eye', polygons)"
            )
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputExists(f"path {path} is there already; pass overwrite=True or another path")
    subject = Subject.of(dataset, results)
    sections = [section for make in SECTIONS if (section := make(subject)) is not None]
    _write_whole(path, _page(title or str(dataset.attrs.get("title", path.stem)), sections, _banner(dataset)))
    return path


def _page(title: str, sections: list[Section], banner: str) -> str:
    links = " ".join(
        f'<a href="#{escape(section.anchor)}">{escape(section.title)}</a>' for section in sections
    )
    bodies = "".join(
        f'<section id="{escape(section.anchor)}"><h2>{escape(section.title)}</h2>{section.html}</section>\n'
        for section in sections
    )
    scripts = "".join(dict.fromkeys(section.script for section in sections))
    script = f"<script>{scripts}</script>\n" if scripts else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{MARKS}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>{banner}<nav>{links}</nav></header>\n<main>\n{bodies}</main>\n"
        f"<footer>Written by insarfeat {escape(__version__)}.</footer>\n{script}</body>\n</html>\n"
    )


def _banner(dataset: xr.Dataset) -> str:
    """Words that a page about synthetic data, or about what a model has predicted, opens with."""
    synthetic = _BANNER if "synthetic" in str(dataset.attrs.get("source", "")).lower() else ""
    return synthetic + Found("", (), dataset.attrs).banner


def _write_whole(path: Path, text: str) -> None:
    """Write beside the file and rename, so that nobody ever finds half a page."""
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as reason:
        raise WriteFailed(
            f"path {path} cannot be written ({reason.strerror}); check that its folder is there and writable"
        ) from reason
    finally:
        with contextlib.suppress(OSError):  # what is wrong with the folder has been told
            unfinished.unlink(missing_ok=True)
