"""Pictures of single layers, in the colours that fit their meaning, and of inventories. Needs the extra ``plot``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType, missing_extra
from insarfeat.plot._sample import thinned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from insarfeat.inventory import Comparison, PowerLaw

__all__ = [
    "blind_spots",
    "detections",
    "distributions",
    "frequency_area",
    "fringes",
    "picture",
    "png",
    "require",
    "split_map",
    "stack",
    "thinned",
]


def picture(layer: xr.DataArray, *, background: xr.DataArray | None = None) -> Figure:
    """Draw one two-dimensional layer, north up, in the colours that the table of layers gives it.

    Phases get a cyclic colour map, values with a meaningful zero one that is symmetric about it, elevations
    a relief, intensities and radar images grey in dB, classes a legend, complex interferograms their phase as
    colour and their magnitude as brightness. No data is grey. Where a side exceeds 1200 pixels, only every
    n-th one is read.

    Parameters
    ----------
    layer
        Layer with dims (y, x), NumPy or Dask. Its name, or else its attribute ``drawn_as``, is looked up in
        the table of canonical layers; other layers are drawn by their values alone.
    background
        Layer on the same grid that lends its shading, as a rule the elevation. Class 0 is transparent on it.

    Returns
    -------
    Figure
        Made without pyplot, so that threads may draw at the same time. Save it with ``figure.savefig`` or
        :func:`png`.

    Raises
    ------
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> slope = xr.DataArray(np.eye(4) * 30.0, dims=("y", "x"), name="slope", attrs={"units": "degree"})
    >>> [axes.get_ylabel() for axes in picture(slope).axes]
    ['row', '°']
    """
    _check_layers(layer, background=background)
    require()
    from insarfeat.plot._figure import draw

    return draw(layer, background)


def fringes(
    layer: xr.DataArray,
    *,
    coherence: xr.DataArray | None = None,
    background: xr.DataArray | None = None,
) -> Figure:
    """Draw a wrapped phase in eight levels with sharp edges, so that subtle fringes stand out, and noise pale.

    From level to level, and within each, it gets darker, and it jumps where a level or the turn ends: rings about a
    slide close, however faint. The mean phase of the picture lies in the middle of a level, and the turn ends about
    opposite to it, where the least ground is. Edges are drawn of phasors averaged over about two
    pixels. Only for the eye: the layer stays as it is.

    Parameters
    ----------
    layer
        Wrapped phase in radians, or a complex interferogram, with dims (y, x), NumPy or Dask.
    coherence
        On the same grid: colours fade where its mean over some pixels falls from 0.3 to 0.15. Without it they fade
        where steps from pixel to pixel do not agree with those about them; what a strong filter has made of noise
        agrees.
    background
        Layer on the same grid that lends its shading, as for :func:`picture`.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    References
    ----------
    Mondini, A. C. et al. (2026), whose experts check detections on such a rendering.

    Examples
    --------
    >>> import numpy as np
    >>> bowl = np.hypot(*np.mgrid[-9:10, -9:10]) % 6.28 - 3.14
    >>> figure = fringes(xr.DataArray(bowl, dims=("y", "x"), name="wrapped_phase"))
    >>> figure.axes[0].get_title(loc="left"), figure.axes[1].get_ylabel()
    ('fringes of wrapped interferometric phase', 'rad, 8 levels')
    """
    _check_layers(layer, coherence=coherence, background=background)
    require()
    from insarfeat.plot._fringes import Fringes

    return Fringes.of(layer, coherence, background).draw()


def stack(dataset: xr.Dataset, names: Sequence[str] | None = None) -> Figure:
    """Draw layers of a stack or a scene side by side on one sheet, each in its own colours as by :func:`picture`.

    Parameters
    ----------
    dataset
        Layers with dims (y, x) or (lat, lon), NumPy or Dask. Of leading dims the first slice is shown, as titles say.
    names
        Of layers, 12 at most; without them the first 12 rasters, and the sheet says which are left out.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    Raises
    ------
    InvalidArgument
        Where there is nothing to draw, a name is unknown, or there are more than 12.

    Examples
    --------
    >>> from insarfeat import synth
    >>> figure = stack(synth.scene(1, size=64), ["wrapped_phase", "coherence", "landslide"])
    >>> [axes.get_title(loc="left") for axes in figure.axes if axes.images]
    ['wrapped_phase', 'coherence', 'landslide']
    """
    if not isinstance(dataset, xr.Dataset):
        raise InvalidType(
            f"dataset is a {type(dataset).__name__}; it must be an xarray.Dataset: for one layer use plot.picture"
        )
    require()
    from insarfeat.plot._stack import draw_stack

    return draw_stack(dataset, None if names is None else list(names))


def detections(
    layer: xr.DataArray,
    outlines: Any,
    *,
    truth: xr.DataArray | None = None,
    background: xr.DataArray | None = None,
    over: Literal["layer", "fringes"] = "layer",
    coherence: xr.DataArray | None = None,
) -> Figure:
    """Draw outlines of what was found over a pale map, numbered from 1 in their order, with the truth in dashes.

    Numbers that would lie on each other are left out, those of the first outlines last; 5000 outlines and 200 numbers
    are drawn at most.

    Parameters
    ----------
    layer
        Layer with dims (y, x), drawn as by :func:`picture`; an elevation as relief in grey.
    outlines
        Polygons as for :func:`insarfeat.inventory.areas_of`, brought to the CRS of the layer; there may be none.
    truth
        uint8 layer on the same grid, 1 in landslides: their contours are drawn.
    background
        Layer on the same grid that lends its shading, as for :func:`picture`.
    over
        ``layer``, or ``fringes``: as :func:`fringes` draws a wrapped phase, in full colours.
    coherence
        Of the fringes, as for :func:`fringes`.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    Raises
    ------
    GridMismatch
        Where truth, background or coherence has another shape, or outlines tell a CRS and the layer none.

    Examples
    --------
    >>> import numpy as np
    >>> slope = xr.DataArray(np.eye(8) * 30.0, dims=("y", "x"), name="slope")
    >>> box = {"type": "Polygon", "coordinates": [[[1, 1], [5, 1], [5, 4], [1, 4], [1, 1]]]}
    >>> figure = detections(slope, [box], truth=xr.DataArray(np.eye(8, dtype="u1"), dims=("y", "x")))
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['found: 1', 'truth']
    """
    if over not in ("layer", "fringes"):
        raise InvalidArgument(f"over is {over!r}; it must be 'layer' or 'fringes'")
    if coherence is not None and over != "fringes":
        raise InvalidArgument("coherence goes with over='fringes', which fade where it is low; leave it out")
    _check_layers(layer, truth=truth, background=background, coherence=coherence)
    require()
    from insarfeat.plot._detections import Ground, draw_detections
    from insarfeat.plot._fringes import Fringes
    from insarfeat.plot._outlines import placed_outlines

    if over == "fringes":
        ground = Ground.of_fringes(Fringes.of(layer, coherence, background))
    else:
        ground = Ground.of(layer, background)
    return draw_detections(ground, placed_outlines(outlines, layer), truth)


def blind_spots(found: xr.Dataset) -> Figure:
    """Draw a map of blind spots: where a slide would have been found and why not elsewhere, how likely, both limits.

    No data is hatched. Blue is what would have been found, in :func:`picture` of the layer ``blind_spot``, too.

    Parameters
    ----------
    found
        With the layers ``blind_spot``, ``recall``, ``detectable_area`` (km2) and ``detectable_speed`` (cm a year):
        ``blindspots.nc`` of ``insarfeat blindspots``. Of its attributes ``title``, ``area``, ``speed``,
        ``pairs`` and ``trials`` are told.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    Raises
    ------
    InvalidArgument
        Where a layer is missing.

    Examples
    --------
    >>> import numpy as np
    >>> flags = {"flag_values": np.array([0, 4], "u1"), "flag_meanings": "visible too_small_or_slow"}
    >>> layer = xr.DataArray(np.array([[0, 0], [4, 255]], "u1"), dims=("y", "x"), attrs=flags, name="blind_spot")
    >>> recall = xr.DataArray([[0.9, 0.7], [0.1, np.nan]], dims=("y", "x"))
    >>> limits = {"detectable_area": 0.1 / recall, "detectable_speed": 20.0 / recall}
    >>> figure = blind_spots(xr.Dataset({"blind_spot": layer, "recall": recall, **limits}))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['would have been found (67 %)', 'too small or too slow (33 %)', 'no data']
    """
    if not isinstance(found, xr.Dataset):
        raise InvalidType(
            f"found is a {type(found).__name__}; it must be the xarray.Dataset of a map of blind spots"
        )
    require()
    from insarfeat.plot._blind import draw_blind_spots

    return draw_blind_spots(found)


def distributions(comparison: Comparison) -> Figure:
    """Draw the distributions of layers inside and outside of polygons, one panel per layer.

    Filled: inside; line: outside. Vertical lines are medians, those outside dashed. Titles give the
    Kolmogorov-Smirnov distance, the area under the ROC curve and the sizes of the samples.

    Parameters
    ----------
    comparison
        From :func:`insarfeat.inventory.compare`.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    Raises
    ------
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> from insarfeat import inventory, synth
    >>> scene = synth.scene(1, size=64)
    >>> west = {"type": "Polygon", "coordinates": [[(0, 0), (0, 9e6), (500480, 9e6), (500480, 0), (0, 0)]]}
    >>> figure = distributions(inventory.compare(scene[["elevation", "coherence_true"]], west))
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['elevation, m', 'coherence_true']
    """
    _check_found("comparison", comparison, "Comparison", "compare(layers, polygons)")
    require()
    from insarfeat.plot._charts import draw_distributions

    return draw_distributions(comparison)


def frequency_area(law: PowerLaw) -> Figure:
    """Draw the density of mapped areas on logarithmic axes with the power law that was fitted to it.

    Bars are the square root of the count in each bin. Areas below the one from which on the law holds are hollow.

    Parameters
    ----------
    law
        From :func:`insarfeat.inventory.frequency_area`.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    Raises
    ------
    MissingExtra
        Where matplotlib is not installed.

    Examples
    --------
    >>> from insarfeat import inventory
    >>> figure = frequency_area(inventory.frequency_area([1e3, 2e3, 4e3, 9e3], smallest=1e3))
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('area, m²', 'probability density, 1/m²')
    """
    _check_found("law", law, "PowerLaw", "frequency_area(areas)")
    require()
    from insarfeat.plot._charts import draw_frequency_area

    return draw_frequency_area(law)


def split_map(split: Any, buffer: float | None = None) -> Figure:
    """Draw where the parts of a split lie, what was left out, and the buffers about the smaller parts.

    Patches on the same ground are drawn once; smaller parts lie below, and larger ones never reach them. Where
    patches have several CRSs, or degrees, the map is in longitude and latitude.

    Parameters
    ----------
    split
        A split of patches (:func:`insarfeat.tiling.split`), whose slides are drawn as well; or a table with the
        columns part ("" where a patch is left out), west, south, east, north and, as far as known, crs.
    buffer
        Metres between parts; None takes the split's own.

    Returns
    -------
    Figure
        Made without pyplot, as :func:`picture` makes it.

    Raises
    ------
    InvalidArgument
        Where columns are missing or no patch has bounds.

    Examples
    --------
    >>> import pandas as pd
    >>> squares = pd.DataFrame({"west": [0.0, 900], "south": 0.0, "east": [400.0, 1300], "north": 400.0})
    >>> figure = split_map(squares.assign(part=["train", "test"], crs="EPSG:32632"), buffer=200)
    >>> figure.axes[0].get_xlabel()
    'easting, km'
    """
    require()
    from insarfeat.plot._split import draw_split

    rows = getattr(split, "table", split)
    given = rows is not split
    return draw_split(
        rows,
        getattr(split, "buffer", None) if buffer is None and given else buffer,
        getattr(split, "boxes", None) if given else None,
    )


def png(figure: Figure, *, dpi: int = 110) -> bytes:
    r"""Return a figure as a PNG of at most 256 colours, which keeps pages small.

    >>> import numpy as np
    >>> png(picture(xr.DataArray(np.zeros((4, 4)), dims=("y", "x"), name="slope")))[:4]
    b'\x89PNG'
    """
    require()
    from insarfeat.plot._figure import encode

    return encode(figure, dpi)


def require() -> None:
    """Raise MissingExtra where pictures cannot be drawn; call it before long work that ends with one."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise missing_extra("pictures", "plot") from error


def _check_layer(name: str, layer: object) -> None:
    if not isinstance(layer, xr.DataArray):
        raise InvalidType(
            f"{name} is a {type(layer).__name__}; it must be an xarray.DataArray: pick one, as in "
            "dataset['slope']"
        )
    if layer.ndim != 2:
        fix = f": pick one, as in {name}.isel({layer.dims[0]}=0)" if layer.ndim > 2 else ""
        raise InvalidArgument(f"{name} has dims {layer.dims}; it must have two, (y, x){fix}")
    if layer.dtype.kind not in "fiubc":
        raise InvalidType(f"{name} has dtype {layer.dtype}; it must be numeric or bool")
    if layer.size == 0:
        raise InvalidArgument(f"{name} has shape {layer.shape}; it must have at least one pixel")


def _check_layers(layer: xr.DataArray, **others: xr.DataArray | None) -> None:
    """One layer, and others on its grid."""
    _check_layer("layer", layer)
    for name, other in others.items():
        if other is not None:
            _check_layer(name, other)
            _check_shape(name, other, layer)


def _check_shape(name: str, other: xr.DataArray, layer: xr.DataArray) -> None:
    if other.shape != layer.shape:
        raise GridMismatch(
            f"{name} has shape {other.shape} and layer {layer.shape}; both must lie on one grid: reproject the "
            f"{name} first"
        )


def _check_found(name: str, value: object, kind: str, maker: str) -> None:
    # Who holds such a value has loaded its package; pictures need not load it.
    inventory = sys.modules.get("insarfeat.inventory")
    if inventory is None or not isinstance(value, getattr(inventory, kind)):
        raise InvalidType(
            f"{name} is a {type(value).__name__}; it must be the {kind} that insarfeat.inventory.{maker} returns"
        )
