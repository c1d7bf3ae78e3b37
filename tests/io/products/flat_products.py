"""What the tests of flat-binary products share: a radar's geometry by hand, and files damaged at random."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from insarfeat.errors import InsarfeatError
from insarfeat.io.products import open_product

Array = NDArray[Any]


@dataclass(frozen=True)
class Sight:
    """Unit vectors east, north, up from the ground to a satellite, by nothing but coordinates."""

    east: Array
    north: Array
    up: Array

    @property
    def incidence(self) -> Array:
        return np.degrees(np.arccos(self.up))

    @property
    def heading(self) -> Array:
        """Of a right-looking radar: the satellite stands to the left of the flight direction."""
        found = np.degrees(np.arctan2(self.east, self.north)) + 90
        return (found + 180) % 360 - 180


def sight(shape: tuple[int, int], *, ascending: bool = True) -> Sight:
    """Pixels around 46 N 11 E, seen from 700 km above a place to their west (ascending) or east."""
    latitude, longitude = np.meshgrid(
        np.linspace(46.2, 45.8, shape[0]), np.linspace(10.8, 11.2, shape[1]), indexing="ij"
    )
    satellite = _cartesian(46.9, 11.0 + (-6.6 if ascending else 6.6), 700e3)
    lon, lat = np.radians(longitude), np.radians(latitude)
    away = satellite - _cartesian(latitude, longitude, 0.0)
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(away, -1, 0)
    return Sight(
        -np.sin(lon) * x + np.cos(lon) * y,
        -np.sin(lat) * np.cos(lon) * x - np.sin(lat) * np.sin(lon) * y + np.cos(lat) * z,
        np.cos(lat) * np.cos(lon) * x + np.cos(lat) * np.sin(lon) * y + np.sin(lat) * z,
    )


def _cartesian(latitude: Any, longitude: Any, height: float) -> Array:
    """WGS 84."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    squared = 0.00669437999014
    radius = 6378137.0 / np.sqrt(1 - squared * np.sin(lat) ** 2)
    flat = (radius + height) * np.cos(lat)
    return np.stack(
        [flat * np.cos(lon), flat * np.sin(lon), (radius * (1 - squared) + height) * np.sin(lat)], axis=-1
    )


def interferogram(shape: tuple[int, int], seed: int = 0) -> Array:
    """Complex numbers with a hole of 0+0j."""
    rng = np.random.default_rng(seed)
    found = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("c8")
    found[1, 2:4] = 0
    return found


def real(shape: tuple[int, int], seed: int = 1) -> Array:
    """Numbers between 0 and 1 with a hole of 0."""
    found = np.random.default_rng(seed).uniform(0.05, 1, shape).astype("f4")
    found[2, 1:3] = 0
    return found


def blanked(values: Array) -> Array:
    """The same with NaN for 0."""
    return np.where(values == 0, np.nan, values).astype(values.dtype)


def computed(dataset: xr.Dataset) -> dict[str, Array]:
    """All layers, on this thread."""
    whole = dataset.compute(scheduler="sync")
    return {str(name): layer.values for name, layer in whole.data_vars.items()}


def same(one: Array, other: Array) -> bool:
    """Bit for bit, but any NaN is as good as another."""
    return (
        one.shape == other.shape and one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    )


@dataclass(frozen=True)
class Damage:
    """One file, as it was and as it is now."""

    path: Path
    before: bytes
    after: bytes

    @property
    def touched(self) -> int:
        """How many bytes differ, where the length is the same."""
        return sum(one != other for one, other in zip(self.before, self.after, strict=False))

    @property
    def lines(self) -> str:
        """Lines of a header that are new, and those that are gone."""
        before, after = (
            set(text.decode("utf-8", "replace").splitlines()) for text in (self.before, self.after)
        )
        return "\n".join(sorted(before ^ after))


def damages(folder: Path, files: list[Path], cases: int, seed: int) -> Iterator[Damage]:
    """Files flipped, cut, spliced and emptied one after another; each is whole again before the next is damaged."""
    rng = random.Random(seed)
    for _ in range(cases):
        path = rng.choice(files)
        before = path.read_bytes()
        after = _damaged(rng, before)
        if after == before:
            continue
        path.write_bytes(after)
        try:
            yield Damage(path, before, after)
        finally:
            path.write_bytes(before)


def _damaged(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    kind = rng.choice(
        ["flip", "flip", "flips", "digit", "digit", "cut", "splice", "drop", "double", "zero", "junk"]
    )
    place = rng.randrange(len(data))
    stop = min(len(data), place + rng.randrange(1, 40))
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else rng.randrange(2, 12)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == "digit":
        digits = [index for index, byte in enumerate(data) if 48 <= byte < 58]
        if digits:
            data[rng.choice(digits)] = rng.choice(b"0123456789-.")
    elif kind == "cut":
        del data[place:]
    elif kind == "splice":
        other = rng.randrange(len(data))
        data[place:stop] = data[other : other + stop - place]
    elif kind == "drop":
        del data[place:stop]
    elif kind == "double":
        data[place:place] = data[place:stop] * rng.randrange(1, 4)
    elif kind == "zero":
        data[place:stop] = bytes(stop - place)
    else:
        data[place:stop] = rng.randbytes(stop - place)
    return bytes(data)


def check_damaged(
    product: Path,
    files: list[Path],
    *,
    rasters: tuple[str, ...],
    explained: Callable[[Damage, str, Array, Array], bool],
    pair: str | None = None,
    cases: int = 1000,
    seed: int = 0,
) -> dict[str, int]:
    """Open and read damaged products: each ends in a package error, or in what was there, or in what is explained.

    ``rasters`` are the suffixes of raster files: damage of the same length there changes pixels, as it must, but no
    more than were touched. Every case has twenty seconds.
    """
    truth = computed(open_product(product, pair=pair))
    ends = {"error": 0, "same": 0, "pixels": 0, "explained": 0}
    for damage in damages(product, files, cases, seed):
        where = f"{damage.path.name}: {damage.lines[:300] if not damage.path.name.endswith(rasters) else ''}"
        try:
            with _within(20.0):
                found = computed(open_product(product, pair=pair))
        except InsarfeatError:
            ends["error"] += 1
            continue
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error} of {where}") from error
        worst = "same"
        for name in truth.keys() - found.keys():
            assert explained(damage, name, truth[name], np.zeros(0)), f"{name} is gone: {where}"
        for name in truth.keys() & found.keys():
            if same(truth[name], found[name]):
                continue
            pixels = damage.path.name.endswith(rasters) and len(damage.before) == len(damage.after)
            if pixels and truth[name].shape == found[name].shape:
                with np.errstate(all="ignore"):
                    differ = (truth[name] != found[name]) & ~(np.isnan(truth[name]) & np.isnan(found[name]))
                if differ.sum() <= damage.touched:
                    worst = "pixels"
                    continue
            assert explained(damage, name, truth[name], found[name]), f"{name} of {where}"
            worst = "explained"
        ends[worst] += 1
    return ends


class _Late(BaseException):
    """No error of the system's, which a reader may catch."""


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise _Late(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
