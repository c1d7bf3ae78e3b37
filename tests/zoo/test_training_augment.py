from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from insarfeat.errors import InvalidArgument
from insarfeat.geometry import SENTINEL1_WAVELENGTH, displacement
from zoo.description import Band
from zoo.training.augment import Augmentation, augmented
from zoo.training.labelled import BoxLabels, Samples

BANDS = (
    Band(name="wrapped_phase", role="phase"),
    Band(name="unwrapped_phase", scale=10.0, required=False),
    Band(name="displacement", scale=0.02, required=False),
    Band(name="coherence", centre=0.5, scale=0.25),
    Band(name="elevation", role="elevation", scale=0.3, required=False),
)
PHASE, UNWRAPPED, DISPLACEMENT, COHERENCE, ELEVATION = range(5)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def samples(count: int = 16, height: int = 24, width: int = 24, seed: int = 3) -> Samples:
    """Consistent phases, one rectangular slide in each sample, one pixel of nodata."""
    random = np.random.default_rng(seed)
    unwrapped = random.uniform(-20, 20, (count, height, width)).astype("f4")
    layers = [
        np.angle(np.exp(1j * unwrapped.astype("c16"))),
        unwrapped,
        displacement(unwrapped, wavelength=SENTINEL1_WAVELENGTH),
        random.uniform(0, 1, unwrapped.shape),
        random.uniform(500, 900, unwrapped.shape),
    ]
    raw = torch.from_numpy(np.stack(layers, 1).astype("f4"))
    raw[:, :, 0, 0] = math.nan
    mask = torch.zeros(count, 1, height, width)
    boxes = []
    for sample in range(count):
        top, left = (int(side) for side in random.integers(1, 12, 2))
        bottom, right = top + int(random.integers(2, 9)), left + int(random.integers(2, 9))
        mask[sample, 0, top:bottom, left:right] = 1.0
        boxes.append(BoxLabels.of([((top, left, bottom, right), 0, False)]))
    valid = torch.from_numpy(random.uniform(size=unwrapped.shape) > 0.2)
    kind = (2 * mask[:, 0]).to(torch.uint8)
    return Samples(raw, mask, valid, kind, tuple(boxes))


def box_about(mask: torch.Tensor) -> list[float]:
    rows, cols = (torch.nonzero(mask.any(axis))[:, 0] for axis in (1, 0))
    return [float(rows[0]), float(cols[0]), float(rows[-1]) + 1, float(cols[-1]) + 1]


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.equal(torch.nan_to_num(one, nan=-99.0), torch.nan_to_num(other, nan=-99.0)))


def angle_between(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (torch.polar(torch.ones_like(one), one) - torch.polar(torch.ones_like(one), other)).abs()


def test_without_any_knob_samples_stay_what_they_are() -> None:
    given = samples()
    found = augmented(given, BANDS, Augmentation(), chance())
    assert found.raw is given.raw
    assert torch.equal(found.mask, given.mask)
    assert found.boxes is given.boxes
    assert not Augmentation()


EVERYTHING = Augmentation(
    phase_offset=1,
    phase_sign=0.5,
    turns=True,
    dropout=0.3,
    crop=0.4,
    edge=0.5,
    level=6.0,
    gain=0.1,
    offset=0.2,
    noise=0.1,
)


def test_the_same_state_of_the_generator_gives_the_same_samples() -> None:
    one, other = (augmented(samples(), BANDS, EVERYTHING, chance(5)) for _ in range(2))
    assert same(one.raw, other.raw)
    assert torch.equal(one.mask, other.mask)
    assert all(torch.equal(a.boxes, b.boxes) for a, b in zip(one.boxes, other.boxes, strict=True))
    assert not same(one.raw, augmented(samples(), BANDS, EVERYTHING, chance(6)).raw)


def test_the_given_samples_are_not_touched() -> None:
    given, again = samples(), samples()
    augmented(given, BANDS, EVERYTHING, chance())
    assert same(given.raw, again.raw)
    assert torch.equal(given.mask, again.mask)
    assert torch.equal(given.valid, again.valid)
    assert all(torch.equal(a.boxes, b.boxes) for a, b in zip(given.boxes, again.boxes, strict=True))


def test_boxes_turn_with_their_masks() -> None:
    found = augmented(samples(64), BANDS, Augmentation(turns=True), chance())
    for mask, labels in zip(found.mask[:, 0], found.boxes, strict=True):
        assert labels.boxes.tolist() == [box_about(mask)]


def test_all_layers_of_a_sample_turn_in_the_same_one_of_eight_ways() -> None:
    given = samples(64)
    found = augmented(given, BANDS, Augmentation(turns=True), chance())

    def ways(layer: torch.Tensor) -> list[torch.Tensor]:
        flipped = (layer, layer.flip(-1))
        return [torch.rot90(one, k, (-2, -1)) for one in flipped for k in range(4)]

    seen = set()
    for sample in range(64):
        way = next(k for k, each in enumerate(ways(given.raw[sample])) if same(each, found.raw[sample]))
        seen.add(way)
        for name in ("mask", "valid", "kind"):
            before, after = getattr(given, name)[sample], getattr(found, name)[sample]
            assert torch.equal(ways(before)[way], after)
    assert seen == set(range(8))


def test_samples_that_are_not_square_keep_their_shape() -> None:
    given = samples(32, height=24, width=28)
    found = augmented(given, BANDS, Augmentation(turns=True), chance())
    assert found.raw.shape == given.raw.shape
    for mask, labels in zip(found.mask[:, 0], found.boxes, strict=True):
        assert labels.boxes.tolist() == [box_about(mask)]


def test_directions_on_the_ground_are_not_turned() -> None:
    bands = (*BANDS[:4], Band(name="aspect"))
    with pytest.raises(InvalidArgument, match="turns would spoil aspect"):
        augmented(samples(), bands, Augmentation(turns=True), chance())


def test_an_offset_is_one_turn_for_all_of_a_sample_and_another_for_each() -> None:
    given = samples()
    found = augmented(given, BANDS, Augmentation(phase_offset=1.0), chance())
    wrapped = found.raw[:, PHASE].flatten(1)[:, 1:]
    turned = angle_between(
        wrapped - given.raw[:, PHASE].flatten(1)[:, 1:],
        (wrapped - given.raw[:, PHASE].flatten(1)[:, 1:])[:, :1],
    )
    assert float(turned.max()) < 1e-5
    assert float(wrapped.max()) <= math.pi + 1e-6
    assert float(wrapped.min()) > -math.pi
    offsets = (found.raw - given.raw)[:, UNWRAPPED, 1, 1]
    assert len(set(offsets.round(decimals=3).tolist())) == len(given)
    assert 1.0 < float(offsets.std()) < 2.6  # uniform over a turn: 1.81


def test_all_three_phase_layers_still_say_the_same_after_an_offset() -> None:
    found = augmented(samples(), BANDS, Augmentation(phase_offset=1.0, phase_sign=0.5), chance())
    unwrapped = found.raw[:, UNWRAPPED]
    known = ~unwrapped.isnan()
    assert float(angle_between(found.raw[:, PHASE], unwrapped)[known].max()) < 1e-5
    moved = displacement(unwrapped.numpy(), wavelength=SENTINEL1_WAVELENGTH)
    assert np.allclose(found.raw[:, DISPLACEMENT], moved, atol=1e-7, equal_nan=True)


def test_coherence_and_elevation_know_nothing_of_the_phase() -> None:
    given = samples()
    found = augmented(given, BANDS, Augmentation(phase_offset=1.0, phase_sign=1.0), chance())
    assert same(found.raw[:, COHERENCE:], given.raw[:, COHERENCE:])


def test_time_runs_backwards_for_phases_displacement_and_signed_geometry() -> None:
    bands = [*BANDS[:4], Band(name="slope_to_los")]
    given = samples()
    given.raw[0, PHASE, 2, 2] = math.pi
    found = augmented(given, bands, Augmentation(phase_sign=1.0), chance())
    expected = -given.raw[:, [PHASE, UNWRAPPED, DISPLACEMENT, 4]]
    expected[0, 0, 2, 2] = math.pi  # the same angle, and the one of its two names that is allowed
    assert same(found.raw[:, [PHASE, UNWRAPPED, DISPLACEMENT, 4]], expected)
    assert same(found.raw[:, COHERENCE], given.raw[:, COHERENCE])


def test_half_of_the_samples_run_backwards_where_half_are_asked_for() -> None:
    given = samples(200, 4 + 20, 24)
    found = augmented(given, BANDS, Augmentation(phase_sign=0.5), chance())
    backwards = (found.raw[:, UNWRAPPED, 1, 1] == -given.raw[:, UNWRAPPED, 1, 1]).float().mean()
    assert 0.4 < float(backwards) < 0.6


def test_optional_bands_go_missing_as_often_as_asked_and_required_ones_never() -> None:
    found = augmented(samples(400), BANDS, Augmentation(dropout=0.2), chance()).raw
    gone = found.isnan().all(-1).all(-1).float().mean(0)
    partly = found.isnan().float().mean((-1, -2))
    assert gone[[PHASE, COHERENCE]].tolist() == [0.0, 0.0]
    assert ((gone[[UNWRAPPED, DISPLACEMENT, ELEVATION]] - 0.2).abs() < 0.06).all()
    assert partly.unique().tolist() == pytest.approx([1 / 576, 1.0])  # nowhere but at the one hole


def test_bare_samples_keep_required_bands_and_elevations_alone() -> None:
    found = augmented(samples(400), BANDS, Augmentation(bare=0.25), chance()).raw
    gone = found.isnan().all(-1).all(-1)
    assert not gone[:, [PHASE, COHERENCE, ELEVATION]].any()
    assert torch.equal(gone[:, UNWRAPPED], gone[:, DISPLACEMENT])  # all at once, or none
    assert 0.18 < float(gone[:, UNWRAPPED].float().mean()) < 0.32


def test_a_crop_is_a_window_laid_elsewhere_with_nodata_about_it() -> None:
    given = samples(40)
    given.raw[:, :, 0, 0] = 0.0
    given.raw[:, COHERENCE] = torch.arange(576.0).reshape(24, 24)
    found = augmented(given, BANDS, Augmentation(crop=0.6), chance())
    assert found.raw.shape == given.raw.shape
    shifts, sides = set(), set()
    for sample in range(40):
        shown = ~found.raw[sample, COHERENCE].isnan()
        top, left, bottom, right = (int(side) for side in box_about(shown))
        assert shown[top:bottom, left:right].all()
        assert int(shown.sum()) == (bottom - top) * (right - left)
        assert not found.valid[sample][~shown].any()
        assert not found.mask[sample, 0][~shown].any()
        first = int(found.raw[sample, COHERENCE, top, left])
        row, col = divmod(first, 24)
        window = (..., slice(row, row + bottom - top), slice(col, col + right - left))
        laid = (..., slice(top, bottom), slice(left, right))
        for name in ("raw", "mask", "valid", "kind"):
            assert torch.equal(getattr(found, name)[sample][laid], getattr(given, name)[sample][window])
        shifts.add((top - row, left - col))
        sides.add((bottom - top, right - left))
    assert len(shifts) > 20
    assert {side for both in sides for side in both} <= set(range(10, 25))
    assert min(side for both in sides for side in both) < 14


def test_boxes_are_cut_with_their_masks_and_ignored_where_little_is_left() -> None:
    given = samples(80)
    found = augmented(given, BANDS, Augmentation(crop=0.6), chance())
    ignored = dropped = 0
    for before, mask, labels in zip(given.boxes, found.mask[:, 0], found.boxes, strict=True):
        if not mask.any():
            assert len(labels) == 0
            dropped += 1
            continue
        assert labels.boxes.tolist() == [box_about(mask)]
        whole = float((before.boxes[0, 2:] - before.boxes[0, :2]).prod())
        assert bool(labels.ignore[0]) == (float(mask.sum()) < 0.3 * whole)
        ignored += bool(labels.ignore[0])
    assert ignored
    assert dropped


def test_samples_end_at_a_straight_line_as_often_as_asked() -> None:
    given = samples(200)
    given.raw[:, :, 0, 0] = 0.0
    found = augmented(given, BANDS, Augmentation(edge=0.4), chance())
    rows, cols = np.indices((24, 24)) - 11.5
    cut, directions = 0, []
    for sample in range(200):
        lost = found.raw[sample].isnan()
        assert (lost == lost[0]).all()
        assert not found.valid[sample][lost[0]].any()
        assert not found.mask[sample, 0][lost[0]].any()
        assert same(found.raw[sample][~lost], given.raw[sample][~lost])
        gone = lost[0].numpy()
        if not gone.any():
            continue
        cut += 1
        assert gone.mean() <= 0.5
        across = np.array([rows[gone].mean() - rows[~gone].mean(), cols[gone].mean() - cols[~gone].mean()])
        directions.append(np.arctan2(*across))
        assert _apart_by_a_line(np.stack([rows, cols], -1)[gone], np.stack([rows, cols], -1)[~gone])
    assert 50 < cut < 100
    assert np.histogram(directions, bins=4, range=(-np.pi, np.pi))[0].min() > 8


def _apart_by_a_line(one: Any, other: Any) -> bool:
    """Whether some straight line has all points of one set on its far side."""
    for angle in np.linspace(-np.pi, np.pi, 1441):
        across = np.array([np.sin(angle), np.cos(angle)])
        if (one @ across).min() > (other @ across).max() - 0.02:
            return True
    return False


def test_boxes_at_an_edge_are_about_what_is_left_and_ignored_where_that_is_little() -> None:
    given = samples(200)
    found = augmented(given, BANDS, Augmentation(edge=1.0), chance())
    ignored = dropped = shrunk = 0
    for before, mask, labels in zip(given.boxes, found.mask[:, 0], found.boxes, strict=True):
        if not mask.any():
            assert len(labels) == 0
            dropped += 1
            continue
        assert labels.boxes.tolist() == [box_about(mask)]
        assert labels.classes.tolist() == before.classes.tolist()
        whole = float((before.boxes[0, 2:] - before.boxes[0, :2]).prod())
        assert bool(labels.ignore[0]) == (float(mask.sum()) < 0.3 * whole)
        ignored += bool(labels.ignore[0])
        shrunk += labels.boxes.tolist() != before.boxes.tolist()
    assert min(ignored, dropped, shrunk) > 0


def test_gain_and_offset_are_one_for_each_channel_of_each_sample() -> None:
    given = samples()
    found = augmented(given, BANDS, Augmentation(gain=0.2, offset=0.5), chance())
    known = given.raw.flatten(2)[:, :, 1:], found.raw.flatten(2)[:, :, 1:]
    slopes = []
    for sample in range(len(given)):
        assert torch.equal(known[0][sample, PHASE], known[1][sample, PHASE])
        for band in (UNWRAPPED, DISPLACEMENT, COHERENCE, ELEVATION):
            x, y = (each[sample, band].double().numpy() for each in known)
            gain, start = np.polyfit(x - x.mean(), y, 1)
            assert abs(gain - 1) <= 0.2 + 1e-6
            assert np.allclose(y, gain * (x - x.mean()) + start, atol=1e-4 * np.abs(x).max())
            about = BANDS[band].centre if band != ELEVATION else 0.0
            offset = start - about - gain * (x.mean() - about)
            allowed = 0.5 * BANDS[band].scale if band != ELEVATION else 0.0
            assert abs(offset) <= allowed + 1e-3 * np.abs(x).max()
            slopes.append(gain)
    assert np.std(slopes) == pytest.approx(0.4 / math.sqrt(12), rel=0.25)


def test_noise_is_white_and_as_strong_as_asked_in_scales_of_the_band() -> None:
    given = samples(64)
    found = augmented(given, BANDS, Augmentation(noise=0.1), chance())
    noise = (found.raw - given.raw).flatten(2)[:, :, 1:]
    assert same(found.raw[:, ELEVATION], given.raw[:, ELEVATION])
    for band in (UNWRAPPED, DISPLACEMENT, COHERENCE):
        deviation = float(noise[:, band].std()) / BANDS[band].scale
        assert deviation == pytest.approx(0.1, rel=0.02)
    turned = torch.atan2(noise[:, PHASE].sin(), noise[:, PHASE].cos())
    assert float(turned.std()) == pytest.approx(0.1, rel=0.02)
    phase = found.raw[:, PHASE].flatten(1)[:, 1:]
    assert float(phase.abs().max()) <= math.pi + 1e-6


def test_powers_are_distorted_in_decibels() -> None:
    given = samples(64)
    given.raw[:, COHERENCE] = 10.0 ** (given.raw[:, COHERENCE] - 1.5)
    bands = [*BANDS[:3], Band(name="intensity", role="power", scale=4.0), BANDS[4]]
    found = augmented(given, bands, Augmentation(offset=0.5, noise=0.1), chance())
    change = (10 * (found.raw / given.raw)[:, COHERENCE].log10()).flatten(1)[:, 1:]
    offsets = change.mean(1)
    assert float(offsets.abs().max()) < 2.1
    assert float(offsets.std()) == pytest.approx(4 / math.sqrt(12), rel=0.25)
    assert float((change - offsets[:, None]).std()) == pytest.approx(0.4, rel=0.02)


def test_powers_alone_have_other_levels() -> None:
    given = samples(64)
    given.raw[:, COHERENCE] = 10.0 ** (given.raw[:, COHERENCE] - 1.5)
    bands = [*BANDS[:3], Band(name="intensity", role="power", scale=4.0), BANDS[4]]
    found = augmented(given, bands, Augmentation(level=12.0), chance())
    change = (10 * (found.raw / given.raw)[:, COHERENCE].log10()).flatten(1)[:, 1:]
    assert float(change.std(1).max()) < 1e-3
    assert float(change.mean(1).abs().max()) <= 12.0 + 1e-3
    assert float(change.mean(1).std()) == pytest.approx(24 / math.sqrt(12), rel=0.25)
    others = [PHASE, UNWRAPPED, DISPLACEMENT, ELEVATION]
    assert same(found.raw[:, others], given.raw[:, others])


def test_nodata_stays_nodata_and_nothing_else_becomes_it() -> None:
    given = samples()
    for name in ("phase_offset", "phase_sign", "level", "gain", "offset", "noise"):
        found = augmented(given, BANDS, replace(Augmentation(), **{name: 1.0}), chance())
        assert torch.equal(found.raw.isnan(), given.raw.isnan())


@pytest.mark.parametrize(
    ("knob", "value"), [("dropout", 1.2), ("crop", -0.1), ("phase_sign", math.nan), ("noise", -1.0)]
)
def test_knobs_out_of_range_are_refused(knob: str, value: float) -> None:
    settings: dict[str, Any] = {knob: value}
    with pytest.raises(InvalidArgument, match=f"{knob} of the augmentation is"):
        Augmentation(**settings)


def test_bands_that_are_not_those_of_the_samples_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="bands names 2 bands, and the samples have 5"):
        augmented(samples(), BANDS[:2], Augmentation(dropout=0.5), chance())
