"""The frozen test sets as samples."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from insarfeat.synth.frozen import frozen_set
from zoo.training.frozen_tiles import FrozenSamples

BANDS = ("wrapped_phase", "coherence", "elevation", "terrain_pc1")


@pytest.fixture(scope="module")
def dems(test_data: Path) -> Path:
    if not (test_data / "dem_srtm3").exists():
        pytest.skip("the DEMs of the frozen sets are not among the samples")
    return test_data


def test_tiles_are_those_of_the_set_in_its_order(dems: Path) -> None:
    source = FrozenSamples("detector-plain", dems, BANDS, ("landslide",), pixel=15.0, tiles=6, batch=4)
    assert source.length == 2
    made = list(source.epoch(0))
    assert [len(samples) for samples in made] == [4, 2]
    raw = torch.cat([samples.raw for samples in made])
    for number, tile in enumerate(frozen_set("detector-plain").made(dems, last=6)):
        for index, name in enumerate(BANDS):
            assert torch.equal(raw[number, index], torch.from_numpy(tile.bands[name]))


def test_elevations_of_other_pixel_sizes_are_as_steep_at_that_of_the_model(dems: Path) -> None:
    source = FrozenSamples("segmenter-plain", dems, BANDS, ("landslide",), pixel=20.0, tiles=8, batch=8)
    (samples,) = source.epoch(0)
    for number, tile in enumerate(frozen_set("segmenter-plain").made(dems, last=8)):
        expected = torch.from_numpy(tile.bands["elevation"]) * (20.0 / tile.pixel)
        torch.testing.assert_close(samples.raw[number, 2], expected)
        if "terrain_pc1" not in tile.bands:
            assert torch.isnan(samples.raw[number, 3]).all()


def test_every_epoch_is_the_same(dems: Path) -> None:
    source = FrozenSamples("detector-plain", dems, BANDS, ("landslide",), pixel=15.0, tiles=2)
    assert torch.equal(next(source.epoch(0)).raw, next(source.epoch(5)).raw)


def test_looks_bring_the_tiles_with_their_samples(dems: Path) -> None:
    source = FrozenSamples("detector-plain", dems, BANDS, ("landslide",), pixel=15.0, tiles=3, batch=2)
    looks = list(source.looks())
    assert [len(look.tiles) for look in looks] == [2, 1]
    tile, raw = looks[1].tiles[0], looks[1].samples.raw[0, 1]
    assert torch.equal(raw, torch.from_numpy(tile.bands["coherence"]))
