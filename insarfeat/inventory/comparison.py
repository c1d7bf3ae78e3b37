"""How layers differ inside and outside mapped polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType, suggestion
from insarfeat.georeference import Grid, crs_of, grid_of, same_grid
from insarfeat.inventory._arguments import whole_number
from insarfeat.layers import LAYERS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from insarfeat.inventory.polygons import Outlines
    from insarfeat.inventory.sampling import Samples

Values = NDArray[np.float64]

_TAIL = 0.5
_MOST_BINS = 10_000
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers that sum up a sample, in the unit of the layer; NaN where the sample is empty."""

    count: int
    mean: float
    p5: float
    p25: float
    median: float
    p75: float
    p95: float

    @classmethod
    def of(cls, ordered: Values) -> Summary:
        """Sum up values; quantiles between two of them are interpolated.

        >>> Summary.of(np.array([0.0, 1.0, 2.0, 3.0, 4.0])).p75
        3.0
        """
        if not len(ordered):
            return cls(0, *[float("nan")] * 6)
        quantiles = np.quantile(ordered, (0.05, 0.25, 0.5, 0.75, 0.95))
        return cls(len(ordered), float(ordered.mean()), *(float(value) for value in quantiles))


@dataclass(frozen=True, slots=True, eq=False)
class LayerContrast:
    """One layer inside and outside the polygons.

    Attributes
    ----------
    name, long_name, units
        Of the layer.
    inside, outside
        Sums of the two samples: all valid pixels inside, and a random sample of valid pixels outside.
    edges
        Borders of the histogram's bins, in the unit of the layer. They span both samples but for the outermost 0.5
        percent on each side of each.
    density_inside, density_outside
        Share of the sample in each bin over the width of the bin. A density sums up to the share of its sample that
        lies between the first and the last border. NaN where the sample is empty.
    ks_distance
        Two-sample Kolmogorov-Smirnov distance: the largest difference between the two cumulative distributions,
        0 (the same) to 1 (apart).
    auc
        Area under the ROC curve: the probability that a pixel from inside exceeds one from outside, equal ones
        counted half. 0.5 says nothing, 1 all inside is higher, 0 all inside is lower.
    """

    name: str
    long_name: str
    units: str
    inside: Summary
    outside: Summary
    edges: Values
    density_inside: Values
    density_outside: Values
    ks_distance: float
    auc: float

    @property
    def outside_is_short(self) -> bool:
        """Whether fewer valid pixels lie outside than inside, so that the samples are not of equal size."""
        return self.outside.count < self.inside.count


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What :func:`compare` found: one :class:`LayerContrast` per layer, by name.

    Attributes
    ----------
    layers
        In the order of the input.
    pixels_covered
        Pixels whose centre lies in a polygon, valid or not.
    seed
        That chose the sample.
    """

    layers: tuple[LayerContrast, ...]
    pixels_covered: int
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)

    def __getitem__(self, name: str) -> LayerContrast:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(
            f"no layer {name!r} was compared{suggestion(name, self.names)}; there are {', '.join(self.names)}"
        )

    def __repr__(self) -> str:
        lines = [f"Comparison of {len(self.layers)} layer(s), {self.pixels_covered} pixels in polygons"]
        for layer in self.layers:
            short = " (fewer outside than inside)" if layer.outside_is_short else ""
            lines.append(
                f"  {layer.name}: {layer.inside.count} inside, {layer.outside.count} outside{short}, median "
                f"{layer.inside.median:.4g} against {layer.outside.median:.4g}, KS {layer.ks_distance:.3f}, "
                f"AUC {layer.auc:.3f}"
            )
        return "\n".join(lines)

    def table(self) -> pd.DataFrame:
        """One row per layer: units, sizes and sums of both samples, KS distance and AUC."""
        import pandas as pd

        rows = [
            {
                "layer": layer.name,
                "units": layer.units,
                **{
                    f"{side}_{part}": getattr(summary, part)
                    for side, summary in (("inside", layer.inside), ("outside", layer.outside))
                    for part in Summary.__dataclass_fields__
                },
                "outside_is_short": layer.outside_is_short,
                "ks_distance": layer.ks_distance,
                "auc": layer.auc,
            }
            for layer in self.layers
        ]
        return pd.DataFrame(rows).set_index("layer")


def compare(layers: Any, polygons: Any, *, bins: int = 50, seed: int = 0) -> Comparison:
    r"""Compare the distributions of layers inside polygons with those of as many random pixels outside.

    Inside are all valid pixels whose centre lies in a polygon, :math:`x_1 \ldots x_n`. Outside, as many of the other
    valid pixels are drawn without replacement, :math:`y_1 \ldots y_m`; where there are fewer, all of them, and
    ``outside_is_short`` says so. Each layer has a sample of its own, which the other layers do not change. Then

    .. math:: D = \max_v |F_x(v) - F_y(v)|, \qquad
        A = \frac{1}{n m} \sum_{i, j} \left( [x_i > y_j] + \tfrac12 [x_i = y_j] \right)

    are the Kolmogorov-Smirnov distance and the area under the ROC curve. Neighbouring pixels resemble each other, so
    a sample of n pixels says less than n independent ones would, by a factor that nobody knows: no p-value is given,
    because it would be far too small. Directions and wrapped phases are treated as plain numbers.

    The layers are read once, chunk by chunk, or twice where less than a quarter of the outside is valid; memory holds
    a few times the samples and the blocks at work. The answer is the same, bit for bit, for any chunks.

    Parameters
    ----------
    layers
        Layer or Dataset with y and x coordinates and real values, NumPy or Dask. NaN, infinite values and the fill
        value of whole numbers are nodata and never drawn. Variables of a Dataset with fewer than two dimensions
        are left out.
    polygons
        A geometry or GeoDataFrame (anything with ``__geo_interface__``), a GeoJSON dict, or an iterable of those, in
        the CRS of the layers. Where they overlap, a pixel counts once.
    bins
        Number of bins of the histograms.
    seed
        0 or more; another seed draws another sample.

    Returns
    -------
    Comparison
        Statistics and histograms in the units of the layers.

    Raises
    ------
    InvalidArgument
        Where the polygons' CRS is known to be another than that of the layers, or no pixel lies in them.

    References
    ----------
    Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a receiver operating characteristic
    (ROC) curve. Radiology 143(1), 29-36.

    Examples
    --------
    >>> import xarray as xr
    >>> slope = xr.DataArray(
    ...     np.add.outer(np.arange(4.0), np.arange(5.0)),
    ...     {"y": [35.0, 25.0, 15.0, 5.0], "x": [5.0, 15.0, 25.0, 35.0, 45.0]}, ("y", "x"), name="slope",
    ... )
    >>> slide = {"type": "Polygon", "coordinates": [[(30, 0), (50, 0), (50, 20), (30, 20), (30, 0)]]}
    >>> found = compare(slope, slide)["slope"]
    >>> found.inside.count, found.inside.mean, found.outside.count
    (4, 6.0, 4)
    >>> found.auc
    1.0
    """
    from insarfeat.inventory.footprint import Footprint
    from insarfeat.inventory.polygons import Outlines
    from insarfeat.inventory.sampling import Survey, gather, nodata_of

    number_of_bins = whole_number("bins", bins, least=1, most=_MOST_BINS)
    survey_seed = whole_number("seed", seed, least=0)
    rasters = _rasters_of(layers)
    grid = grid_of(rasters[0])
    outlines = Outlines.of(polygons)
    outlines.check_crs(crs_of(rasters[0]))
    footprint = Footprint.of(outlines.polygons, grid)
    if not footprint.pixels:
        raise InvalidArgument(_nothing_covered(outlines, grid))
    survey = Survey(footprint, survey_seed, tuple(nodata_of(raster) for raster in rasters))
    found = gather(rasters, survey)
    contrasts = (
        _contrast(raster, samples.balanced(), number_of_bins)
        for raster, samples in zip(rasters, found, strict=True)
    )
    return Comparison(tuple(contrasts), footprint.pixels, survey_seed)


def ks_distance(inside: Values, outside: Values) -> float:
    """Largest difference between the cumulative distributions of two ordered samples; NaN if one is empty.

    >>> ks_distance(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.5
    """
    if not (len(inside) and len(outside)):
        return float("nan")
    # The two distributions change only at values of the one or of the other.
    return max(
        float(np.abs(_share_up_to(places, inside) - _share_up_to(places, outside)).max())
        for sample in (inside, outside)
        for places in _pieces(sample)
    )


def area_under_roc(inside: Values, outside: Values) -> float:
    """Probability that a value from inside exceeds one from outside, of ordered samples; NaN if one is empty.

    >>> area_under_roc(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.125
    """
    if not (len(inside) and len(outside)):
        return float("nan")
    # Twice the pairs won, equal ones counted half, is a whole number.
    won = sum(
        int(np.searchsorted(outside, places, side).sum())
        for places in _pieces(inside)
        for side in ("left", "right")
    )
    return won / (2 * len(inside) * len(outside))


def _share_up_to(places: Values, ordered: Values) -> Values:
    return np.asarray(np.searchsorted(ordered, places, "right") / len(ordered))


def _pieces(sample: Values) -> list[Values]:
    """Parts of a sample, so that ranks of a large one do not need several times its memory."""
    return [sample[start : start + _PIECE] for start in range(0, len(sample), _PIECE)]


def _contrast(raster: xr.DataArray, samples: Samples, bins: int) -> LayerContrast:
    known = LAYERS.get(str(raster.name))
    name = str(raster.name) if raster.name is not None else "layer"
    edges = np.linspace(*_span(samples), bins + 1)
    return LayerContrast(
        name=name,
        long_name=str(raster.attrs.get("long_name", known.long_name if known else name)),
        units=str(raster.attrs.get("units", known.units if known else "")),
        inside=Summary.of(samples.inside),
        outside=Summary.of(samples.outside),
        edges=_fixed(edges),
        density_inside=_density(samples.inside, edges),
        density_outside=_density(samples.outside, edges),
        ks_distance=ks_distance(samples.inside, samples.outside),
        auc=area_under_roc(samples.inside, samples.outside),
    )


def _density(ordered: Values, edges: Values) -> Values:
    counts, _ = np.histogram(ordered, edges)
    size = len(ordered)
    return _fixed(counts / (size * np.diff(edges)) if size else np.full(len(counts), np.nan))


def _span(samples: Samples) -> tuple[float, float]:
    """First and last border of the histogram: few far values must not squeeze all others into one bin."""
    parts = [part for part in (samples.inside, samples.outside) if len(part)]
    if not parts:
        return 0.0, 1.0
    for tail in (_TAIL, 0.0):  # a layer that is nearly all one value still shows the rest
        ends = np.array([np.percentile(part, (tail, 100.0 - tail)) for part in parts])
        low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
        if high > low:
            return low, high
    margin = abs(low) * 0.01 or 0.5
    return low - margin, high + margin


def _fixed(values: Values) -> Values:
    values.flags.writeable = False
    return values


def _rasters_of(layers: Any) -> Sequence[xr.DataArray]:
    """The layers to compare, all on one grid with the same order of dimensions."""
    import xarray as xr

    if isinstance(layers, xr.DataArray):
        rasters = [layers]
    elif isinstance(layers, xr.Dataset):
        rasters = [variable for variable in layers.data_vars.values() if variable.ndim >= 2]
    else:
        raise InvalidType(
            f"layers is a {type(layers).__name__}; it must be an xarray.DataArray or Dataset with y and x "
            "coordinates, because polygons are laid on it by its coordinates"
        )
    if not rasters:
        raise InvalidArgument(
            "layers has no variable with two dimensions (y, x); there is nothing to compare"
        )
    for raster in rasters:
        name = raster.name or "layers"
        if raster.ndim != 2:
            fix = f": pick one, as in .isel({raster.dims[0]}=0)" if raster.ndim > 2 else ""
            raise InvalidArgument(f"{name} has dims {raster.dims}; it must have two, (y, x){fix}")
        if raster.dtype.kind not in "fiub":
            fix = (
                "take its phase or its magnitude, or leave it out, as in dataset.drop_vars(...)"
                if raster.dtype.kind == "c"
                else "leave it out, as in dataset.drop_vars(...)"
            )
            raise InvalidType(f"{name} has dtype {raster.dtype}; distributions need real numbers: {fix}")
    same_grid(rasters)
    return [raster.transpose(*rasters[0].dims) for raster in rasters]


def _nothing_covered(outlines: Outlines, grid: Grid) -> str:
    corners = np.concatenate([polygon.outer for polygon in outlines.polygons])
    ends = (corners.min(axis=0), corners.max(axis=0))
    theirs = ", ".join(f"{axis} {ends[0][n]:.6g} to {ends[1][n]:.6g}" for n, axis in enumerate("xy"))
    ours = ", ".join(
        f"{name} {min(axis.first, last):.6g} to {max(axis.first, last):.6g}"
        for name, axis in (("x", grid.x), ("y", grid.y))
        for last in [axis.first + axis.step * (axis.size - 1)]
    )
    return (
        f"polygons (corners at {theirs}) hold no pixel centre of the layers ({ours}); bring both to one CRS, or take "
        "finer layers where the polygons are smaller than pixels"
    )
