"""Where bursts are cut: every line once, all valid, in the middle of what neighbours share."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_bursts import burst_of, later, with_frame

from insarfeat.bursts import Burst, Cut, ValidSamples, cuts, total_lines
from insarfeat.errors import GridMismatch, InvalidArgument, InvalidType

LINES = 40


def swath(steps: list[int], frames: list[tuple[int, int]]) -> list[Burst]:
    """Bursts that begin some lines after one another, each with its invalid lines above and below."""
    bursts, start = [], 0
    for step, frame in zip([0, *steps], frames, strict=True):
        start += step
        bursts.append(with_frame(later(burst_of(LINES, 3), start), *frame))
    return bursts


def test_two_bursts_are_cut_in_the_middle_of_their_common_lines() -> None:
    """Valid on lines 2 to 36 and 32 to 66 of the grid: five shared, two for the first, three for the second."""
    bursts = swath([30], [(2, 3), (2, 3)])
    assert cuts(bursts) == (Cut(0, 2, 32, 0), Cut(1, 4, 33, 32))
    assert total_lines(cuts(bursts)) == 65


def test_a_single_burst_is_used_from_its_first_to_its_last_valid_line() -> None:
    (cut,) = cuts([with_frame(burst_of(LINES, 3), 4, 6)])
    assert cut == Cut(0, 4, 30, 0)
    assert cut.last_line == 33


def test_bursts_that_just_join_make_one_image() -> None:
    assert cuts(swath([35], [(2, 3), (2, 3)])) == (Cut(0, 2, 35, 0), Cut(1, 2, 35, 35))


@given(
    steps=st.lists(st.integers(27, 33), max_size=5),
    frames=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=6, max_size=6),
)
def test_every_line_of_the_image_is_one_valid_line_of_one_burst(
    steps: list[int], frames: list[tuple[int, int]]
) -> None:
    bursts = swath(steps, frames[: len(steps) + 1])
    found = cuts(bursts)
    assert [cut.burst for cut in found] == list(range(len(bursts)))
    origin = bursts[0].azimuth.first_time
    interval = bursts[0].azimuth.interval
    image = []
    for cut, burst in zip(found, bursts, strict=True):
        assert cut.at_line == len(image)
        for line in range(cut.first_line, cut.last_line + 1):
            assert burst.valid.first[line] >= 0
            image.append((burst.azimuth.first_time - origin) / timedelta(seconds=1) + line * interval)
    assert total_lines(found) == len(image)
    for number, time in enumerate(image):  # line after line, each an interval after the one before
        assert time == pytest.approx(image[0] + number * interval, abs=1e-5)


@given(
    step=st.integers(10, 33),
    above=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    below=st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
def test_the_cut_is_as_far_from_the_end_of_one_burst_as_from_the_beginning_of_the_other(
    step: int, above: tuple[int, int], below: tuple[int, int]
) -> None:
    first, second = swath([step], [(above[0], below[0]), (above[1], below[1])])
    one, other = cuts([first, second])
    left = (LINES - 1 - below[0]) - one.last_line  # common lines not used of the first burst
    unused = other.first_line - above[1]  # and of the second
    assert left - unused in (0, 1)


def test_time_stamps_rounded_to_microseconds_do_not_matter() -> None:
    bursts = swath([30, 30], 3 * [(2, 3)])
    stray = [later(burst, 5e-4) for burst in bursts[1:]]
    assert cuts([bursts[0], *stray]) == cuts(bursts)


def test_no_bursts_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="at least one; got none"):
        cuts([])


def test_what_is_no_burst_is_refused() -> None:
    with pytest.raises(InvalidType, match="number 1 is str"):
        cuts([burst_of(LINES, 3), "burst"])  # type: ignore[list-item]


def test_a_gap_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="gap of 2 lines between bursts 1 and 2; is a burst missing"):
        cuts(swath([30, 37], 3 * [(2, 3)]))


def test_a_missing_burst_is_a_gap() -> None:
    bursts = swath(4 * [30], 5 * [(2, 3)])
    with pytest.raises(InvalidArgument, match="gap of 25 lines between bursts 1 and 2"):
        cuts([*bursts[:2], *bursts[3:]])


def test_bursts_in_the_wrong_order_are_refused() -> None:
    bursts = swath([30, 30], 3 * [(2, 3)])
    with pytest.raises(InvalidArgument, match="burst 1 comes before burst 0"):
        cuts(bursts[::-1])


def test_a_repeated_burst_is_refused() -> None:
    bursts = swath([30, 30], 3 * [(2, 3)])
    with pytest.raises(InvalidArgument, match="burst 2 is the same as burst 1; give each burst once"):
        cuts([bursts[0], bursts[1], bursts[1], bursts[2]])


def test_a_burst_that_lies_within_its_neighbours_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="burst 1 adds no line"):
        cuts(swath([30, 1], [(2, 3), (2, 36), (2, 3)]))


def test_a_burst_without_valid_lines_is_refused() -> None:
    empty = ValidSamples(LINES * (-1,), LINES * (-1,))
    first, second = swath([30], 2 * [(2, 3)])
    with pytest.raises(InvalidArgument, match="burst 1 has no valid line; leave it out"):
        cuts([first, replace(second, valid=empty)])


def test_bursts_of_other_swaths_are_refused() -> None:
    first, second = swath([30], 2 * [(2, 3)])
    moved = replace(second, slant_range=replace(second.slant_range, first_time=5.4e-3))
    with pytest.raises(GridMismatch, match="burst 1 has other samples than burst 0"):
        cuts([first, moved])
    with pytest.raises(GridMismatch, match="burst 1 has other samples than burst 0"):
        cuts([first, later(burst_of(LINES, 4), 30)])
    slower = replace(second, azimuth=replace(second.azimuth, interval=2.1e-3))
    with pytest.raises(GridMismatch, match=r"burst 1 has a line every 0\.0021 s"):
        cuts([first, slower])


def test_a_burst_off_the_grid_of_lines_is_refused_with_its_residual() -> None:
    first, second = swath([30], 2 * [(2, 3)])
    with pytest.raises(GridMismatch, match=r"burst 1 lies \+0\.25 lines off the grid of burst 0"):
        cuts([first, later(second, 0.25)])
