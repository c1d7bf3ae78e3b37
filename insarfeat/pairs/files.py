"""Which interferograms there are to rank, where they lie, and when they were taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.io.products.parts import dates_in

if TYPE_CHECKING:
    import xarray as xr

Opener = Callable[[Path], "xr.Dataset"]

_STACKS = (".nc", ".tif", ".tiff", ".zarr")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One interferogram to judge.

    Attributes
    ----------
    name
        What it is called.
    place
        File or folder; None where it is in memory.
    pair
        Which one of several in this place.
    open
        Gives its layers.
    """

    name: str
    place: Path | None
    pair: str | None
    open: Callable[[], Any]

    @property
    def identity(self) -> str | None:
        """Changes with the files: their place, sizes and times; None where it is in memory or not there."""
        if self.place is None:
            return None
        try:
            return f"{self.place.absolute()}|{self.pair}|{_state(self.place)}"
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class Dates:
    """When the two images were taken, and the days between; None where nobody knows.

    >>> Dates.of("S1_20230904_20230916_VV", {}).days
    12.0
    """

    primary: date | None
    secondary: date | None
    days: float | None

    @classmethod
    def of(cls, name: str, attributes: Mapping[Any, Any]) -> Dates:
        """From the attributes of a dataset, else from the first two dates in a name."""
        stated = [_day(attributes.get(f"{which}_date")) for which in ("primary", "secondary")]
        if None in stated:
            # One image's name may hold one date several times.
            found = list(dict.fromkeys(dates_in(name)))
            stated = list(found[:2]) if len(found) >= 2 else [None, None]
        primary, secondary = stated
        days: float | None = None
        if primary is not None and secondary is not None:
            days = float((secondary - primary).days)
        for key in ("temporal_baseline_days", "baseline_days"):
            if days is None and key in attributes:
                days = float(attributes[key])
        return cls(primary, secondary, days)


def candidates(pairs: Any, opener: Opener | None) -> list[Candidate]:
    """The interferograms in a folder, or those that were given one by one."""
    if isinstance(pairs, str | Path):
        found = _in_folder(Path(pairs), opener)
    elif isinstance(pairs, Iterable) and not isinstance(pairs, Mapping):
        found = [_candidate(one, number, opener) for number, one in enumerate(pairs, 1)]
    else:
        raise InvalidType(
            "pairs must be a folder, or an iterable of paths and Datasets; got "
            f"{type(pairs).__name__} (one Dataset alone: insarfeat.pairs.assess)"
        )
    if not found:
        raise InvalidArgument("pairs is empty; give at least one interferogram")
    return _told_apart(found)


def _in_folder(folder: Path, opener: Opener | None) -> list[Candidate]:
    from insarfeat.io import list_products

    # Single images are products, too, but no pairs.
    products = [one for one in list_products(folder) if "SLC" not in one.title]
    if not products:
        raise InvalidArgument(
            f"{folder} holds no interferogram: no product of a known processor, no .nc, .tif or .zarr"
        )
    if opener is None:
        return [_candidate(one, 0, None) for one in products]
    # An opener is told a path and nothing else.
    return [_candidate(path, 0, opener) for path in dict.fromkeys(one.path for one in products)]


def _candidate(one: Any, number: int, opener: Opener | None) -> Candidate:
    if isinstance(one, str | Path):
        path = Path(one)
        return Candidate(_called(path), path, None, lambda: (opener or _open)(path))
    if hasattr(one, "path") and hasattr(one, "pair"):
        place, pair = Path(one.path), one.pair
        name = str(pair or _called(place))
        if opener is not None:
            return Candidate(name, place, pair, lambda: opener(place))
        return Candidate(name, place, pair, lambda: _open(place, pair))
    if isinstance(one, Mapping):
        attributes = getattr(one, "attrs", {})
        return Candidate(str(attributes.get("title", f"pair {number}")), None, None, lambda: one)
    raise InvalidType(f"pairs must hold paths and Datasets; number {number} is a {type(one).__name__}")


def _called(path: Path) -> str:
    return path.stem if path.suffix.lower() in _STACKS else path.name


def _open(path: Path, pair: str | None = None) -> Any:
    from insarfeat.io import open_product

    return open_product(path, pair=pair)


def _told_apart(found: list[Candidate]) -> list[Candidate]:
    """Names that occur twice get their folders, or a number."""
    names = [one.name for one in found]
    apart = []
    for number, one in enumerate(found, 1):
        name = one.name
        if names.count(name) > 1:
            name = f"{one.place.parent.name}/{name}" if one.place is not None else f"{name} ({number})"
        apart.append(Candidate(name, one.place, one.pair, one.open))
    return apart


def _state(place: Path) -> str:
    """Number, size and time of the files in a place."""
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    states = [path.stat() for path in files]
    if not states:
        raise FileNotFoundError(place)
    return f"{len(states)}-{sum(one.st_size for one in states)}-{max(one.st_mtime_ns for one in states)}"


def state_of(place: Path) -> str:
    """A place with the state of its files."""
    return f"{place.absolute()}|{_state(place)}"


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10] if "-" in str(value) else str(value)[:8])
    except ValueError:
        return None
