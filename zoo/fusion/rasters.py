"""Probabilities of many pairs as counts, pixel by pixel and lazily.

Each chunk of pairs is boiled down to a handful of numbers per pixel, and these are merged one chunk after another, so
that memory holds a few tiles, whatever the number of pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType
from insarfeat.georeference import same_grid
from insarfeat.layers import NODATA_BYTE
from insarfeat.tiling.patches.scenes.naming import PAIR
from zoo.fusion.sightings import SeenPair
from zoo.polygons import orbit_of, pair_of

if TYPE_CHECKING:
    import xarray as xr

Block = NDArray[Any]

_HALF = 0.5
_OF_PAIRS = ("primary_date", "secondary_date", "orbit", "orbit_direction")
_BITS = {"A": 1, "D": 2, "": 0}
_EPOCH = date(1970, 1, 1)
_NEVER = 1e9

# What is known of each pixel, as planes of one float64 block: exact for all of them, and one array is one graph.
_SEEN, _CHANCES, _SUM, _MOST, _FIRST, _LAST, _ASCENDING, _DESCENDING = range(8)
_PLANES = 8
_STEPS = 2.0**40
"""Probabilities are summed in steps of 1e-12: such sums are exact, and the same in any order."""


@dataclass(frozen=True, slots=True)
class _PairFacts:
    """Days since 1970 of a pair's two acquisitions, and its orbit as a bit."""

    first: float
    last: float
    bit: int

    @classmethod
    def of(cls, pair: SeenPair) -> _PairFacts:
        days = [float((date.fromisoformat(day) - _EPOCH).days) for day in (pair.first, pair.last)]
        return cls(days[0], days[1], _BITS[pair.orbit])


def counts_of(
    parts: Sequence[Any], threshold: float | None, least: int, orbits: Sequence[str] | None
) -> xr.Dataset:
    """Counts of the probabilities of several pairs."""
    import xarray as xr

    least_probability = _threshold(parts) if threshold is None else float(threshold)
    if not 0 < least_probability <= 1:
        raise InvalidArgument(f"threshold must lie above 0 and not above 1; got {threshold!r}")
    layers = [_probability(part) for part in parts]
    _check_grids(layers)
    pairs = [pair for part, layer in zip(parts, layers, strict=True) for pair in _pairs_of(part, layer)]
    if orbits is not None:
        if isinstance(orbits, str) or len(orbits) != len(pairs) or not set(orbits) <= set(_BITS):
            raise InvalidArgument(
                f'orbits must be "A", "D" or "" for each of the {len(pairs)} pair(s); got {orbits!r}'
            )
        pairs = [replace(pair, orbit=orbit) for pair, orbit in zip(pairs, orbits, strict=True)]
    twice = {pair for pair in pairs if pairs.count(pair) > 1}
    if twice:
        pair = min(twice)
        raise InvalidArgument(
            f"the pair {pair.first} to {pair.last} is there more than once, and what is seen twice in one pair is "
            "not seen again; give one probability per pair, the mean of two models, say"
        )
    facts = [_PairFacts.of(pair) for pair in pairs]
    state = _state([layer.data for layer in layers], facts, least_probability)
    first = layers[0]
    coords = {
        name: one for name, one in first.coords.items() if PAIR not in one.dims and name not in _OF_PAIRS
    }
    made = {
        name: xr.Variable(first.dims[-2:], values, attributes)
        for name, (values, attributes) in _layers(state, least).items()
    }
    attrs = {"fused_pairs": len(pairs), "fused_least": least, "threshold": least_probability}
    return xr.Dataset(made, coords, {**_told(parts), **attrs})


def _threshold(parts: Sequence[Any]) -> float:
    """That of the model, where the results tell it."""
    told = {float(part.attrs["threshold"]) for part in parts if "threshold" in part.attrs}
    if len(told) > 1:
        raise InvalidArgument(
            f"results have different thresholds ({sorted(told)}); say which one with threshold="
        )
    return told.pop() if told else _HALF


def _probability(part: Any) -> xr.DataArray:
    """The one layer of probabilities, as (pair, y, x)."""
    layer = part
    if hasattr(part, "data_vars"):
        fitting = [one for one in part.data_vars.values() if one.ndim >= 2 and one.dtype.kind == "f"]
        if len(fitting) != 1:
            raise InvalidArgument(
                f"results holds a Dataset with {len(fitting)} layers that may be probabilities, out of "
                f"{list(part.data_vars)}; give the one that is, as dataset['landslide_probability']"
            )
        layer = fitting[0]
    if layer.ndim == 2 and layer.dtype.kind == "f":
        # One pair: of several it has kept its name, alone it has two dates.
        layer = layer.drop_vars(PAIR, errors="ignore").expand_dims({PAIR: [pair_of(part)]})
    if layer.ndim != 3 or layer.dims[0] != PAIR or layer.dtype.kind != "f":
        raise InvalidType(
            f"results must be probabilities (pair, y, x); got {layer.dtype} with the dimensions {layer.dims}: take "
            "one class, as layer.sel(...), or put pairs first, as layer.transpose('pair', 'y', 'x')"
        )
    if not layer.sizes[PAIR]:
        raise InvalidArgument("results holds a raster without any pair; leave it out")
    found: xr.DataArray = layer
    return found


def _check_grids(layers: Sequence[xr.DataArray]) -> None:
    try:
        same_grid([layer.isel({PAIR: 0}) for layer in layers])
    except GridMismatch as error:
        raise GridMismatch(
            f"results lie on different grids ({error}); bring them to one first, as in "
            "insarfeat.geometry.regrid(descending, ascending)"
        ) from error


def _pairs_of(part: Any, layer: xr.DataArray) -> list[SeenPair]:
    """Days and orbits of all pairs of a raster."""
    count = layer.sizes[PAIR]
    dated = {"primary_date", "secondary_date"} <= {
        name for name, one in layer.coords.items() if PAIR in one.dims
    }
    if dated:
        days = [layer.coords[name].values.astype(str).tolist() for name in ("primary_date", "secondary_date")]
        names = [f"{one[:10]}_{other[:10]}".replace("-", "") for one, other in zip(*days, strict=True)]
    elif PAIR in layer.coords:
        names = [str(name) for name in layer.coords[PAIR].values]
    else:
        raise InvalidArgument(
            "results do not say when their pairs were taken; name them, as in "
            "layer.assign_coords(pair=['20230904_20230916', ...])"
        )
    orbits = [orbit_of(part)] * count
    for name in ("orbit", "orbit_direction"):
        if name in layer.coords:
            # "ascending", "DESCENDING" and "A" alike.
            given = np.broadcast_to(layer.coords[name].values, (count,)).tolist()
            orbits = [str(orbit)[:1].upper() for orbit in given]
    return [SeenPair.named(name, orbit) for name, orbit in zip(names, orbits, strict=True)]


def _state(arrays: Sequence[Any], facts: Sequence[_PairFacts], threshold: float) -> Any:
    """All planes, lazy where one of the arrays is."""
    import dask.array as da

    if not any(isinstance(array, da.Array) for array in arrays):
        return _merged(
            *(_folded(array, tuple(some), threshold) for array, some in _shared_out(arrays, facts))
        )
    # Dask is typed in parts only.
    map_blocks: Any = da.map_blocks
    from_array: Any = da.from_array
    guide = next(array for array in arrays if isinstance(array, da.Array))
    states = []
    for array, some in _shared_out(arrays, facts):
        # Chunks of the first lazy raster are those of the result; rasters of the same grid seldom have others.
        lazy = array if isinstance(array, da.Array) else from_array(array, chunks=(1, *guide.chunks[1:]))
        lazy = (
            lazy if lazy.chunks[1:] == guide.chunks[1:] else lazy.rechunk((lazy.chunks[0], *guide.chunks[1:]))
        )
        start = 0
        for size in lazy.chunks[0]:
            states.append(
                map_blocks(
                    _folded,
                    lazy[start : start + size],
                    tuple(some[start : start + size]),
                    threshold,
                    chunks=((_PLANES,), *guide.chunks[1:]),
                    dtype=np.float64,
                    meta=np.empty((0, 0, 0)),
                )
            )
            start += size
    whole = states[0]
    for state in states[1:]:
        whole = map_blocks(_merged, whole, state, dtype=np.float64, meta=np.empty((0, 0, 0)))
    return whole


def _shared_out(arrays: Sequence[Any], facts: Sequence[_PairFacts]) -> list[tuple[Any, Sequence[_PairFacts]]]:
    borders = np.cumsum([0, *(len(array) for array in arrays)]).tolist()
    return [
        (array, facts[start:end]) for array, start, end in zip(arrays, borders, borders[1:], strict=False)
    ]


def _folded(probabilities: Block, facts: tuple[_PairFacts, ...], threshold: float) -> Block:
    """Planes of some pairs."""
    state = np.zeros((_PLANES, *probabilities.shape[1:]))
    state[_MOST], state[_FIRST], state[_LAST] = -np.inf, _NEVER, -_NEVER
    for probability, pair in zip(probabilities, facts, strict=True):
        valid = np.isfinite(probability)
        known = np.where(valid, probability, 0.0).astype(np.float64)
        seen = valid & (probability >= probability.dtype.type(threshold))
        state[_SEEN] += seen
        state[_CHANCES] += valid
        state[_SUM] += np.rint(known * _STEPS)
        state[_MOST] = np.maximum(state[_MOST], np.where(valid, known, -np.inf))
        state[_FIRST] = np.where(seen, np.minimum(state[_FIRST], pair.first), state[_FIRST])
        state[_LAST] = np.where(seen, np.maximum(state[_LAST], pair.last), state[_LAST])
        state[_ASCENDING] += seen * (pair.bit & 1)
        state[_DESCENDING] += seen * (pair.bit >> 1)
    return state


def _merged(*states: Block) -> Block:
    """Planes of all that some others are of."""
    whole = states[0].copy()
    for state in states[1:]:
        for plane in (_SEEN, _CHANCES, _SUM, _ASCENDING, _DESCENDING):
            whole[plane] += state[plane]
        for plane in (_MOST, _LAST):
            np.maximum(whole[plane], state[plane], out=whole[plane])
        np.minimum(whole[_FIRST], state[_FIRST], out=whole[_FIRST])
    return whole


def _layers(state: Any, least: int) -> Mapping[str, tuple[Any, dict[str, Any]]]:
    """What is told of each pixel, with its attributes."""
    import dask.array as da

    where: Any = da.where if isinstance(state, da.Array) else np.where
    seen, chances, total = state[_SEEN], state[_CHANCES], state[_SUM]
    there = where(chances > 0, chances, 1.0)
    missing = chances == 0
    bits = (state[_ASCENDING] > 0) + 2 * (state[_DESCENDING] > 0)
    since = {"units": f"days since {_EPOCH.isoformat()}", "calendar": "standard"}
    return {
        "times_seen": (seen.astype("u2"), {"long_name": "pairs in which it was seen", "units": "1"}),
        "chances": (chances.astype("u2"), {"long_name": "pairs with a value", "units": "1"}),
        "share_seen": (
            where(missing, np.nan, seen / there).astype("f4"),
            {"long_name": "share of the pairs with a value in which it was seen", "units": "1"},
        ),
        "mean_probability": (
            where(missing, np.nan, total / _STEPS / there).astype("f4"),
            {"long_name": "mean probability", "units": "1"},
        ),
        "max_probability": (
            where(missing, np.nan, state[_MOST]).astype("f4"),
            {"long_name": "highest probability", "units": "1"},
        ),
        "first_seen": (
            where(seen > 0, state[_FIRST], np.nan).astype("f4"),
            {"long_name": "first day of the first pair in which it was seen", **since},
        ),
        "last_seen": (
            where(seen > 0, state[_LAST], np.nan).astype("f4"),
            {"long_name": "last day of the last pair in which it was seen", **since},
        ),
        "orbits_seen": (
            where(missing, NODATA_BYTE, bits).astype("u1"),
            {
                "long_name": "orbits from which it was seen",
                "units": "1",
                "flag_masks": np.array([1, 2], "u1"),
                "flag_meanings": "ascending descending",
                "_FillValue": NODATA_BYTE,
            },
        ),
        "confirmed": (
            where(missing, NODATA_BYTE, seen >= least).astype("u1"),
            {
                "long_name": f"whether it was seen in {least} or more pairs",
                "units": "1",
                "flag_values": np.array([0, 1], "u1"),
                "flag_meanings": "unconfirmed confirmed",
                "_FillValue": NODATA_BYTE,
            },
        ),
    }  # fmt: skip


def _told(parts: Sequence[Any]) -> dict[str, Any]:
    """Attributes that all have alike: the model and its statement, above all."""
    first, *others = (part.attrs for part in parts)
    return {
        name: value for name, value in first.items()
        if all(str(other.get(name)) == str(value) for other in others)
        and name not in ("units", "long_name", "standard_name", "title", "heading", *_OF_PAIRS)
    }  # fmt: skip
