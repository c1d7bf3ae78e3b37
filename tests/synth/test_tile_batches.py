"""Batches of tiles for training: as tensors, on the CPU and by the formulas that a GPU runs."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from insarfeat import geometry, synth  # noqa: E402 - torch comes first, or the tests are skipped
from insarfeat.errors import InvalidArgument, InvalidType  # noqa: E402
from insarfeat.synth.batches import on_device  # noqa: E402
from insarfeat.synth.fields import TileDraws, field_of_tile  # noqa: E402
from insarfeat.synth.observation import observe  # noqa: E402
from insarfeat.synth.on_device import Bench  # noqa: E402
from insarfeat.synth.slides import Look  # noqa: E402
from insarfeat.synth.tiles import Recipe, draw_sitting, make_place  # noqa: E402
from insarfeat.synth.torch_draws import JointConditions, TorchDraws  # noqa: E402

SIZE = 64
STYLE = synth.PLAIN.with_(cell=SIZE * 15.0, slides=3.0)


class Replayed(TorchDraws):
    """Torch's arrays, filled with the numbers that NumPy's generator draws."""

    rng = np.random.default_rng()

    def white(self, name, lattice):
        return torch.from_numpy(
            self.rng.standard_normal((1, lattice.height, lattice.width), dtype=np.float32)
        )

    def field(self, name, spectrum):
        return field_of_tile(self, spectrum, self.height, self.width, self.pixel)


def recipe(style: synth.Style = STYLE, **changes: object) -> Recipe:
    return replace(Recipe(SIZE, 15.0, style, frozenset(synth.CLASSES), frozenset()), **changes)


@pytest.fixture(scope="module")
def on_cpu() -> synth.Batch:
    return next(synth.batches(24, SIZE, seed=1, style=STYLE))


@pytest.fixture(scope="module")
def by_torch() -> synth.Batch:
    return next(on_device(24, recipe(), 1, torch.device("cpu")))


@pytest.mark.parametrize("seed", range(6))
def test_the_same_numbers_give_the_same_observation_in_numpy_and_in_torch(seed: int):
    rng = np.random.default_rng(seed)
    place = make_place(rng, recipe(), 1)
    sitting = draw_sitting(rng, recipe(), place)
    ground = place.ground.cut(sitting.window)
    placed = [(0, feature) for feature in sitting.features]
    side = recipe().side

    numpy_draws = TileDraws(np.random.default_rng(seed), side, side, 15.0)
    expected = observe(numpy_draws, ground.batch(), Look(sitting.window, 15.0, sitting.conditions), placed)

    draws = Replayed(torch.Generator(), 1, side, side, 15.0)
    Replayed.rng = np.random.default_rng(seed)
    layers = {name: torch.from_numpy(getattr(ground, name)[np.newaxis]) for name in ground.__slots__}
    joint = JointConditions.of(draws, [sitting.conditions])
    seen = observe(draws, type(ground)(**layers), Look(sitting.window, 15.0, joint), placed)

    for name in ("coherence", "true_coherence", "displacement", "delay", "phase", "cycles"):
        # A rim or a shore may fall on the other side of a pixel where the last digit differs.
        apart = np.abs(getattr(seen, name).numpy() - getattr(expected, name))
        assert np.quantile(apart, 0.998) < 2e-3, name
    assert np.quantile(np.abs(seen.pair.real.numpy() - expected.pair.real), 0.998) < 5e-3
    assert (seen.traces.landslide.numpy() != expected.traces.landslide).mean() < 2e-3
    assert [each.kind for each in seen.traces.sightings] == [each.kind for each in expected.traces.sightings]


def test_both_ways_give_the_same_bands(on_cpu: synth.Batch, by_torch: synth.Batch):
    assert set(on_cpu.bands) == set(by_torch.bands)
    for name, band in {**on_cpu.bands, **by_torch.bands}.items():
        assert band.shape == (24, SIZE, SIZE), name
        assert band.dtype == torch.float32, name
        assert bool(torch.isfinite(band).all()), name


@pytest.mark.parametrize(
    ("name", "within"), [("coherence", 0.12), ("sensitivity", 0.1), ("terrain_pc1", 0.8), ("landslide", 0.05)]
)
def test_both_ways_draw_from_one_distribution(
    on_cpu: synth.Batch, by_torch: synth.Batch, name: str, within: float
):
    """Means of 24 tiles, which share a few places and vary from tile to tile: hence no tighter."""
    assert abs(float(on_cpu.bands[name].mean() - by_torch.bands[name].mean())) < within


def test_sensitivity_in_torch_is_the_package_s_own():
    rng = np.random.default_rng(3)
    place = make_place(rng, recipe(), 1)
    sitting = draw_sitting(rng, recipe(), place)
    bench = Bench(torch.Generator().manual_seed(1), recipe())
    bands, _, _ = bench.make([place], [sitting])
    inner = place.ground.cut(sitting.window.grown(-16))
    expected = geometry.sensitivity_layer(
        bands["coherence"][0].numpy(), inner.slope_to_los, visibility=inner.hidden.astype(np.uint8)
    )
    assert np.abs(bands["sensitivity"][0].numpy() - expected).max() < 1e-5


def test_one_seed_gives_one_series_of_batches(on_cpu: synth.Batch):
    again = next(synth.batches(24, SIZE, seed=1, style=STYLE))
    other = next(synth.batches(24, SIZE, seed=2, style=STYLE))
    for name, band in on_cpu.bands.items():
        assert torch.equal(band, again.bands[name]), name
    assert not torch.equal(on_cpu.bands["wrapped_phase"], other.bands["wrapped_phase"])


def test_batches_go_on_and_never_repeat():
    made = synth.batches(2, SIZE, seed=5, style=STYLE)
    first, second = next(made), next(made)
    assert not torch.equal(first.bands["wrapped_phase"], second.bands["wrapped_phase"])


@pytest.mark.parametrize("way", ["on_cpu", "by_torch"])
def test_boxes_lie_about_what_shows(way: str, request: pytest.FixtureRequest):
    batch = request.getfixturevalue(way)
    boxed = 0
    for sample, sightings in enumerate(batch.sightings):
        covered = torch.zeros(SIZE, SIZE, dtype=torch.bool)
        for sighting in sightings:
            if sighting.box is None or not sighting.feature.is_slide:
                continue
            boxed += 1
            assert 0 <= sighting.box.top < sighting.box.bottom <= SIZE
            assert 0 <= sighting.box.left < sighting.box.right <= SIZE
            # Outlines drawn beside the truth are up to three pixels off.
            covered[sighting.box.grown(3).cut_to(covered_shape()).slices] = True
        assert bool(covered[batch.bands["landslide"][sample] > 0].all())
    assert boxed > 5


def covered_shape():
    from insarfeat.windows import Shape

    return Shape(SIZE, SIZE)


def test_what_is_ignored_is_no_landslide(on_cpu: synth.Batch, by_torch: synth.Batch):
    for batch in (on_cpu, by_torch):
        assert not bool(((batch.bands["valid_mask"] == 0) & (batch.bands["landslide"] == 1)).any())


def test_only_the_classes_that_are_asked_for_occur():
    made = next(synth.batches(8, SIZE, seed=3, style=STYLE, classes=["EV"]))
    codes = {each.feature.code for sightings in made.sightings for each in sightings if each.feature.is_slide}
    assert codes == {"EV"}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n": 0}, InvalidArgument, "n is 0; it must be 1 or more"),
        ({"size": 16}, InvalidArgument, "size is 16; it must be 32 or more"),
        ({"pixel": 100.0}, InvalidArgument, "pixel is 100.0; it must lie from 5 to 60 metres"),
        ({"seed": 0.5}, InvalidType, "seed is 0.5"),
        ({"style": "images"}, InvalidArgument, "single-look images"),
        ({"style": "nice"}, InvalidArgument, "style is 'nice'"),
        ({"classes": ["XX"]}, InvalidArgument, "classes has XX"),
    ],
)
def test_bad_arguments_are_refused_at_once(arguments: dict, error: type, words: str):
    with pytest.raises(error, match=words):
        synth.batches(**{"n": 1, "size": SIZE, **arguments})
