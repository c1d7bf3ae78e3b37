"""Samples of another pixel size than the model's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import small_models
from test_evaluation import Tiles, mask_tiles

from zoo.networks.stem import BandStem
from zoo.training.at_pixel import AtPixel

BANDS = small_models.MASKS.bands


def test_gradients_are_those_on_the_ground_and_nothing_else_changes() -> None:
    samples = mask_tiles()
    samples.raw[:, 2] = 3.0 * torch.arange(32.0)  # 3 m a pixel of 10 m
    (found,) = AtPixel(Tiles(samples, small_models.MASKS, pixel=10.0), BANDS, 15.0).epoch(0)
    assert torch.equal(found.raw[:, :2], samples.raw[:, :2])
    channels = BandStem(BANDS, 15.0)(found.raw)
    across = channels[:, -1, :, 1:-1] * BANDS[2].scale
    torch.testing.assert_close(across, torch.full_like(across, 0.3))


def test_at_the_size_of_the_model_samples_are_as_they_were() -> None:
    samples = mask_tiles()
    source = AtPixel(Tiles(samples, small_models.MASKS), BANDS, 15.0)
    (found,) = source.epoch(0)
    assert torch.equal(found.raw, samples.raw)
    assert source.length == 1
    assert source.pixel == 15.0
