"""Interferograms in the order in which they deserve to be looked at."""

from __future__ import annotations

import csv
import dataclasses
import json
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from insarfeat.errors import InvalidArgument, OutputExists
from insarfeat.pairs.files import Candidate, Dates, Opener, candidates, state_of
from insarfeat.pairs.journal import Journal, Record, whole_file
from insarfeat.pairs.quality import Quality, measure
from insarfeat.pairs.rules import Rules
from insarfeat.pairs.sketch import Sketch
from insarfeat.tiling import Progress

if TYPE_CHECKING:
    import xarray as xr

    from insarfeat.metrics import Resolution

_DEFAULT_RULES = Rules()
_MEASURES = tuple(one.name for one in dataclasses.fields(Quality))

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RankedPair:
    """A row of a ranking.

    Attributes
    ----------
    name, path
        What it is called, and where it lies (None where it was in memory).
    primary, secondary, baseline_days
        When its images were taken, and the days between; None where nobody knows.
    quality
        Its numbers; None where it could not be read.
    score, keep, reasons
        As in :class:`insarfeat.pairs.Verdict`.
    error
        Why it could not be read, else None.
    """

    name: str
    path: Path | None
    primary: date | None
    secondary: date | None
    baseline_days: float | None
    quality: Quality | None
    score: float
    keep: bool
    reasons: tuple[str, ...]
    error: str | None = None
    sketch: Sketch | None = field(default=None, repr=False, compare=False)


class Ranking(Sequence[RankedPair]):
    """Rows, the best first; those that could not be read come last.

    Attributes
    ----------
    rules
        The rules that it was made by.
    """

    def __init__(self, rows: Iterable[RankedPair], rules: Rules) -> None:
        self.rules = rules
        self._rows = tuple(sorted(rows, key=lambda row: (row.error is not None, -row.score, row.name)))

    @overload
    def __getitem__(self, index: int) -> RankedPair: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RankedPair, ...]: ...
    def __getitem__(self, index: int | slice) -> RankedPair | tuple[RankedPair, ...]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Ranking(kept {len(self.kept)} of {len(self)})"

    @property
    def kept(self) -> tuple[RankedPair, ...]:
        """The rows that are worth interpreting."""
        return tuple(row for row in self if row.keep)

    def judged(self, rules: Rules) -> Ranking:
        """The same interferograms under other rules; nothing is read again."""
        return Ranking((_judged(row, rules) for row in self), rules)

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write one line per interferogram; shares are from 0 to 1, what is not known is empty."""
        out = _free(path, overwrite)
        with whole_file(out) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(_plain(self._rows[0])) if self._rows else ["name"])
            table.writeheader()
            for row in self:
                plain = _plain(row)
                table.writerow(plain | {"reasons": "; ".join(plain["reasons"])})
        return out

    def to_json(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the rules, and one object per interferogram; what is not known is null."""
        out = _free(path, overwrite)
        text = json.dumps(
            {"rules": dataclasses.asdict(self.rules), "pairs": [_plain(row) for row in self]},
            indent=1,
            ensure_ascii=False,
            allow_nan=False,
        )
        with whole_file(out) as unfinished:
            unfinished.write_text(text + "\n", encoding="utf-8")
        return out

    def to_html(
        self, path: str | Path, *, title: str = "Ranking of interferograms", overwrite: bool = False
    ) -> Path:
        """Write one page that needs nothing else: a table to sort, with a picture of each phase and coherence.

        Raises
        ------
        OutputExists
            Where the file is there and ``overwrite`` is False.
        MissingExtra
            Where matplotlib is not installed.
        """
        from insarfeat.pairs.page import page_of

        out = _free(path, overwrite)
        text = page_of(self, title)
        with whole_file(out) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
        return out


def rank(
    pairs: str | Path | Iterable[Any],
    *,
    rules: Rules = _DEFAULT_RULES,
    elevation: xr.DataArray | str | Path | None = None,
    resolution: Resolution | None = None,
    open: Opener | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    resume: str | Path | None = None,
) -> Ranking:
    """Measure interferograms one after the other and put them in order, the best first.

    One that cannot be read does not stop the others: it gets a row with its error, at the end.

    Parameters
    ----------
    pairs
        A folder, of which all interferograms are taken (:func:`insarfeat.io.list_products`, else all ``.nc``,
        ``.tif`` and ``.zarr`` in it); or an iterable of paths and Datasets.
    rules
        What is asked of them.
    elevation
        Elevation in metres for all of them: a DataArray, or a file with one; brought to the grid of each. Without it
        each one's own layer ``elevation`` counts, if it has one.
    resolution
        Metres per pixel, for those without coordinates.
    open
        Takes a path and gives a Dataset; by default :func:`insarfeat.io.open_product`.
    progress
        Called with a :class:`insarfeat.tiling.Progress` after each interferogram.
    resume
        File in which measurements are kept while it runs. Where it is left from a run that was stopped, files that
        have not changed since are not read again; it stays, and is the caller's to remove.

    Returns
    -------
    Ranking
        A sequence of :class:`RankedPair`.

    Examples
    --------
    >>> import insarfeat
    >>> scene = insarfeat.synth.scene(seed=1, size=256, style="images")
    >>> ifg = insarfeat.filters.interferogram(scene["primary"], scene["secondary"])
    >>> good = ifg.to_dataset(name="interferogram").assign(coherence=scene["coherence_true"], title="good")
    >>> poor = good.assign(coherence=0.2 * good["coherence"])
    >>> ranking = rank([good.assign_attrs(title="good"), poor.assign_attrs(title="poor")])
    >>> [row.name for row in ranking], ranking[1].reasons[0]
    (['good', 'poor'], 'the mean coherence is 0.12 (limit 0.35)')
    """
    found = candidates(pairs, open)
    heights, known_as = _elevation(elevation)
    journal = None if resume is None else Journal(Path(resume))
    rows = []
    for number, candidate in enumerate(found):
        key = key_of(candidate, known_as, resolution)
        if journal is None or key not in journal:  # what was measured before is no sign of how fast it goes
            progress(Progress("ranking", number, len(found)))
        rows.append(_row(candidate, rules, journal, key, (heights, resolution)))
    progress(Progress("ranking", len(found), len(found)))
    return Ranking(rows, rules)


def key_of(candidate: Candidate, elevation: str, resolution: Resolution | None) -> str | None:
    """What the measurements of an interferogram depend on; None where that cannot be told."""
    identity = candidate.identity
    return None if identity is None else f"{identity}|{elevation}|{resolution}"


def elevation_key(elevation: xr.DataArray | str | Path | None) -> str:
    """What tells one elevation from another."""
    if elevation is None:
        return "none"
    if isinstance(elevation, str | Path):
        return state_of(Path(elevation))
    from dask.base import tokenize

    return str(tokenize(elevation))


def _elevation(elevation: Any) -> tuple[Any, str]:
    if not isinstance(elevation, str | Path):
        return elevation, elevation_key(elevation)
    from insarfeat.io import open_stack

    stack = open_stack(elevation)
    rasters = {
        str(name): one for name, one in stack.data_vars.items() if one.ndim >= 2 and one.dtype.kind in "fiu"
    }
    if "elevation" not in rasters and len(rasters) != 1:
        raise InvalidArgument(
            f"elevation: {Path(elevation).name} holds no layer 'elevation' and not one raster alone "
            f"({', '.join(rasters) or 'none'}); pass the DataArray that is meant"
        )
    return rasters.get("elevation", next(iter(rasters.values()))), elevation_key(elevation)


def _row(
    candidate: Candidate,
    rules: Rules,
    journal: Journal | None,
    key: str | None,
    beside: tuple[Any, Resolution | None],
) -> RankedPair:
    record = None if journal is None else journal.get(key)
    if record is None:
        try:
            record = _measured(candidate, *beside)
        except Exception as error:  # whatever is wrong with one, the others must get their turn
            _log.debug("%s could not be judged", candidate.name, exc_info=True)
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            dates = Dates.of(_names(candidate), {})
            return RankedPair(
                candidate.name,
                candidate.place,
                dates.primary,
                dates.secondary,
                dates.days,
                None,
                0.0,
                False,
                (),
                message,
            )
        if journal is not None:
            journal.put(key, record)
    dates = record.dates
    row = RankedPair(
        candidate.name,
        candidate.place,
        dates.primary,
        dates.secondary,
        dates.days,
        record.quality,
        0.0,
        False,
        (),
        None,
        record.sketch,
    )
    return _judged(row, rules)


def _measured(candidate: Candidate, elevation: Any, resolution: Resolution | None) -> Record:
    layers = candidate.open()
    found = measure(layers, elevation, resolution)
    dates = Dates.of(_names(candidate), getattr(layers, "attrs", {}))
    return Record(found.quality, dates, Sketch.of(found.cells, found.north_up))


def _names(candidate: Candidate) -> str:
    """All that it is called, the most particular first."""
    return " ".join(str(part) for part in (candidate.pair, candidate.name, candidate.place) if part)


def _judged(row: RankedPair, rules: Rules) -> RankedPair:
    if row.quality is None:
        return row
    verdict = rules.judge(row.quality)
    return dataclasses.replace(row, score=verdict.score, keep=verdict.keep, reasons=verdict.reasons)


def _plain(row: RankedPair) -> dict[str, Any]:
    """A row as numbers and text; None where something is not known."""
    measures = {} if row.quality is None else dataclasses.asdict(row.quality)
    return {
        "name": row.name,
        "path": None if row.path is None else str(row.path),
        "primary": None if row.primary is None else row.primary.isoformat(),
        "secondary": None if row.secondary is None else row.secondary.isoformat(),
        "baseline_days": row.baseline_days,
        "keep": row.keep,
        "score": round(row.score, 4),
        "reasons": list(row.reasons),
        "error": row.error,
    } | {name: _number(measures.get(name)) for name in _MEASURES}


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _free(path: str | Path, overwrite: bool) -> Path:
    out = Path(path)
    if out.exists() and not overwrite:
        raise OutputExists(f"path {out} is there already; pass overwrite=True or another path")
    return out
