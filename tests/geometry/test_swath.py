"""Swaths of real products: each annotated place on the ground must be where the annotation says it is seen."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from insarfeat.bursts import ValidSamples, total_lines
from insarfeat.errors import GridMismatch, InvalidArgument
from insarfeat.geometry.ellipsoid import axes, to_earth_fixed
from insarfeat.geometry.radar_grid import RadarGrid
from insarfeat.geometry.swath import Footprint, Swath
from insarfeat.io.annotation import read_swath

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def swaths(test_data: Path) -> list[Swath]:
    found = []
    for product in sorted(test_data.glob("*/*_annotation.SAFE.zip")):
        with zipfile.ZipFile(product) as archive:
            for name in sorted(archive.namelist()):
                if "/annotation/s1a" in name:
                    with archive.open(name) as file:
                        found.append(read_swath(file))
    if not found:
        pytest.skip("no samples of Sentinel-1 annotation")
    return found


def annotated(swath: Swath, grid: RadarGrid) -> tuple[Floats, Floats]:
    """Lines and samples of the tie points: lines from those in the image of bursts one below the other."""
    points, lines = swath.tie_points, swath.bursts[0].lines
    burst = np.minimum(points.line // lines, len(swath.bursts) - 1)
    starts = np.array([np.datetime64(burst.azimuth.first_time) for burst in swath.bursts])[burst]
    since = (starts - np.datetime64(grid.azimuth.first_time)) / np.timedelta64(1, "s")
    since += (points.line - burst * lines) * swath.bursts[0].azimuth.interval
    after = points.slant_range_time - grid.slant_range.first_time
    return since / grid.azimuth.interval, after * grid.slant_range.sampling_rate


def test_tie_points_are_located_where_they_are_annotated(swaths: list[Swath]) -> None:
    """Found: 0.006 lines (8 cm) and 0.00011 samples at most; without the bistatic rest it is 0.14 lines."""
    for swath in swaths:
        points = swath.tie_points
        assert points.latitude.size >= 200
        found = swath.grid.locate(points.latitude, points.longitude, points.height)
        line, sample = annotated(swath, swath.grid)
        assert np.abs(found.line - line).max() < 8e-3
        assert np.abs(found.sample - sample).max() < 2e-4


def test_annotated_times_lead_to_the_tie_points(swaths: list[Swath]) -> None:
    """Found: within 8 cm."""
    for swath in swaths:
        points = swath.tie_points
        found = swath.grid.position(*annotated(swath, swath.grid), points.height)
        off = np.array(to_earth_fixed(found.latitude, found.longitude, points.height)) - to_earth_fixed(
            points.latitude, points.longitude, points.height
        )
        assert np.linalg.norm(off, axis=0).max() < 0.1


def test_the_incidence_is_the_annotated_one_but_for_the_vertical(swaths: list[Swath]) -> None:
    """The annotated one is from the line through the Earth's centre, to 1e-8 degrees; the normal is 0.04 off."""
    for swath in swaths:
        points = swath.tie_points
        place = (points.latitude, points.longitude)
        sight = swath.grid.line_of_sight(*place, points.height)
        incidence = np.degrees(np.arccos(sight.up))
        assert np.abs(incidence - points.incidence).max() < 0.05
        toward = sum(part[..., np.newaxis] * axis for part, axis in zip(sight, axes(*place), strict=True))
        ground = np.stack(to_earth_fixed(*place, points.height), axis=-1)
        ground /= np.linalg.norm(ground, axis=-1, keepdims=True)
        geocentric = np.degrees(np.arccos((toward * ground).sum(axis=-1)))
        assert np.abs(geocentric - points.incidence).max() < 1e-6


def test_the_heading_at_the_ground_is_not_the_platforms(swaths: list[Swath]) -> None:
    """Meridians converge between the nadir and the ground: by the sine of the latitude times the difference."""
    for swath in swaths:
        points = swath.tie_points
        sight = swath.grid.line_of_sight(points.latitude, points.longitude, points.height)
        heading = np.degrees(np.arctan2(sight.east, sight.north)) + 90
        off = (heading - swath.platform_heading + 180) % 360 - 180
        if swath.direction == "ascending":
            assert points.latitude.mean() == pytest.approx(52, abs=1)
            assert (off > 3.6).all()
            assert (off < 6.9).all()
        else:
            assert points.latitude.mean() == pytest.approx(31, abs=1)
            assert (off < -1.7).all()
            assert (off > -3.3).all()


def test_without_the_bistatic_rest_lines_would_be_an_eighth_of_a_line_off(swaths: list[Swath]) -> None:
    for swath in swaths:
        assert swath.bistatic_reference == pytest.approx(5.856e-3, abs=2e-6)
        points, plain = swath.tie_points, replace(swath.grid, bistatic_reference=None)
        found = plain.locate(points.latitude, points.longitude, points.height)
        line, _ = annotated(swath, swath.grid)
        most = 0.06 if swath.name == "IW2" else 0.13
        assert np.abs(found.line - line).max() == pytest.approx(most, abs=0.01)


def test_azimuth_times_of_tie_points_hold_a_residual_of_the_bistatic_correction(swaths: list[Swath]) -> None:
    """Half of the two-way time less half of that at the middle of IW2, 5.855 ms in both tracks."""
    for swath in swaths:
        points, lines = swath.tie_points, swath.bursts[0].lines
        burst = np.minimum(points.line // lines, len(swath.bursts) - 1)
        first = np.array([np.datetime64(burst.azimuth.first_time) for burst in swath.bursts])[burst]
        after = (points.azimuth_time - first) / np.timedelta64(1, "s")
        after -= (points.line - burst * lines) * swath.bursts[0].azimuth.interval
        assert np.abs(after - (points.slant_range_time - 5.855e-3) / 2).max() < 2e-5
        assert np.abs(after).max() < 3e-4


def test_tie_points_are_a_grid_over_all_pixels(swaths: list[Swath]) -> None:
    for swath in swaths:
        points = swath.tie_points
        assert points.line.shape == points.azimuth_time.shape == (10, 21)
        assert points.pixel[0, 0] == 0
        assert points.pixel[0, -1] == swath.bursts[0].samples - 1
        assert (np.diff(points.line, axis=0) > 0).all()
        assert (np.diff(points.incidence, axis=1) > 0).all()


# -- grids of the swath and of its bursts ---------------------------------------------------------------------------


def test_a_place_lies_in_burst_and_swath_on_lines_that_the_cut_tells(swaths: list[Swath]) -> None:
    for swath in swaths[::5]:
        assert swath.grid.shape == (total_lines(swath.cuts), swath.bursts[0].samples)
        for cut in swath.cuts:
            grid = swath.burst_grid(cut.burst)
            line = cut.first_line + cut.line_count // 2
            place = grid.position(line, 9000.0, 250.0)
            # Bursts begin on whole microseconds: up to 0.001 lines off the common grid.
            assert swath.grid.locate(*place, 250.0) == pytest.approx(
                (cut.at_line + line - cut.first_line, 9000), abs=1e-3
            )


# -- footprints -------------------------------------------------------------------------------------------------


def inside(footprint: Footprint, longitude: Floats, latitude: Floats) -> NDArray[np.bool_]:
    """Whether places are on the same side of all edges."""
    sides = [
        (x2 - x1) * (latitude - y1) - (y2 - y1) * (longitude - x1)
        for (x1, y1), (x2, y2) in pairwise(zip(footprint.longitude, footprint.latitude, strict=True))
    ]
    return np.all(np.array(sides) > 0, axis=0) | np.all(np.array(sides) < 0, axis=0)


def test_a_bursts_footprint_holds_the_places_that_are_seen_in_it(swaths: list[Swath]) -> None:
    """Well within by lines and samples is inside, well without is outside; straight edges cut some 100 m off."""
    for swath in swaths[::4]:
        for number, burst in enumerate(swath.bursts):
            first, last = burst.valid.first_line, burst.valid.last_line
            assert first is not None
            assert last is not None
            near, far = burst.valid.first[first], burst.valid.last[first]
            lines, samples = np.meshgrid(
                np.linspace(first - 300, last + 300, 41), np.linspace(near - 1500, far + 1500, 31)
            )
            place = swath.burst_grid(number).position(lines, samples, 300.0)
            found = inside(swath.footprint(number, height=300.0), place.longitude, place.latitude)
            margin = np.minimum.reduce(
                [(lines - first) / 30, (last - lines) / 30, (samples - near) / 150, (far - samples) / 150]
            )
            assert found[margin > 1].all()
            assert not found[margin < -1].any()


def test_tie_points_lie_in_the_footprint_of_the_swath(swaths: list[Swath]) -> None:
    for swath in swaths[::4]:
        points = swath.tie_points
        line, sample = annotated(swath, swath.grid)
        valid = [
            (v.first[line], v.last[line]) for v in (burst.valid for burst in swath.bursts)
            for line in (v.first_line,) if line is not None
        ]  # fmt: skip
        near, far = max(first for first, _ in valid), min(last for _, last in valid)
        well = (line > 60) & (line < swath.grid.shape[0] - 60) & (sample > near + 200) & (sample < far - 200)
        assert well.sum() > 100
        for row, column in zip(*np.nonzero(well), strict=True):
            outline = swath.footprint(height=points.height[row, column])
            assert inside(outline, points.longitude[row, column], points.latitude[row, column])


def test_footprints_begin_at_near_range_of_the_first_line_and_go_to_far_range(swaths: list[Swath]) -> None:
    for swath in swaths:
        for outline in (swath.footprint(), swath.footprint(3)):
            longitude, latitude = outline
            assert (longitude[0], latitude[0]) == (longitude[-1], latitude[-1])
            ascending = swath.direction == "ascending"
            assert (longitude[1] > longitude[0]) == ascending  # it looks to the right
            assert (longitude[2] > longitude[3]) == ascending
            assert (latitude[3] > latitude[0]) == ascending  # and flies on
            assert (latitude[2] > latitude[1]) == ascending


def test_neighbouring_footprints_overlap_by_two_kilometres(swaths: list[Swath]) -> None:
    for swath in swaths:
        for number in range(len(swath.bursts) - 1):
            one, other = swath.footprint(number), swath.footprint(number + 1)
            forward = 1 if swath.direction == "ascending" else -1
            overlap = forward * (one.latitude[3] - other.latitude[0]) * 111.2 / np.cos(np.radians(12))
            assert 0.8 < overlap < 3.5


def test_higher_ground_at_the_same_range_lies_further_from_the_radar(swaths: list[Swath]) -> None:
    for swath in swaths[::5]:
        low, high = swath.footprint(2), swath.footprint(2, height=1000.0)
        east = (high.longitude - low.longitude) * np.cos(np.radians(low.latitude)) * 111.2
        away = east if swath.direction == "ascending" else -east
        assert (away > 0.8).all()  # kilometres
        assert (away < 1.8).all()


# -- values, and what cannot be ------------------------------------------------------------------------------------


def test_a_swath_has_the_values_that_stand_in_the_annotation(swaths: list[Swath]) -> None:
    swath = swaths[0]  # IW1 of 2023-09-04
    assert (swath.name, swath.mission, swath.polarisation) == ("IW1", "S1A", "VV")
    assert (swath.absolute_orbit, swath.direction, swath.look) == (50174, "descending", "right")
    assert swath.platform_heading == -1.672643450307268e02
    assert swath.wavelength == pytest.approx(0.0554658, abs=1e-7)
    assert len(swath.orbit.times) == 16
    assert swath.orbit.positions[0] == (5.803479237456000e06, -3.059361246980000e05, 4.028296224299000e06)
    points = swath.tie_points
    assert points.azimuth_time[0, 1] == np.datetime64("2023-09-04T06:37:31.072038")
    assert points.longitude[0, 1] == -7.918058560872133
    assert points.incidence[0, 1] == 31.09936544925641
    assert points.elevation_angle[0, 0] == 27.41950028866016


def test_bursts_that_are_not_there_are_named(swaths: list[Swath]) -> None:
    for number in (-1, 9, 1.0, "IW1"):
        with pytest.raises(InvalidArgument, match="burst must be a whole number from 0 to 8"):
            swaths[0].burst_grid(number)  # type: ignore[arg-type]


def test_a_burst_without_valid_lines_has_no_footprint(swaths: list[Swath]) -> None:
    bursts = swaths[0].bursts
    none = (-1,) * bursts[0].lines
    empty = replace(swaths[0], bursts=(replace(bursts[0], valid=ValidSamples(none, none)), *bursts[1:]))
    with pytest.raises(InvalidArgument, match="burst 0 has no valid line"):
        empty.footprint(0)


def test_swaths_that_cannot_be_are_refused(swaths: list[Swath]) -> None:
    with pytest.raises(InvalidArgument, match="radar_frequency must be a positive number"):
        replace(swaths[0], radar_frequency=-1.0)
    with pytest.raises(InvalidArgument, match="platform_heading must be degrees from -180 to 360"):
        replace(swaths[0], platform_heading=3600.0)
    with pytest.raises(GridMismatch, match="one shape of lines by pixels"):
        replace(swaths[0].tie_points, height=np.zeros(3))
