"""Lines of sight of real products: vectors of LiCSAR, angles and orbits of Sentinel-1, attributes of MintPy."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from insarfeat.errors import InvalidArgument
from insarfeat.geometry.conventions import (
    los_from_incidence,
    los_from_licsar,
    los_from_mintpy,
    los_from_opera,
)
from insarfeat.geometry.line_of_sight import LineOfSight, incidence_and_heading

Floats = NDArray[np.float64]

FRAMES = {"014A_04939_131313": (-14.0, -9.0), "167D_04884_131212": (-171.1, -166.0)}
every_frame = pytest.mark.parametrize("frame", FRAMES)


# -- vectors of LiCSAR ----------------------------------------------------------------------------------------


def vectors_of(test_data: Path, frame: str) -> list[xr.DataArray]:
    rasterio = pytest.importorskip("rasterio")
    layers = []
    for component in "ENU":
        path = test_data / "vel_anatolia_licsbas" / f"{frame}_{component}.geo.tif"
        if not path.is_file():
            pytest.skip("no sample of LiCSBAS")
        with rasterio.open(path) as file:
            lat = file.transform.f + file.transform.e * (np.arange(file.height) + 0.5)
            lon = file.transform.c + file.transform.a * (np.arange(file.width) + 0.5)
            layers.append(xr.DataArray(file.read(1), {"lat": lat, "lon": lon}, ("lat", "lon"), component))
    return layers


@every_frame
def test_licsar_gives_unit_vectors_to_a_satellite_where_sentinel_1_flies(test_data: Path, frame: str) -> None:
    given = vectors_of(test_data, frame)
    los = los_from_licsar(*given)
    for one, other in zip(los, given, strict=True):
        np.testing.assert_array_equal(one, other)
    norm = np.sqrt(sum(layer.astype("f8") ** 2 for layer in los))
    assert abs(norm - 1).max() < 3e-7
    incidence, heading = los.incidence_and_heading()
    assert incidence.min() > 29
    assert incidence.max() < 47
    lowest, highest = FRAMES[frame]
    assert lowest < heading.min()
    assert heading.max() < highest


@every_frame
def test_angles_of_licsar_give_its_vectors_back(test_data: Path, frame: str) -> None:
    given = vectors_of(test_data, frame)
    angles = incidence_and_heading(*given)
    for layer, other in zip(los_from_incidence(*angles), given, strict=True):
        assert float(abs(layer - other).max()) < 1e-6
    for layer, other in zip(los_from_opera(*given[:2]), given, strict=True):
        assert float(abs(layer - other).max()) < 1e-6


@every_frame
def test_angles_from_the_horizontal_and_reversed_headings_are_refused(test_data: Path, frame: str) -> None:
    incidence, heading = incidence_and_heading(*vectors_of(test_data, frame))
    for number in (heading, float(heading.mean())):
        los_from_incidence(incidence, number)
        for mistaken in (
            lambda number=number: los_from_incidence(90 - incidence, number),
            lambda number=number: los_from_incidence(incidence, number + 180),
            lambda number=number: los_from_incidence(incidence, number, look="left"),
        ):
            with pytest.raises(InvalidArgument, match="incidence grows toward the satellite"):
                mistaken()


@every_frame
def test_east_and_north_swapped_are_refused(test_data: Path, frame: str) -> None:
    east, north, up = vectors_of(test_data, frame)
    with pytest.raises(InvalidArgument, match=r"at latitude 4.; .* are east and north swapped"):
        los_from_licsar(north, east, up)


@every_frame
def test_a_crop_and_a_lazy_raster_pass(test_data: Path, frame: str) -> None:
    given = vectors_of(test_data, frame)
    LineOfSight(*(layer[100:110, 150:170] for layer in given))
    assert LineOfSight(*(layer.chunk() for layer in given)).up.chunks is not None


# -- orbits ---------------------------------------------------------------------------------------------------

_A, _F = 6378137.0, 1 / 298.257223563


def earth_fixed(latitude: Floats, longitude: Floats, height: Any) -> Floats:
    return np.stack(
        Transformer.from_crs(4979, 4978, always_xy=True).transform(
            longitude, latitude, height + 0 * latitude
        ),
        axis=-1,
    )


def east_north_up(vectors: Floats, latitude: Floats, longitude: Floats) -> list[Floats]:
    """Components along the axes of a place, the upward one along the ellipsoid's normal."""
    p, m = np.radians(latitude), np.radians(longitude)
    axes = (
        (-np.sin(m), np.cos(m), 0 * m),
        (-np.sin(p) * np.cos(m), -np.sin(p) * np.sin(m), np.cos(p)),
        (np.cos(p) * np.cos(m), np.cos(p) * np.sin(m), np.sin(p)),
    )
    return [sum(vectors[..., k] * axis[k] for k in range(3)) for axis in axes]


@dataclass(frozen=True)
class Orbit:
    """Positions fitted by polynomials of seconds."""

    parts: tuple[Polynomial, ...]

    @classmethod
    def through(cls, seconds: Floats, positions: Floats) -> Orbit:
        degree = min(12, len(seconds) - 2)
        return cls(tuple(Polynomial.fit(seconds, part, degree) for part in positions.T))

    def position(self, seconds: Floats) -> Floats:
        return np.stack([part(seconds) for part in self.parts], axis=-1)

    def velocity(self, seconds: Floats) -> Floats:
        return np.stack([part.deriv()(seconds) for part in self.parts], axis=-1)

    def time_over(self, points: Floats) -> Floats:
        """Seconds at which (P - S) . V = 0: by steps of the distance that is left along the track."""
        seconds = np.zeros(points.shape[:-1])
        for _ in range(40):
            velocity = self.velocity(seconds)
            left = ((points - self.position(seconds)) * velocity).sum(-1)
            seconds = seconds + left / (velocity**2).sum(-1)
        return seconds


@dataclass(frozen=True)
class Sighted:
    """Points on the ground and the lines of sight from them, by the orbit."""

    latitude: Floats
    longitude: Floats
    points: Floats
    satellite: Floats
    velocity: Floats

    @classmethod
    def by(cls, orbit: Orbit, latitude: Floats, longitude: Floats, height: Any) -> Sighted:
        points = earth_fixed(latitude, longitude, height)
        seconds = orbit.time_over(points)
        return cls(latitude, longitude, points, orbit.position(seconds), orbit.velocity(seconds))

    @property
    def range(self) -> Floats:
        return np.linalg.norm(self.satellite - self.points, axis=-1)

    @property
    def unit(self) -> Floats:
        return (self.satellite - self.points) / self.range[..., None]

    @property
    def angles(self) -> tuple[Floats, Floats]:
        """Incidence and heading by the function under test."""
        layers = [
            np.ascontiguousarray(layer[None])
            for layer in east_north_up(self.unit, self.latitude, self.longitude)
        ]
        incidence, heading = incidence_and_heading(*layers)
        return incidence[0], heading[0]

    @property
    def below(self) -> tuple[Floats, Floats]:
        """Longitude and latitude of the satellite."""
        longitude, latitude, _ = Transformer.from_crs(4978, 4979, always_xy=True).transform(*self.satellite.T)
        return longitude, latitude

    @property
    def flight(self) -> Floats:
        """Heading of the Earth-fixed velocity, at the satellite."""
        longitude, latitude = self.below
        east, north, _ = east_north_up(self.velocity, latitude, longitude)
        return np.degrees(np.arctan2(east, north))


# -- annotation of Sentinel-1 ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Swath:
    name: str
    heading: float
    sighted: Sighted
    incidence: Floats
    slant_range_time: Floats


def swaths(test_data: Path) -> Iterator[Swath]:
    products = sorted(test_data.glob("*/*_annotation.SAFE.zip"))
    if not products:
        pytest.skip("no samples of Sentinel-1 annotation")
    for product in products:
        with zipfile.ZipFile(product) as archive:
            for name in sorted(archive.namelist()):
                if "/annotation/s1a-" in name:
                    yield read(name, ElementTree.fromstring(archive.read(name)))


def read(name: str, root: ElementTree.Element) -> Swath:
    start = datetime.fromisoformat(text(root, ".//startTime"))
    states = root.findall(".//orbitList/orbit")
    seconds = [
        (datetime.fromisoformat(text(state, "time")) - start) / timedelta(seconds=1) for state in states
    ]
    positions = [[float(text(state, f"position/{axis}")) for axis in "xyz"] for state in states]
    orbit = Orbit.through(np.array(seconds), np.array(positions))
    points = root.findall(".//geolocationGridPoint")

    def column(tag: str) -> Floats:
        return np.array([float(text(point, tag)) for point in points])

    sighted = Sighted.by(orbit, column("latitude"), column("longitude"), column("height"))
    heading = float(text(root, ".//platformHeading"))
    return Swath(name, heading, sighted, column("incidenceAngle"), column("slantRangeTime"))


def text(element: ElementTree.Element, path: str) -> str:
    found = element.findtext(path)
    assert found is not None, path
    return found


def turned(degrees: Any) -> Any:
    """In [-180, 180)."""
    return (degrees + 180) % 360 - 180


def test_the_orbit_sees_the_annotated_ranges(test_data: Path) -> None:
    """What the other tests stand on: two-way times to a tenth of a nanosecond, 15 mm."""
    for swath in swaths(test_data):
        np.testing.assert_allclose(
            2 * swath.sighted.range / 299_792_458, swath.slant_range_time, rtol=0, atol=1e-10
        )


def test_annotated_incidence_is_from_the_geocentric_vertical(test_data: Path) -> None:
    """And so 0.03 degrees short of the one from the ellipsoid's normal, which the line of sight has."""
    for swath in swaths(test_data):
        points, unit = swath.sighted.points, swath.sighted.unit
        outward = points / np.linalg.norm(points, axis=-1)[:, None]
        geocentric = np.degrees(np.arccos((unit * outward).sum(-1)))
        np.testing.assert_allclose(geocentric, swath.incidence, rtol=0, atol=1e-7)
        short = swath.sighted.angles[0] - swath.incidence
        assert short.min() > 0.025
        assert short.max() < 0.04


def test_angles_of_the_orbit_give_its_line_of_sight(test_data: Path) -> None:
    for swath in swaths(test_data):
        incidence, heading = swath.sighted.angles
        los = los_from_incidence(incidence[None], heading[None])
        truth = east_north_up(swath.sighted.unit, swath.sighted.latitude, swath.sighted.longitude)
        for layer, wanted in zip(los, truth, strict=True):
            np.testing.assert_allclose(layer[0], wanted, rtol=0, atol=1e-14)


def test_the_annotated_heading_is_not_that_of_the_line_of_sight(test_data: Path) -> None:
    """It is the flight direction at the satellite, on another meridian: north differs by most of the difference."""
    for swath in swaths(test_data):
        sighted = swath.sighted
        heading = sighted.angles[1]
        assert abs(turned(sighted.flight - swath.heading)).max() < 0.3
        difference = turned(heading - swath.heading)
        longitude, latitude = sighted.below
        middle = np.radians((latitude + sighted.latitude) / 2)
        convergence = turned(sighted.longitude - longitude) * np.sin(middle)
        assert abs(difference - convergence).max() < 0.5
        if abs(swath.heading) < 90:  # ascending, at 51 to 53 degrees north
            assert difference.min() > 3.6
            assert difference.max() < 6.9
        else:  # descending, at 30 to 32 degrees north
            assert difference.min() > -3.3
            assert difference.max() < -1.7


def test_the_annotated_heading_gives_a_line_of_sight_that_is_degrees_off(test_data: Path) -> None:
    """What a product pays that has the platform's heading for its line of sight."""
    for swath in swaths(test_data):
        sighted = swath.sighted
        incidence, heading = sighted.angles
        los = los_from_incidence(incidence[None], swath.heading)
        truth = east_north_up(sighted.unit, sighted.latitude, sighted.longitude)
        off = np.degrees(np.arccos(sum(one[0] * other for one, other in zip(los, truth, strict=True))))
        expected = abs(turned(heading - swath.heading)) * np.sin(np.radians(incidence))
        np.testing.assert_allclose(off, expected, rtol=2e-3)
        assert off.max() > 1.2


# -- OPERA ----------------------------------------------------------------------------------------------------


def test_the_orbit_of_opera_sees_the_footprint_to_the_right_within_its_ranges(test_data: Path) -> None:
    h5py = pytest.importorskip("h5py")
    found = sorted((test_data / "opera_cslc_struct").glob("*.h5"))
    if not found:
        pytest.skip("no sample of OPERA CSLC-S1")
    with h5py.File(found[0]) as file:
        assert file["identification/look_direction"][()] == b"Right"
        assert file["identification/orbit_pass_direction"][()] == b"Descending"
        polygon = re.findall(r"-?\d+\.\d+", file["identification/bounding_polygon"][()].decode())
        orbit = file["metadata/orbit"]
        epoch = datetime.fromisoformat(orbit["reference_epoch"][()].decode())
        burst = file["metadata/processing_information/input_burst_metadata"]
        start = datetime.fromisoformat(burst["sensing_start"][()].decode())
        seconds = orbit["time"][:] - (start - epoch) / timedelta(seconds=1)
        positions = np.stack([orbit[f"position_{axis}"][:] for axis in "xyz"], axis=-1)
        nearest = burst["starting_range"][()]
        farthest = nearest + burst["range_pixel_spacing"][()] * (burst["shape"][1] - 1)
    longitude, latitude = np.array(polygon, "f8").reshape(-1, 2).T
    sighted = Sighted.by(Orbit.through(seconds, positions), latitude, longitude, 0.0)
    # The polygon is on the ellipsoid, so its ends are those of the burst.
    assert sighted.range.min() == pytest.approx(nearest, abs=1)
    assert sighted.range.max() == pytest.approx(farthest, abs=1)
    # To the right: down times ahead.
    rightward = np.cross(sighted.velocity, sighted.satellite)
    assert ((sighted.points - sighted.satellite) * rightward).sum(-1).min() > 0
    incidence, heading = sighted.angles
    assert incidence.min() > 36.4
    assert incidence.max() < 41.9
    assert heading.min() > -169.4
    assert heading.max() < -169.0
    # At 19 degrees north the flight direction at the satellite is 1.3 to 1.7 degrees off.
    difference = turned(heading - sighted.flight)
    assert difference.min() > -1.7
    assert difference.max() < -1.2
    east, north, _ = east_north_up(sighted.unit, latitude, longitude)
    for layer, wanted in zip(los_from_opera(east[None], north[None]), (east, north), strict=False):
        np.testing.assert_array_equal(layer[0], wanted)


# -- MintPy and SNAP ------------------------------------------------------------------------------------------


def test_the_heading_of_mintpy_fits_the_corners_of_its_radar_image(test_data: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = test_data / "vel_kirishima_alos2" / "velocity.h5"
    if not path.is_file():
        pytest.skip("no sample of MintPy")
    with h5py.File(path) as file:
        attributes = {name: str(value) for name, value in file.attrs.items()}
    heading = float(attributes["HEADING"])
    assert attributes["ORBIT_DIRECTION"] == "DESCENDING"
    assert attributes["ANTENNA_SIDE"] == "-1"  # right
    corners = [
        (float(attributes[f"LON_REF{number}"]), float(attributes[f"LAT_REF{number}"])) for number in (1, 2, 3)
    ]
    ellipsoid = Geod(ellps="WGS84")
    across, _, _ = ellipsoid.inv(*corners[0], *corners[1])  # from near to far range
    along, _, _ = ellipsoid.inv(*corners[0], *corners[2])  # from the first line to the last
    assert abs(turned(across - heading - 90)) < 1
    assert abs(turned(along - heading)) < 1
    # Incidence in the middle of the image, on the sphere that the attributes give.
    slant = float(attributes["STARTING_RANGE"]) + float(attributes["RANGE_PIXEL_SIZE"]) * 2906 / 2
    earth, flying = float(attributes["EARTH_RADIUS"]), float(attributes["HEIGHT"])
    cosine = ((earth + flying) ** 2 - slant**2 - earth**2) / (2 * slant * earth)
    incidence = float(np.degrees(np.arccos(cosine)))
    one, other = los_from_mintpy(incidence, 90 - heading), los_from_incidence(incidence, heading)
    assert tuple(one) == pytest.approx(tuple(other), abs=1e-14)
    # A descending satellite that looks to the right stands in the east; the ground lies away from it.
    assert one.east > 0.4
    towards = np.degrees(np.arctan2(float(one.east), float(one.north)))
    assert abs(turned(towards - across - 180)) < 1


def test_range_on_the_ground_of_snap_runs_away_from_the_satellite(test_data: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = test_data / "slc_amsterdam_sarxarray" / "geom_lat_lon_height_h2ph.tif"
    if not path.is_file():
        pytest.skip("no sample of coregistered SLCs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as file:
            latitude, longitude, _, _ = file.read().astype("f8")
    ellipsoid = Geod(ellps="WGS84")
    ends = longitude[:, 0], latitude[:, 0], longitude[:, -1], latitude[:, -1]
    across, _, ground = ellipsoid.inv(*ends)
    ends = longitude[0], latitude[0], longitude[-1], latitude[-1]
    along, _, _ = ellipsoid.inv(*ends)
    heading = float(np.mean(along))
    slant = 2.329562 * (longitude.shape[1] - 1)  # Sentinel-1's sample spacing
    assert np.degrees(np.arcsin(slant / np.mean(ground))) == pytest.approx(43.2, abs=0.7)
    east, north, _ = los_from_incidence(43.2, heading)
    away = np.degrees(np.arctan2(-float(east), -float(north)))
    assert abs(turned(away - across).mean()) < 1
