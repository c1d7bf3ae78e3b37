"""A labelled synthetic scene as a Dataset: images or interferogram, ground, every layer of both stacks, the truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from insarfeat import terrain
from insarfeat.errors import InvalidArgument
from insarfeat.layers import LAYERS
from insarfeat.synth.arguments import check_range, check_whole
from insarfeat.synth.classes import chosen_classes
from insarfeat.synth.grounds import Site, site_of
from insarfeat.synth.layers import Seen, phase_layers, wrapped
from insarfeat.synth.raw import raw_layers
from insarfeat.synth.slides import KINDS
from insarfeat.synth.style import WAVELENGTH, Style, chosen_elements, chosen_style, draw_conditions
from insarfeat.synth.table import Place, slide_table
from insarfeat.synth.world import World
from insarfeat.terrain.composite import COMPOSITE_ATTRIBUTES
from insarfeat.windows import Shape, Window

VERSION = 1
"""Of the generator: another number, other scenes."""


def scene(
    seed: int,
    *,
    size: int = 512,
    pixel: float = 15.0,
    classes: Iterable[str] | None = None,
    style: Style | str = "plain",
    ground: Any = None,
    without: Iterable[str] = (),
    lazy: bool = False,
) -> xr.Dataset:
    """Return a synthetic interferogram of a mountain landscape with landslides, and its truth.

    The same arguments always give the same scene. A scene is the upper left corner of an endless world: a larger one
    with the same seed continues it. Nothing in it is a real measurement: what works here is not thereby shown to
    work on real data.

    Parameters
    ----------
    seed
        0 or more.
    size
        Rows and columns, 32 or more.
    pixel
        Pixel size in metres, 5 to 60.
    classes
        Codes of the landslides that may occur (:data:`insarfeat.synth.CLASSES`); all by default.
    style
        What conditions are drawn from: a :class:`Style`, or "plain" (what networks are trained on), "shifted" (other
        air, looks and filter), "images" (a quiet pair of single-look images, ascending, 12 days).
    ground
        Where elevations come from. None: procedural mountains. A folder of DEMs, one file, or a :class:`DemFolder`:
        a piece of one. A DataArray of elevations in metres on a projected grid: that ground, on its grid. A Dataset
        with ``elevation``, ``interferogram`` and ``coherence``: slides are put into this interferogram. It is not
        unwrapped.
    without
        Elements to leave out (:data:`insarfeat.synth.ELEMENTS`).
    lazy
        Give Dask arrays that are made chunk by chunk (1,024 px), for scenes larger than memory. The table of slides
        is left out then: :func:`insarfeat.synth.slides` makes it of a part.

    Returns
    -------
    xr.Dataset
        On a north-up grid in metres (UTM unless the ground has another), without nodata; layers and units as
        everywhere in this package:

        - ``interferogram`` (and ``primary``, ``secondary`` where looks are 1), ``coherence`` as estimated,
          ``intensity``, ``wrapped_phase``, ``unwrapped_phase``, ``displacement``, ``sensitivity``
        - ``elevation``, ``incidence``, ``heading``, ``local_incidence``, ``slope_to_los``, ``shadow_layover``,
          ``terrain_pc1``
        - ``landslide``: 1 where one can be seen; ``valid_mask``: 0 where ground moves but cannot be seen to;
          ``landslide_kind``: 1 coherent, 2 incoherent, 3 not to be seen; ``landslide_id``: number of the slide;
          ``artefact``: 1 in what looks like a slide and is none
        - ``displacement_true`` (metres toward the satellite), ``phase_true`` (wrapped), ``atmosphere_true`` (radian),
          ``coherence_true``, ``unwrapping_errors`` (cycles)
        - along dimension ``slide``, one entry for each slide and artefact: ``slide_class``, ``slide_kind``,
          ``slide_speed`` (cm/a), ``slide_area`` (m2), ``slide_visible`` (share), ``slide_displacement``,
          ``slide_west``,
          ``slide_south``, ``slide_east``, ``slide_north`` (edges of what shows), ``slide_outline`` (WKT)

    Examples
    --------
    >>> made = scene(1, size=64)
    >>> dict(made.sizes)["y"], made.attrs["source"]
    (64, 'synthetic scene, insarfeat.synth')
    >>> scene(1, size=20_000, lazy=True)["wrapped_phase"].chunks[0][:2]
    (1024, 1024)
    """
    site, world = _site_and_world(seed, size, pixel, classes, chosen_style(style), ground, without)
    whole = Window(0, 0, *site.shape)
    if lazy:
        from insarfeat.synth.chunked import layers_in_chunks

        return _dataset(seed, world, site, layers_in_chunks(world, whole))
    view = world.window(whole)
    raw = raw_layers(world, whole, view)
    table = slide_table(view, raw["landslide_id"], whole, Place.of(site.coordinates, site.pixel))
    return _dataset(seed, world, site, raw).assign(table)


def slides(
    seed: int,
    window: Window,
    *,
    size: int = 512,
    pixel: float = 15.0,
    classes: Iterable[str] | None = None,
    style: Style | str = "plain",
    ground: Any = None,
    without: Iterable[str] = (),
) -> xr.Dataset:
    """Return the table of the slides in a part of a scene, as for one that is too large to be made whole.

    Parameters
    ----------
    seed, size, pixel, classes, style, ground, without
        As for :func:`scene`.
    window
        Pixels of the scene.

    Examples
    --------
    >>> from insarfeat.windows import Window
    >>> table = slides(1, Window(5000, 5000, 400, 400), size=20_000)
    >>> table["slide_class"].dims
    ('slide',)
    """
    site, world = _site_and_world(seed, size, pixel, classes, chosen_style(style), ground, without)
    part = window.cut_to(Shape(*site.shape))
    if not part.pixels:
        raise InvalidArgument(
            f"window {window} lies beside the scene of {site.shape[0]} x {site.shape[1]} pixels"
        )
    view = world.window(part)
    numbers = raw_layers(world, part, view)["landslide_id"]
    table = slide_table(view, numbers, part, Place.of(site.coordinates, site.pixel))
    return xr.Dataset(table, attrs=_attributes(seed, world, site))


def _site_and_world(
    seed: int,
    size: int,
    pixel: float,
    classes: Iterable[str] | None,
    style: Style,
    ground: Any,
    without: Iterable[str],
) -> tuple[Site, World]:
    """Where the scene lies, and the world that it is a window of."""
    check_whole("seed", seed, least=0)
    check_whole("size", size, least=32)
    check_range("pixel", pixel, 5.0, 60.0, "metres")
    site = site_of(seed, size, pixel, style, ground)
    conditions = draw_conditions(
        style,
        np.random.default_rng((seed, 0x0C)),
        classes=chosen_classes(classes),
        without=chosen_elements(without),
    )
    world = World.of(seed, site.pixel, style, conditions, site.relief)
    return site, replace(world, background=site.background) if conditions.has("background") else world


def _dataset(seed: int, world: World, site: Site, raw: dict[str, Any]) -> xr.Dataset:
    """Raw layers, and those that the package's operators make of them."""
    conditions = world.conditions
    made = xr.Dataset({name: (("y", "x"), values) for name, values in raw.items()}, coords=site.coordinates)
    seen = Seen(
        made["interferogram"], made["boxcar"], made["coherence"], made["slope_to_los"], made["shadow_layover"],
        None if world.background else made["phase_true"], made["unwrapping_errors"],
    )  # fmt: skip
    made = made.assign(phase_layers(seen, conditions, site.pixel)).drop_vars("boxcar")
    made["heading"] = xr.full_like(made["incidence"], np.float32(conditions.heading + site.north))
    made["terrain_pc1"] = terrain.terrain_pc1(made["elevation"])
    made["phase_true"] = wrapped(made["phase_true"])
    for name, variable in made.data_vars.items():
        told = {key: variable.attrs[key] for key in COMPOSITE_ATTRIBUTES if key in variable.attrs}
        variable.attrs = _layer_attributes(str(name)) | told
        variable.encoding = {"grid_mapping": "spatial_ref"} if "spatial_ref" in made.coords else {}
    return made.assign_attrs(_attributes(seed, world, site))


_TRUTH = {
    "displacement_true": ("displacement", "true line-of-sight displacement, positive toward the satellite"),
    "atmosphere_true": ("unwrapped_phase", "true phase of the atmosphere"),
    "phase_true": ("wrapped_phase", "true wrapped phase of primary x conj(secondary)"),
    "coherence_true": ("coherence", "true interferometric coherence"),
    "primary": ("intensity", "primary single-look complex image"),
    "secondary": ("intensity", "secondary single-look complex image"),
    "landslide_kind": ("landslide", "how a slide shows: 1 coherent, 2 incoherent, 3 not to be seen"),
    "landslide_id": ("landslide", "number of the slide, 0 for none"),
    "artefact": ("landslide", "1 in what looks like a slide and is none"),
    "unwrapping_errors": ("unwrapped_phase", "whole cycles that the unwrapped phase is off"),
}


def _layer_attributes(name: str) -> dict[str, Any]:
    """A canonical layer's attributes; what is not one borrows those of its kind, and its colours in pictures."""
    if name not in _TRUTH:
        return dict(LAYERS[name].attributes)
    like, long_name = _TRUTH[name]
    attributes = {**LAYERS[like].attributes, "long_name": long_name, "drawn_as": like}
    if name in ("primary", "secondary", "unwrapping_errors"):
        attributes["units"] = "1"
    if name in ("landslide_id", "landslide_kind"):
        attributes = {key: value for key, value in attributes.items() if not key.startswith("flag_")}
    if name == "landslide_kind":
        attributes["flag_values"] = np.array([0, *KINDS.values()], np.uint8)
        attributes["flag_meanings"] = " ".join(["none", *KINDS])
    return attributes


def _attributes(seed: int, world: World, site: Site) -> dict[str, Any]:
    conditions = world.conditions
    return {
        "title": f"Synthetic scene {seed}",
        "source": "synthetic scene, insarfeat.synth",
        "comment": "Drawn from random numbers. What works here is not thereby shown to work on real data.",
        "generator_version": VERSION,
        "seed": int(seed),
        "ground": site.source,
        "wavelength": WAVELENGTH,
        "incidence": conditions.incidence,
        "heading": conditions.heading + site.north,
        "look": "right",
        "baseline_days": conditions.days,
        "perpendicular_baseline": conditions.perpendicular,
        "looks": conditions.looks,
        "grain": conditions.grain,
        "region": conditions.region.name,
        "phase_filter": conditions.phase_filter,
        "without": ", ".join(sorted(conditions.without)),
    }
