"""The canonical layers: one table of names, units, CF attributes, nodata and how each is drawn.

Every layer that the package computes, reads or writes is described here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Drawing = Literal["sequential", "signed", "cyclic", "terrain", "light", "amplitude", "classes"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One canonical layer.

    Attributes
    ----------
    name
        Name of the variable in stacks.
    long_name, units, standard_name
        CF attributes; ``standard_name`` only where CF has one.
    dtype
        Storage type.
    drawing
        Kind of colour map: ``cyclic`` for phases, ``signed`` for values with a meaningful zero.
    limits
        Values that span the colour map where they are fixed by the definition; None for data-driven.
    period
        Of angles, which come back to where they were: means are those of directions, not of numbers.
    flags
        Meaning of each value of a categorical layer.
    masks
        Meaning of each bit of a layer whose values are sums of bits.
    """

    name: str
    long_name: str
    units: str
    standard_name: str | None = None
    dtype: str = "float32"
    drawing: Drawing = "sequential"
    limits: tuple[float, float] | None = None
    period: float | None = None
    flags: tuple[tuple[int, str], ...] = ()
    masks: tuple[tuple[int, str], ...] = ()

    @property
    def attributes(self) -> dict[str, Any]:
        """CF attributes of a variable that holds this layer.

        >>> LAYERS["slope"].attributes
        {'long_name': 'terrain slope', 'units': 'degree'}
        """
        attributes: dict[str, Any] = {"long_name": self.long_name, "units": self.units}
        if self.standard_name:
            attributes["standard_name"] = self.standard_name
        if self.flags:
            attributes["flag_values"] = np.array([value for value, _ in self.flags], self.dtype)
            attributes["flag_meanings"] = " ".join(meaning for _, meaning in self.flags)
        elif self.masks:
            attributes["flag_masks"] = np.array([mask for mask, _ in self.masks], self.dtype)
            attributes["flag_meanings"] = " ".join(meaning for _, meaning in self.masks)
        return attributes


_HALF_CIRCLE = 3.141592653589793

_TABLE = (
    Layer(
        "wrapped_phase",
        "wrapped interferometric phase",
        "radian",
        drawing="cyclic",
        limits=(-_HALF_CIRCLE, _HALF_CIRCLE),
        period=2 * _HALF_CIRCLE,
    ),
    Layer(
        "interferogram",
        "complex interferogram, primary x conj(secondary)",
        "1",
        dtype="complex64",
        drawing="cyclic",
    ),
    Layer("image", "complex radar image", "1", dtype="complex64", drawing="amplitude"),
    Layer("coherence", "interferometric coherence", "1", limits=(0.0, 1.0)),
    Layer("temporal_coherence", "temporal coherence of a series of interferograms", "1", limits=(0.0, 1.0)),
    Layer("phase_deviation", "standard deviation of the interferometric phase", "radian"),
    Layer("intensity", "backscattered intensity", "1", drawing="amplitude"),
    Layer("unwrapped_phase", "unwrapped interferometric phase", "radian", drawing="signed"),
    Layer("connected_components", "connected components of the unwrapped phase", "1", dtype="uint8"),
    Layer("displacement", "line-of-sight displacement, positive toward the satellite", "m", drawing="signed"),
    Layer("displacement_deviation", "standard deviation of the line-of-sight displacement", "m"),
    Layer(
        "velocity",
        "line-of-sight velocity, positive toward the satellite",
        "m year-1",
        drawing="signed",
    ),
    Layer("velocity_deviation", "standard deviation of the line-of-sight velocity", "m year-1"),
    Layer("elevation", "surface elevation", "m", "surface_altitude", drawing="terrain"),
    Layer("latitude", "latitude", "degree_north", "latitude"),
    Layer("longitude", "longitude", "degree_east", "longitude", period=360.0),
    Layer("incidence", "incidence angle from the vertical at the ground", "degree", "sensor_zenith_angle"),
    Layer(
        "heading",
        "flight direction of the platform, clockwise from north",
        "degree",
        "platform_course",
        period=360.0,
    ),
    Layer(
        "los_east",
        "east component of the unit vector from ground to satellite",
        "1",
        drawing="signed",
        limits=(-1.0, 1.0),
    ),
    Layer(
        "los_north",
        "north component of the unit vector from ground to satellite",
        "1",
        drawing="signed",
        limits=(-1.0, 1.0),
    ),
    Layer(
        "los_up",
        "up component of the unit vector from ground to satellite",
        "1",
        drawing="signed",
        limits=(-1.0, 1.0),
    ),
    Layer("local_incidence", "angle between line of sight and surface normal", "degree"),
    Layer(
        "slope_to_los",
        "range increase per unit of downslope motion",
        "1",
        drawing="signed",
        limits=(-1.0, 1.0),
    ),
    Layer("r_index", "share of the ground's range resolution, negative in layover", "1", drawing="signed"),
    Layer("coherence_weight", "trust in the phase, from its coherence", "1", limits=(0.0, 1.0)),
    Layer("sensitivity", "sensitivity of the interferogram to downslope motion", "1", limits=(0.0, 1.0)),
    Layer(
        "signed_sensitivity",
        "sensitivity of the interferogram to downslope motion, negative where that shortens the range",
        "1",
        drawing="signed",
        limits=(-1.0, 1.0),
    ),
    Layer("downslope_displacement", "displacement along the slope, positive downhill", "m", drawing="signed"),
    Layer("slowest_velocity", "slowest downslope velocity that shows", "m year-1"),
    Layer("fastest_velocity", "fastest downslope velocity that shows", "m year-1"),
    Layer("displacement_east", "displacement eastward", "m", drawing="signed"),
    Layer("displacement_up", "displacement upward", "m", drawing="signed"),
    Layer("displacement_east_deviation", "standard deviation of the displacement eastward", "m"),
    Layer("displacement_up_deviation", "standard deviation of the displacement upward", "m"),
    Layer(
        "displacement_covariance",
        "covariance of the displacements eastward and upward",
        "m2",
        drawing="signed",
    ),
    Layer(
        "shadow_layover",
        "radar shadow and layover",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=((0, "clear"), (1, "shadow"), (2, "layover"), (3, "shadow_and_layover")),
    ),
    Layer("slope", "terrain slope", "degree"),
    Layer(
        "aspect",
        "compass azimuth of the downslope direction",
        "degree",
        drawing="cyclic",
        limits=(0.0, 360.0),
        period=360.0,
    ),
    Layer("profile_curvature", "profile curvature, positive where convex", "m-1", drawing="signed"),
    Layer("plan_curvature", "plan curvature, positive where convex", "m-1", drawing="signed"),
    Layer("tangential_curvature", "tangential curvature, positive where convex", "m-1", drawing="signed"),
    Layer("general_curvature", "general curvature, positive where convex", "m-1", drawing="signed"),
    Layer(
        "hillshade",
        "cosine of the angle between sun and surface normal",
        "1",
        drawing="light",
        limits=(0.0, 1.0),
    ),
    Layer("convexity", "terrain surface convexity", "percent"),
    Layer("tri", "terrain ruggedness index", "m"),
    Layer("roughness", "largest elevation difference among a cell and its neighbours", "m"),
    Layer("local_relief", "largest elevation difference within a window", "m"),
    Layer("topographic_position", "elevation above the mean of the surroundings", "m", drawing="signed"),
    Layer("flow_accumulation", "upslope cells, itself included", "1", dtype="float64"),
    Layer("filled", "surface elevation with depressions filled", "m", drawing="terrain"),
    Layer(
        "flow_direction",
        "neighbour that water flows to",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=(
            (0, "none"),
            (1, "north"),
            (2, "north_east"),
            (3, "east"),
            (4, "south_east"),
            (5, "south"),
            (6, "south_west"),
            (7, "west"),
            (8, "north_west"),
        ),
    ),
    Layer(
        "flow_azimuth",
        "direction of flow, clockwise from the grid's north",
        "degree",
        drawing="cyclic",
        limits=(0.0, 360.0),
        period=360.0,
    ),
    Layer(
        "flow_contamination",
        "water that may come from beyond the elevation model",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=((0, "whole_catchment_known"), (1, "fed_from_outside")),
    ),
    Layer("specific_catchment_area", "upslope area per metre of width", "m"),
    Layer("twi", "topographic wetness index", "1"),
    Layer("wetness_index", "SAGA wetness index", "1"),
    Layer("basins", "number of the cell at which water leaves", "1", dtype="int64"),
    Layer(
        "streams",
        "streams",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=((0, "no_stream"), (1, "stream")),
    ),
    Layer(
        "terrain_pc1",
        "first principal component of slope, convexity, ruggedness and wetness",
        "1",
        drawing="signed",
    ),
    Layer(
        "water",
        "water",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=((0, "land"), (1, "water")),
    ),
    Layer(
        "landslide",
        "landslide",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=((0, "no_landslide"), (1, "landslide")),
    ),
    Layer("landslide_probability", "probability of landslide", "1", limits=(0.0, 1.0)),
    Layer(
        "valid_mask",
        "valid pixels",
        "1",
        dtype="uint8",
        drawing="classes",
        flags=((0, "invalid"), (1, "valid")),
    ),
    Layer(
        "invalid_causes",
        "what makes pixels invalid",
        "1",
        dtype="uint8",
        masks=(
            (1, "missing"),
            (2, "outside_footprint"),
            (4, "water"),
            (8, "layover"),
            (16, "shadow"),
            (32, "low_coherence"),
            (64, "flow_contamination"),
        ),
    ),
)

LAYERS: dict[str, Layer] = {layer.name: layer for layer in _TABLE}

EVENT_BANDS = (
    "wrapped_phase",
    "coherence",
    "intensity",
    "elevation",
    "displacement",
    "unwrapped_phase",
    "local_incidence",
    "landslide",
    "valid_mask",
)
"""Bands of the event stack, in the order in which they are stored where nobody names them."""

NODATA_BYTE = 255
"""``_FillValue`` of every uint8 layer; continuous layers use NaN and nothing else."""


def fill_value(dtype: np.dtype[Any] | str) -> Any:
    """Nodata value that stored rasters of this type declare.

    >>> fill_value("float32"), fill_value("uint8"), fill_value("int16")
    (nan, 255, -32768)
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return float("nan")
    if kind.kind == "c":
        return complex("nan+nanj")
    if kind == np.uint8:
        return NODATA_BYTE
    if kind.kind == "b":
        return None
    limits = np.iinfo(kind)
    return int(limits.max if kind.kind == "u" else limits.min)
