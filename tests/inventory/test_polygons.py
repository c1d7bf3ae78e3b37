"""Areas of polygons, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from insarfeat import inventory
from insarfeat.errors import InvalidArgument, InvalidType

HOLED = {
    "type": "Polygon",
    "coordinates": [
        [(600000, 5000000), (600100, 5000000), (600100, 5000050), (600000, 5000050), (600000, 5000000)],
        [(600010, 5000010), (600030, 5000010), (600020, 5000030)],  # not closed, and the other way round
    ],
}


class Mapped:
    def __init__(self, geojson: dict[str, object], crs: object) -> None:
        self.__geo_interface__ = geojson
        self.crs = crs


def zone(south: float, north: float, width: float) -> float:
    """Area on WGS 84 between two parallels, by the closed form of the authalic latitude."""
    major, flattening = 6378137.0, 1 / 298.257223563
    e2 = flattening * (2 - flattening)
    e = math.sqrt(e2)

    def below(latitude: float) -> float:
        s = math.sin(math.radians(latitude))
        return s / (1 - e2 * s * s) + math.atanh(e * s) / e

    return major**2 * (1 - e2) / 2 * (below(north) - below(south)) * math.radians(width)


def cell(
    south: float, north: float, west: float, east: float, corners: int = 400
) -> list[tuple[float, float]]:
    """Ring along parallels, with corners enough for geodesics to follow them."""
    there = np.linspace(west, east, corners)
    return [*((x, south) for x in there), *((x, north) for x in there[::-1]), (west, south)]


def test_planar_areas_lose_their_holes():
    assert inventory.areas_of(HOLED, "EPSG:32632") == pytest.approx([5000 - 200], rel=1e-12)


def test_a_feature_is_one_area_whatever_its_parts():
    rings = HOLED["coordinates"]
    many = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [rings, rings[:1]]}},
            {"type": "Feature", "geometry": None},
            {"type": "Feature", "geometry": {"type": "GeometryCollection", "geometries": [HOLED, HOLED]}},
        ],
    }
    assert inventory.areas_of(many, "EPSG:32632") == pytest.approx([9800, 0, 9600], rel=1e-12)


def test_areas_in_degrees_are_those_on_the_ellipsoid():
    outer, hole = cell(46, 47, 11, 12), cell(46.25, 46.5, 11.25, 11.5)
    found = inventory.areas_of({"type": "Polygon", "coordinates": [outer, hole]}, "EPSG:4326")
    expected = zone(46, 47, 1) - zone(46.25, 46.5, 0.25)
    assert found == pytest.approx([expected], rel=1e-6)
    # Either direction of the ring, either hemisphere, either order of axes in the definition.
    backwards = {"type": "Polygon", "coordinates": [cell(-47, -46, 11, 12)[::-1]]}
    assert inventory.areas_of(backwards, "OGC:CRS84") == pytest.approx([zone(46, 47, 1)], rel=1e-6)


def test_feet_become_metres():
    feet = "+proj=utm +zone=32 +ellps=WGS84 +units=us-ft"
    assert inventory.areas_of(HOLED, feet) == pytest.approx([4800 * (1200 / 3937) ** 2], rel=1e-9)


def test_the_crs_of_the_polygons_is_used_and_not_overruled():
    assert inventory.areas_of(Mapped(HOLED, "EPSG:32632")) == pytest.approx([4800])
    named = {**HOLED, "crs": {"type": "name", "properties": {"name": "EPSG:32632"}}}
    assert inventory.areas_of([named]) == pytest.approx([4800])
    with pytest.raises(InvalidArgument, match="crs is 'WGS 84', but polygons say"):
        inventory.areas_of(Mapped(HOLED, "EPSG:32632"), "EPSG:4326")


def test_what_cannot_be_told_is_refused():
    with pytest.raises(InvalidArgument, match="pass crs="):
        inventory.areas_of(HOLED)
    with pytest.raises(InvalidArgument, match="crs 'nowhere' cannot be read"):
        inventory.areas_of(HOLED, "nowhere")
    with pytest.raises(InvalidType, match="polygons is a float"):
        inventory.areas_of(1.5)
    with pytest.raises(InvalidArgument, match="'Point'; only Polygon"):
        inventory.areas_of({"type": "Point", "coordinates": (1, 2)}, "EPSG:4326")
