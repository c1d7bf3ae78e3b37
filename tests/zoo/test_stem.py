"""From raw bands to channels: by hand, for each role."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from zoo.description import Band
from zoo.networks.stem import BandStem

PHASE = Band(name="wrapped_phase", role="phase")
COHERENCE = Band(name="coherence", centre=0.5, scale=0.25)
ELEVATION = Band(name="elevation", role="elevation", scale=0.5)
INTENSITY = Band(name="intensity", role="power", centre=-10.0, scale=5.0)


def through(*bands_and_values: tuple[Band, list[list[float]]], pixel: float = 10.0) -> torch.Tensor:
    bands = [band for band, _ in bands_and_values]
    raw = torch.tensor([[values for _, values in bands_and_values]])
    stem = BandStem(bands, pixel)
    found = stem(raw)
    assert found.shape == (1, stem.channels, *raw.shape[2:])
    return found[0]


def test_a_phase_becomes_cosine_and_sine_and_has_no_jump() -> None:
    found = through((PHASE, [[0.0, math.pi / 2, math.pi - 1e-4, -math.pi + 1e-4]]))
    torch.testing.assert_close(found[0], torch.tensor([[1.0, 0.0, -1.0, -1.0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(found[1], torch.tensor([[0.0, 1.0, 0.0, 0.0]]), atol=2e-4, rtol=0)


def test_a_value_is_centred_scaled_and_held_within_six() -> None:
    found = through((COHERENCE, [[0.5, 0.75, 100.0, -100.0]]))
    assert found[0].tolist() == [[0.0, 1.0, 6.0, -6.0]]


def test_an_elevation_becomes_its_gradients_whatever_its_height() -> None:
    plane = [[100.0 + 5 * column + 2 * row for column in range(4)] for row in range(4)]
    found = through((ELEVATION, plane))
    # 2 m down and 5 m across in 10 m, a gradient of 0.5 becomes 1.
    assert found[0, 1:-1, 1:-1].tolist() == [[pytest.approx(0.4)] * 2] * 2
    assert found[1, 1:-1, 1:-1].tolist() == [[pytest.approx(1.0)] * 2] * 2
    higher = [[one + 2000 for one in row] for row in plane]
    torch.testing.assert_close(found, through((ELEVATION, higher)), atol=1e-4, rtol=0)


def test_a_power_becomes_decibels() -> None:
    found = through((INTENSITY, [[0.1, 1.0, 0.0]]))
    torch.testing.assert_close(found[0], torch.tensor([[0.0, 2.0, -6.0]]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("band", [PHASE, COHERENCE, ELEVATION, INTENSITY])
def test_nodata_is_zero_in_all_channels_and_spreads_no_farther_than_a_neighbour(band: Band) -> None:
    values = [[0.7 + 0.01 * column for column in range(9)] for _ in range(9)]
    values[4][4] = math.nan
    found = through((band, values))
    assert torch.isfinite(found).all()
    assert (found[:, 4, 4] == 0).all() or band is ELEVATION
    clean = through((band, [[0.7 + 0.01 * column for column in range(9)] for _ in range(9)]))
    apart = torch.ones(9, 9, dtype=torch.bool)
    apart[3:6, 3:6] = False
    assert torch.equal(found[:, apart], clean[:, apart])


def test_a_missing_band_is_zero_everywhere_and_changes_no_other() -> None:
    values = [[0.1, 0.2], [0.3, 0.4]]
    nothing = [[math.nan] * 2] * 2
    both = through((PHASE, values), (COHERENCE, nothing))
    assert (both[2] == 0).all()
    torch.testing.assert_close(both[:2], through((PHASE, values)))


def test_constants_are_not_among_the_weights() -> None:
    assert BandStem([PHASE, COHERENCE], 15.0).state_dict() == {}
