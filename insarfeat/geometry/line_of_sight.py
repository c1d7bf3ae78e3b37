"""The line of sight: one unit vector from the ground to the satellite, and the two angles that say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import GridMismatch, InvalidType
from insarfeat.geometry._kernels import vectors as _kernels
from insarfeat.geometry.arguments import Look, side_of
from insarfeat.geometry.plausible import check_vector
from insarfeat.georeference import same_grid

LAYER_NAMES = ("los_east", "los_north", "los_up")


class ViewingAngles(NamedTuple):
    """Incidence and heading in degrees; unpacks as two.

    Attributes
    ----------
    incidence
        From the vertical at the ground.
    heading
        Flight direction, clockwise from north, that belongs to the line of sight at the ground.
    """

    incidence: Any
    heading: Any


class _Side(NamedTuple):
    look: Look


_ANGLES = Operator(
    "insarfeat.geometry.incidence_and_heading",
    _kernels.to_angles,
    inputs=[Raster(name, number=True) for name in LAYER_NAMES],
    outputs=[Result("incidence"), Result("heading")],
    # At the nadir there is an incidence, and no heading.
    nodata="formula",
    prepare=lambda parameters: (side_of(parameters.look),),
)


@dataclass(frozen=True, slots=True, eq=False)
class LineOfSight:
    r"""Unit vector from the ground to the satellite, in three layers; unpacks as ``east, north, up``.

    ::

             up   satellite
              |  /
              | /  <- (east, north, up), of length 1
              |/
        ----ground----

    Its dot product with a displacement (east, north, up) is the displacement along the line of sight, positive toward
    the satellite.

    Each layer is a number, a NumPy array, a Dask array or a DataArray, all on one grid. What cannot be a line of
    sight is refused: a length that is not 1 within 1 %, or an up component below 0, at more than 1 % of the pixels
    looked at; and, for DataArrays whose CRS is known, a direction along north and south below 60 degrees of latitude,
    or an incidence that clearly grows toward the satellite. Of rasters 64 x 64 pixels are looked at; of Dask arrays
    none.

    Attributes
    ----------
    east, north, up
        Components; NaN is nodata.

    Examples
    --------
    >>> east, north, up = LineOfSight(-0.6, 0.0, 0.8)
    >>> float(LineOfSight(-0.6, 0.0, 0.8).incidence_and_heading().incidence.round(2))
    36.87
    """

    east: Any
    north: Any
    up: Any

    def __post_init__(self) -> None:
        _check_grid(tuple(self))
        check_vector(self.east, self.north, self.up)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.east, self.north, self.up))

    def incidence_and_heading(self, *, look: Look = "right") -> ViewingAngles:
        """The angles that say the same, as :func:`incidence_and_heading` gives them."""
        side_of(look)
        found = _ANGLES(*self, parameters=_Side(look))
        return ViewingAngles(*unpacked(found, ("incidence", "heading")))


def incidence_and_heading(
    los_east: Any, los_north: Any, los_up: Any, *, look: Look = "right"
) -> ViewingAngles:
    r"""Incidence and heading, in degrees, of a line of sight.

    ::

        from above, right-looking        from the side

            north                        up  satellite
              |  heading                  |  /
              | /                         |a/   a: incidence
        sat --+                           |/
              ground                    ground

    .. math:: \theta = \mathrm{atan2}(\sqrt{e^2 + n^2}, u), \quad
        \alpha = \mathrm{atan2}(e, n) + 90^\circ \text{ (right-looking)}, \; - 90^\circ \text{ (left-looking)}

    The heading is that of the line of sight at the ground. The flight direction at the satellite, which annotations
    give, differs from it by some degrees, because the satellite stands over another meridian.

    Parameters
    ----------
    los_east, los_north, los_up
        Components of the unit vector from the ground to the satellite: numbers or rasters. NaN is nodata. They are
        checked as :class:`LineOfSight` says.
    look
        Side of the flight direction that the radar looks to, "right" or "left".

    Returns
    -------
    ``incidence`` from the vertical and ``heading`` clockwise from north in (-180, 180], of the kind of the inputs;
    NaN where a component is. Where the satellite is overhead the heading is NaN.

    Examples
    --------
    >>> incidence, heading = incidence_and_heading(-0.6156, -0.1308, 0.7771)
    >>> float(incidence.round(1)), float(heading.round(1))
    (39.0, -12.0)
    """
    return LineOfSight(los_east, los_north, los_up).incidence_and_heading(look=look)


def unpacked(found: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """The several outputs of an operator as a tuple, whatever the kind."""
    return tuple(found[name] for name in names) if hasattr(found, "data_vars") else tuple(found)


def _check_grid(layers: Sequence[Any]) -> None:
    """Refuse layers that are neither numbers nor rasters, or do not share one grid."""
    rasters = [layer for layer in layers if getattr(layer, "ndim", 0)]
    for layer in layers:
        if not (hasattr(layer, "dtype") or isinstance(layer, int | float)):
            raise InvalidType(
                "east, north and up must be numbers, NumPy arrays, Dask arrays or DataArrays; got "
                + type(layer).__name__
            )
    for raster in rasters:
        if raster.ndim < 2:
            raise InvalidType(
                f"east, north and up must be numbers or have two dimensions (y, x) or more; got {raster.shape}"
            )
        if raster.shape[-2:] != rasters[0].shape[-2:]:
            raise GridMismatch(
                f"east, north and up must share one grid; got {', '.join(str(each.shape) for each in rasters)}"
            )
    labelled = [raster for raster in rasters if hasattr(raster, "coords")]
    if labelled:
        same_grid(labelled)
