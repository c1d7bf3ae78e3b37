"""What a stack is made from: interferograms or images, a DEM, where the radar looks from, masks and labels."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from insarfeat.errors import InvalidArgument, InvalidType, check_exists, suggestion
from insarfeat.layers import LAYERS

if TYPE_CHECKING:
    from insarfeat.geometry import Swath
    from insarfeat.io.products import Stated

RASTERS = (
    "coherence",
    "intensity",
    "unwrapped_phase",
    "displacement",
    "incidence",
    "heading",
    "los_east",
    "los_north",
    "los_up",
    "shadow_layover",
    "latitude",
    "longitude",
    "water",
)
"""Layers that may be given on their own, each as a file, a raster or, for angles, a number."""

_OTHERS = (
    "interferogram",
    "primary",
    "secondary",
    "dem",
    "annotation",
    "geoid",
    "landslides",
    "grid",
    "stated",
)

KEYWORDS = (*_OTHERS, *RASTERS)
"""All that :func:`insarfeat.build_stack` takes beside the recipe and the output."""

_NUMBERS = frozenset({"incidence", "heading"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pair:
    """One interferogram with what came with it, on its own grid; or two images.

    Attributes
    ----------
    name
        As "20230904_20230916", or the name of the file.
    layers
        Of the product: ``interferogram`` or ``wrapped_phase``, and more.
    images
        The two complex images, where the interferogram is to be made of them.
    """

    name: str
    layers: xr.Dataset
    images: tuple[xr.DataArray, xr.DataArray] | None = None

    @property
    def phase(self) -> xr.DataArray | None:
        """Interferogram, or wrapped phase where there is none."""
        return next(
            (self.layers[name] for name in ("interferogram", "wrapped_phase") if name in self.layers), None
        )

    @property
    def direction(self) -> str:
        """Ascending or descending, in small letters; empty where the product does not say."""
        return str(self.layers.attrs.get("orbit_direction", "")).lower()


@dataclass(frozen=True, slots=True)
class Sources:
    """All that was given, opened; nothing but headers is read.

    Attributes
    ----------
    pairs
        Interferograms; empty where a stack holds only what the ground is like.
    rasters
        Layers that were given on their own, by canonical name; numbers among them. The DEM is ``elevation``.
    swaths
        Orbit and timing of the radar images; of several the one that covers the scene is taken.
    geoid
        As :class:`insarfeat.geometry.DopplerLookup` takes it.
    landslides
        Polygons, or the path of their file.
    grid
        The map that was asked for.
    """

    pairs: tuple[Pair, ...] = ()
    rasters: Mapping[str, Any] = field(default_factory=dict)
    swaths: tuple[Swath, ...] = ()
    geoid: Any = None
    landslides: Any = None
    grid: Any = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Sources:
        """Open what was given by keyword; keywords that nobody knows are refused."""
        for name in given:
            if name not in KEYWORDS:
                raise InvalidArgument(
                    f"{name!r} is nothing that a stack is made from{suggestion(name, KEYWORDS)}; it takes "
                    f"{', '.join(KEYWORDS)}"
                )
        from insarfeat.io import Stated

        present = {name: value for name, value in given.items() if value is not None}
        stated = present.get("stated")
        # Of layers that are given one by one only the nodata is still to be stated: what they are is known.
        alone = None if stated is None or stated.nodata is None else Stated(nodata=stated.nodata)
        rasters = {name: _raster(name, present[name], alone) for name in RASTERS if name in present}
        if "dem" in present:
            rasters["elevation"] = _raster("elevation", present["dem"], alone)
        annotation = present.get("annotation")
        return cls(
            pairs=tuple(_pairs(present, stated)),
            rasters=rasters,
            swaths=() if annotation is None else _swaths(annotation),
            geoid=present.get("geoid"),
            landslides=present.get("landslides"),
            grid=_opened(present["grid"], None) if "grid" in present else None,
        )

    def only(self, pair: Pair | None, known: xr.Dataset | None = None) -> Sources:
        """The same with one pair, or none; ``known`` layers take the place of others of their names."""
        more = {} if known is None else {str(name): layer for name, layer in known.data_vars.items()}
        return replace(self, pairs=() if pair is None else (pair,), rasters={**self.rasters, **more})

    def sides(self) -> list[Sources]:
        """The same for the ascending and the descending pairs alone, where there are both.

        Orbits are the same both ways but for their direction: a heading that was given as a number stands for 180
        degrees less that number in pairs of the other direction.
        """
        directions = sorted({pair.direction for pair in self.pairs} - {""})
        silent = [pair.name for pair in self.pairs if not pair.direction]
        if len(directions) > 1 and silent:
            raise InvalidArgument(
                f"some pairs are ascending, some descending, and {silent[0]} says neither; make its stack apart"
            )
        if len(directions) < 2:
            return [self]
        return [
            replace(
                self,
                pairs=tuple(pair for pair in self.pairs if pair.direction == direction),
                rasters=self._turned(direction),
            )
            for direction in directions
        ]

    def _turned(self, direction: str) -> Mapping[str, Any]:
        heading = self.rasters.get("heading")
        if heading is None or hasattr(heading, "coords") or flies(heading) == direction:
            return self.rasters
        turned = (-180.0 if heading < 0 else 180.0) - float(heading)
        _log.info("heading %g is %s: %s pairs get %g", heading, flies(heading), direction, turned)
        return {**self.rasters, "heading": turned}


def flies(heading: float) -> str:
    """The direction of an orbit.

    >>> flies(-12.0), flies(192.0)
    ('ascending', 'descending')
    """
    return "ascending" if math.cos(math.radians(heading)) > 0 else "descending"


def _pairs(given: Mapping[str, Any], stated: Stated | None) -> Iterable[Pair]:
    images = [given.get(name) for name in ("primary", "secondary")]
    if any(image is not None for image in images):
        if "interferogram" in given:
            raise InvalidArgument("give an interferogram, or primary and secondary, not both")
        if any(image is None for image in images):
            raise InvalidArgument("primary and secondary go together; one of them is missing")
        first, second = (
            _image(name, image) for name, image in zip(("primary", "secondary"), images, strict=True)
        )
        from insarfeat.georeference import same_grid

        same_grid([first, second])
        if first.shape != second.shape:
            raise InvalidArgument(
                f"primary is {first.shape} pixels and secondary {second.shape}; coregister them first"
            )
        about = xr.Dataset(attrs=_both(first, second))
        yield Pair(pair_name(about), about, (first, second))
        return
    if "interferogram" in given:
        names: set[str] = set()
        for product in _products(given["interferogram"], stated):
            name = _distinct(pair_name(product), names)
            names.add(name)
            yield Pair(name, product)


def _products(given: Any, stated: Stated | None) -> Iterable[xr.Dataset]:
    """Each interferogram that was given: one, several, or all in a folder."""
    from insarfeat.io import list_products, open_product

    if isinstance(given, xr.Dataset | xr.DataArray):
        yield _as_product(given)
    elif isinstance(given, str | Path):
        found = list_products(given) if Path(given).is_dir() else []
        found = [one for one in found if "SLC" not in one.title]  # images, of which interferograms are made
        if not found:
            yield _as_product(open_product(given, stated=stated))
        for one in found:
            plain = one.title.startswith("rasters")
            product = open_product(one.path, pair=one.pair, stated=stated if plain else None)
            yield _as_product(product.assign_attrs(source_name=one.name))
    elif isinstance(given, Sequence):
        for one in given:
            yield from _products(one, stated)
    else:
        raise InvalidType(
            f"interferogram must be a path, a Dataset, a DataArray, or several of them; got {type(given).__name__}"
        )


def _as_product(given: xr.Dataset | xr.DataArray) -> xr.Dataset:
    product = given
    if isinstance(given, xr.DataArray):
        name = "interferogram" if given.dtype.kind == "c" else "wrapped_phase"
        product = given.to_dataset(name=name)
    if not {"interferogram", "wrapped_phase", "coherence", "unwrapped_phase"} & set(product.data_vars):
        raise InvalidArgument(
            f"interferogram holds neither interferogram nor wrapped_phase; its layers are "
            f"{list(product.data_vars)}. State "
            "what is what: stated=insarfeat.io.Stated(layers={'phi': 'wrapped_phase'})"
        )
    return product  # type: ignore[return-value]


def pair_name(product: xr.Dataset) -> str:
    """What a pair is called: its two days, or the name of where it came from.

    >>> pair_name(xr.Dataset(attrs={"primary_date": "2023-09-04", "secondary_date": "2023-09-16T06:37:30"}))
    '20230904_20230916'
    """
    days = [
        str(product.attrs.get(f"{which}_date", ""))[:10].replace("-", "")
        for which in ("primary", "secondary")
    ]
    if all(days):
        return "_".join(days)
    return str(product.attrs.get("source_name", "pair"))


def _distinct(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _raster(name: str, given: Any, stated: Stated | None) -> Any:
    """A layer by its canonical name, or a number where an angle may be one."""
    if isinstance(given, int | float) and name in _NUMBERS:
        return float(given)
    opened = _opened(given, stated)
    if isinstance(opened, xr.DataArray):
        return opened.rename(name).assign_attrs(LAYERS[name].attributes)
    rasters = {str(key): one for key, one in opened.data_vars.items() if one.ndim >= 2}
    if name not in rasters and len(rasters) != 1:
        raise InvalidArgument(
            f"{name} was given as something that holds {', '.join(rasters) or 'no raster'}, and none of them "
            f"is called {name}; give the one that is meant, as dataset['...'] or by its own file"
        )
    found = rasters.get(name, next(iter(rasters.values())))
    return found.rename(name).assign_attrs(LAYERS[name].attributes)


def _image(name: str, given: Any) -> xr.DataArray:
    opened: Any = _opened(given, None)
    if isinstance(opened, xr.Dataset):
        complex_ones = {str(key): one for key, one in opened.data_vars.items() if one.dtype.kind == "c"}
        if len(complex_ones) != 1 and name not in complex_ones:
            raise InvalidArgument(
                f"{name} was given as something with {len(complex_ones)} complex rasters; one is needed"
            )
        attrs = opened.attrs
        opened = complex_ones.get(name, next(iter(complex_ones.values())))
        opened = opened.assign_attrs(
            {f"of_{key}": value for key, value in attrs.items() if key.endswith("_date")}
        )
    if opened.dtype.kind != "c":
        raise InvalidArgument(f"{name} must be a complex image; got {opened.dtype}")
    image: xr.DataArray = opened.rename(name)
    return image


def _both(first: xr.DataArray, second: xr.DataArray) -> dict[str, Any]:
    """What two images say of their pair."""
    found = {}
    for which, image in (("primary", first), ("secondary", second)):
        when = image.attrs.get("of_primary_date") or image.attrs.get("of_acquisition_date")
        if when:
            found[f"{which}_date"] = when
    if len(found) == 2 and found["primary_date"] >= found["secondary_date"]:
        raise InvalidArgument(
            f"primary was taken on {found['primary_date']}, secondary on {found['secondary_date']}, which is "
            "not later; swap them, or phases and displacements have the wrong sign"
        )
    return found


def _opened(given: Any, stated: Stated | None) -> Any:
    from insarfeat.io import open_product

    if isinstance(given, str | Path):
        path = Path(given)
        plain = path.suffix.lower() in (".tif", ".tiff", ".nc", ".zarr")
        return open_product(path, stated=stated if plain else None)
    if isinstance(given, xr.Dataset | xr.DataArray) or hasattr(given, "crs") or hasattr(given, "crs_wkt"):
        return given
    if isinstance(given, np.ndarray):
        raise InvalidType(
            "rasters must be DataArrays, whose coordinates say where they lie; got a bare array"
        )
    raise InvalidType(f"a raster must be a path, a DataArray or a Dataset; got {type(given).__name__}")


def _swaths(given: Any) -> tuple[Swath, ...]:
    """Of an annotation, or of a whole SAFE product."""
    from insarfeat.geometry import Swath
    from insarfeat.io import read_swath
    from insarfeat.io.products import safe

    if isinstance(given, Swath):
        return (given,)
    if isinstance(given, str | Path) and Path(given).suffix.lower() != ".xml":
        path = Path(given)
        check_exists(path)
        return safe.swaths_of(path)
    return (read_swath(given),)
