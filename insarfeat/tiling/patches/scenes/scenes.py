"""What patches are cut from: scenes of lazy layers on one grid, from stacks, products and folders of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from insarfeat.errors import InvalidArgument, suggestion
from insarfeat.georeference import Grid, grid_of
from insarfeat.tiling.patches.scenes.finding import Found, found_in
from insarfeat.tiling.patches.scenes.naming import PAIR, layers_of, taken
from insarfeat.windows import Shape

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class PairFacts:
    """One pair of a scene.

    Attributes
    ----------
    name
        As "20230904_20230916"; "" where it is not known and there is no other.
    primary, secondary
        Days as "2023-09-04", or "".
    """

    name: str = ""
    primary: str = ""
    secondary: str = ""

    @property
    def days(self) -> str:
        """Both days as "20230904_20230916", or ""."""
        days = (self.primary, self.secondary)
        return "_".join(day.replace("-", "") for day in days) if all(days) else ""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Layers on one grid, for one pair or several.

    Attributes
    ----------
    name
        One of its kind in a call, of letters, digits, hyphens and single underscores: safe in the names of files.
    event
        Landslide event, or area of a collection, that the scene belongs to; "" where nobody says.
    dataset
        Lazy layers (y, x), or (pair, y, x) for what differs from pair to pair.
    pairs
        At least one, in the order of the dimension ``pair``.
    orbit
        As "ascending 117", "ascending" or "".
    source
        What it was opened from, for the provenance.
    label_source
        File of the mapped boxes that came with it (MIRAGE), or None.
    synthetic
        Whether the generator made it; None where its attributes do not say where it comes from.
    """

    name: str
    event: str
    dataset: xr.Dataset
    pairs: tuple[PairFacts, ...] = (PairFacts(),)
    orbit: str = ""
    source: str = ""
    label_source: Path | None = None
    synthetic: bool | None = None

    @property
    def dims(self) -> tuple[Hashable, Hashable]:
        """Names of the dimensions of rows and columns."""
        return next(iter(self.dataset.data_vars.values())).dims[-2:]  # type: ignore[return-value]

    @property
    def shape(self) -> Shape:
        """Height and width in pixels."""
        return Shape(*(self.dataset.sizes[dim] for dim in self.dims))

    @property
    def grid(self) -> Grid | None:
        """The map; None where the layers have no coordinates, as in radar geometry."""
        layer = next(iter(self.dataset.data_vars.values()))
        return grid_of(layer) if all(dim in layer.coords for dim in self.dims) else None

    def pair_named(self, name: str) -> PairFacts:
        """A pair by its name."""
        return self.pairs[self.number_of(name)]

    def number_of(self, pair: str) -> int:
        """Place of a pair, by its name, along the dimension ``pair``."""
        names = [one.name for one in self.pairs]
        if pair not in names:
            raise InvalidArgument(
                f"{self.name} has no pair {pair!r}{suggestion(pair, names)}; it has {_listed(map(repr, names))}"
            )
        return names.index(pair)

    def layer(self, name: str, pair: str = "") -> xr.DataArray:
        """A layer at a pair, (y, x); one without the dimension ``pair`` holds for all of them."""
        number, found = self.number_of(pair), self.dataset[name]
        return taken(found, number) if PAIR in found.dims else found


def scenes_of(stack: Any) -> tuple[Scene, ...]:
    """Open all scenes of whatever holds some; nothing but headers is read.

    Parameters
    ----------
    stack
        - a Dataset, or a named DataArray: one scene;
        - the path of a stack (.nc, .zarr, .tif) or of any product that :func:`insarfeat.open_product` opens;
        - a folder of them. In a folder of MIRAGE each interferogram is a scene of the area. Files of nine bands (the
          event stack) may have the bands' canonical names, names "band_1" to "band_9", or one variable with all of
          them along its first dimension; they are whole scenes or patches, of one event per folder or flat.
        - a list of those, or a mapping from names of scenes to those.

    Returns
    -------
    tuple of Scene

    Raises
    ------
    MissingInput, UnreadableInput
        There is nothing at the path, or a file in it is damaged.
    GridMismatch, InvalidArgument, InvalidType
        Layers of other sizes or dimensions; nothing that is a raster.

    Examples
    --------
    >>> import xarray as xr
    >>> layer = xr.DataArray(np.zeros((2, 3, 4), "f4"), {"pair": ["20230904_20230916", "b"]}, ("pair", "y", "x"))
    >>> (scene,) = scenes_of(layer.rename("wrapped_phase"))
    >>> scene.pairs[0].days, scene.shape, scene.layer("wrapped_phase", "b").dims
    ('20230904_20230916', Shape(height=3, width=4), ('y', 'x'))
    """
    found = list(found_in(stack))
    if not found:
        raise InvalidArgument(
            f"{_called(stack)} holds no raster that patches could be cut from; give a stack (.nc, .zarr, .tif), a "
            "product, or a folder of them"
        )
    taken: set[str] = set()
    return tuple(_scene(one, taken) for one in found)


def bands_of(
    scenes: Sequence[Scene], wanted: Iterable[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Layers that patches of these scenes hold: continuous ones (bands), and categorical ones (masks).

    Parameters
    ----------
    scenes
        They must have the same layers.
    wanted
        Names of the layers that are wanted, in their order; None takes all that the first scene has.

    Returns
    -------
    Names of real layers of numbers, and of uint8 layers of classes (``landslide``, ``valid_mask``,
    ``shadow_layover`` ...).

    Examples
    --------
    >>> import xarray as xr
    >>> layers = {"coherence": (("y", "x"), np.ones((2, 2), "f4")), "water": (("y", "x"), np.ones((2, 2), "u1"))}
    >>> bands_of(scenes_of(xr.Dataset(layers)))
    (('coherence',), ('water',))
    """
    there = [str(name) for name in scenes[0].dataset.data_vars]
    names = there if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    if not names:
        raise InvalidArgument(f"no layer is wanted; {scenes[0].name} has {_listed(there)}")
    if len(set(names)) < len(names):
        raise InvalidArgument(f"a layer is wanted twice: {_listed(names)}")
    for scene in scenes:
        own = [str(name) for name in scene.dataset.data_vars]
        for name in names:
            if name not in own:
                fix = "name the layers that all scenes have" if wanted is None else f"it has {_listed(own)}"
                raise InvalidArgument(f"{scene.name} has no layer {name!r}{suggestion(name, own)}; {fix}")
        if wanted is None and (more := [name for name in own if name not in names]):
            raise InvalidArgument(
                f"{scene.name} has the layer {more[0]!r}, which {scenes[0].name} has not; name the layers that all "
                "scenes have"
            )
    kinds = {name: _kind(scenes, name) for name in names}
    return tuple(n for n in names if kinds[n] == "band"), tuple(n for n in names if kinds[n] == "mask")


def _kind(scenes: Sequence[Scene], name: str) -> str:
    dtypes = [scene.dataset[name].dtype for scene in scenes]
    if any(dtype.kind == "c" for dtype in dtypes):
        raise InvalidArgument(
            f"layer {name!r} is complex, and patches hold real numbers; take its phase, as in "
            f"stack.assign(wrapped_phase=insarfeat.filters.wrapped_phase(stack[{name!r}])).drop_vars({name!r})"
        )
    if len({dtype == np.uint8 for dtype in dtypes}) > 1:
        classes = next(s.name for s, dtype in zip(scenes, dtypes, strict=True) if dtype == np.uint8)
        raise InvalidArgument(
            f"layer {name!r} holds classes (uint8) in {classes} and numbers in other scenes"
        )
    return "mask" if dtypes[0] == np.uint8 else "band"


def _scene(found: Found, taken: set[str]) -> Scene:
    dataset, attributes = found.dataset, found.dataset.attrs
    layers = layers_of(dataset, found.name)
    labels = str(attributes.get("labels", ""))
    parts = [str(attributes.get("orbit_direction", "")).lower()]
    number = next((attributes[key] for key in ("relative_orbit", "track") if key in attributes), None)
    parts.append("" if number is None else str(number))
    return Scene(
        _safe(found.name, taken),
        str(attributes.get("event") or found.event),
        layers,
        _pairs(layers, f"{attributes.get('pair', '')} {found.name}", found.name),
        " ".join(part for part in parts if part),
        found.source,
        Path(labels) if labels.lower().endswith(".shp") else None,
        _is_synthetic(attributes),
    )


def _is_synthetic(attributes: Mapping[Any, Any]) -> bool | None:
    """Whether a scene is the generator's, by what it says of its source; None where it says nothing.

    What a reader knew as a processor's product is real, unless its source says otherwise; plain rasters may be
    anything.

    >>> _is_synthetic({"source": "synthetic scene, insarfeat.synth"}), _is_synthetic({"product": "LiCSAR"})
    (True, False)
    >>> _is_synthetic({"title": "some layers"}) is None
    True
    """
    from insarfeat.io.products import READERS

    source = str(attributes.get("source") or "").strip().lower()
    if "synthetic" in source:
        return True
    processors = {reader.title for reader in READERS if reader.name != "rasters"}
    return False if source or attributes.get("product") in processors else None


def _safe(name: str, taken: set[str]) -> str:
    """A name for files that no other scene has, also where capitals do not count."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    base = re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-") or "scene"
    number, found = 1, base
    while found.lower() in taken:
        number += 1
        found = f"{base}_{number}"
    taken.add(found.lower())
    return found


def _pairs(layers: xr.Dataset, text: str, scene: str) -> tuple[PairFacts, ...]:
    """The pairs, their days from coordinates and attributes; failing these, from names."""
    if PAIR not in layers.dims:
        days = [str(layers.attrs.get(f"{which}_date", ""))[:10] for which in ("primary", "secondary")]
        first, second = days if all(days) else _days_in(text)
        compact = f"{first}_{second}".replace("-", "")
        return (PairFacts(compact if first else str(layers.attrs.get("pair", "")), first, second),)
    count = layers.sizes[PAIR]
    names = [f"pair_{number}" for number in range(count)]
    if PAIR in layers.coords:
        names = [str(name) for name in layers[PAIR].values]
    if len(set(names)) < count:
        raise InvalidArgument(f"{scene} has pairs of one name: {_listed(names)}; give each its own")
    stated = [
        [str(day)[:10] for day in layers[name].values] if name in layers.coords else [""] * count
        for name in ("primary_date", "secondary_date")
    ]
    return tuple(
        PairFacts(name, *((first, second) if first and second else _days_in(name)))
        for name, first, second in zip(names, *stated, strict=True)
    )


def _days_in(text: str) -> tuple[str, str]:
    from insarfeat.io.products.parts import pair_in

    first, second = pair_in(text)
    if first is None or second is None or first >= second:
        return "", ""
    return first.isoformat(), second.isoformat()


def _called(given: Any) -> str:
    return Path(given).name if isinstance(given, str | Path) else f"the {type(given).__name__}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
