from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

pytest.importorskip("torch")

from insarfeat import open_stack, synth
from insarfeat.errors import GridMismatch, InvalidArgument, RunFailed
from zoo.blindspots import JOURNAL, MAP, Question, Recall, Told, Trials, blind_spots, recall_table
from zoo.blindspots.maps import AREAS, CAUSES, blind_spot_map
from zoo.blindspots.recall import LEAST_TRIALS, season, told
from zoo.blindspots.views import surroundings, views_of

TOLD = Told(incidence=39.0, heading=-12.0, days=12.0)
TRIALS = Trials(injections=80, plan=synth.SlidePlan(("CF", "CS"), area=(0.01, 0.1), speed=(10.0, 150.0)))


class Threshold:
    """Marks whatever has turned its phase by more than 0.8 radian: on a quiet pair that is known by itself."""

    def __init__(self) -> None:
        self.description = SimpleNamespace(
            task="masks", name="threshold-v1", version=1, training_data="none", classes=("landslide",)
        )
        self.file = SimpleNamespace(digest="0")
        self.looks = 0

    def predict(self, layers: xr.Dataset, **_: Any) -> xr.Dataset:
        self.looks += 1
        return xr.Dataset({"landslide": (np.abs(layers["wrapped_phase"]) > 0.8).astype("uint8")})


@pytest.fixture(scope="module")
def stack() -> xr.Dataset:
    """Hills under a pair without air and noise; coherent but for a strip in the south, unknown in the north."""
    scene = synth.scene(4, size=512, style=synth.IMAGES.with_(relief=1.0))
    quiet = scene[["elevation", "coherence", "wrapped_phase"]].copy(deep=True).drop_attrs(deep=False)
    quiet["wrapped_phase"][:] = 0.0
    quiet["coherence"][:] = 0.85
    quiet["coherence"][400:] = 0.15
    quiet["coherence"][:40] = np.nan
    return quiet


@pytest.fixture(scope="module")
def found(stack: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return blind_spots(Threshold(), stack, tmp_path_factory.mktemp("blind"), trials=TRIALS, told=TOLD)


def test_recall_follows_what_the_model_can_see(found: Any) -> None:
    trials = found.trials
    assert len(trials) >= 70
    slow = trials[trials["fringes"] < 0.08]
    fast = trials[
        trials["fringes"].between(0.5, 1.2) & (trials["coherence"] > 0.6) & (trials["hidden"] < 0.1)
    ]
    assert slow["found"].mean() < 0.1
    assert fast["found"].mean() > 0.7


def test_the_fit_says_what_was_counted(found: Any) -> None:
    for group in ("class", "shows"):
        table = told(found.recall, found.trials, [group])
        large = table[table["of"] >= 15]
        assert (large["predicted"] - large["found"]).abs().max() < 0.12
    whole = told(found.recall, found.trials.assign(all=1), ["all"])
    assert abs(float(whole["predicted"].iloc[0] - whole["found"].iloc[0])) < 0.02


def test_the_map_tells_apart_what_was_not_there_and_what_could_not_be_seen(found: Any) -> None:
    mapped = found.map
    assert mapped["recall"].shape == (64, 64)
    blind, chance = mapped["blind_spot"].values, mapped["recall"].values
    assert (blind[:4] == 255).all()  # nothing is known there
    assert np.isnan(chance[:4]).all()
    known = blind != 255
    assert ((blind == 0) == (chance >= 0.5))[known].all()
    assert set(np.unique(blind[known])) <= set(CAUSES)
    assert {0, 2} <= set(np.unique(blind[known]))
    low, high = mapped["recall_low"].values, mapped["recall_high"].values
    assert (low[known] <= high[known] + 1e-6).all()


def test_slower_slides_are_asked_more_of(found: Any) -> None:
    slowest, chance = found.map["detectable_speed"].values, found.map["recall"].values
    steep = np.isfinite(slowest) & np.isfinite(chance)
    assert np.corrcoef(np.log(slowest[steep]), chance[steep])[0, 1] < -0.5
    smallest = found.map["detectable_area"].values
    assert np.nanmin(smallest) >= found.trials["area"].min() * 0.99
    assert np.isin(smallest[np.isfinite(smallest)].astype("f4"), AREAS.astype("f4")).all()


def test_results_lie_in_the_folder(stack: xr.Dataset, tmp_path: Path) -> None:
    found = blind_spots(Threshold(), stack, tmp_path / "blind", trials=TRIALS, told=TOLD)
    assert {path.name for path in (tmp_path / "blind").iterdir()} == {
        "blindspots.nc", "injected.geojson", "recall.csv", "trials.jsonl",
    }  # fmt: skip
    xr.testing.assert_allclose(open_stack(tmp_path / "blind" / MAP).load()["recall"], found.map["recall"])
    injected = json.loads((tmp_path / "blind" / "injected.geojson").read_text())
    assert len(injected["features"]) == len(found.trials)
    assert "synthetic slides" in injected["metadata"]["statement"]
    assert "Real slides may look otherwise" in found.map.attrs["statement"]


def test_a_run_that_was_stopped_goes_on_and_ends_as_it_would_have(
    stack: xr.Dataset, found: Any, tmp_path: Path
) -> None:
    model, few = Threshold(), replace(TRIALS, injections=60)
    blind_spots(model, stack, tmp_path, trials=few, told=TOLD)
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    (tmp_path / JOURNAL).write_text("\n".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]]) + "\n")
    before = model.looks
    again = blind_spots(model, stack, tmp_path, trials=TRIALS, told=TOLD)
    assert model.looks > before
    pd.testing.assert_frame_equal(again.trials, found.trials)


def test_a_folder_with_other_trials_is_not_mixed_with_these(stack: xr.Dataset, tmp_path: Path) -> None:
    blind_spots(Threshold(), stack, tmp_path, trials=TRIALS, told=TOLD)
    other = replace(TRIALS, seed=3)
    with pytest.raises(InvalidArgument, match="trials with another seed"):
        blind_spots(Threshold(), stack, tmp_path, trials=other, told=TOLD)
    blind_spots(Threshold(), stack, tmp_path, trials=other, told=TOLD, overwrite=True)


def test_slides_on_which_something_was_found_before_do_not_count(stack: xr.Dataset, tmp_path: Path) -> None:
    loud = stack.copy(deep=True)
    loud["wrapped_phase"][40:260] = 2.0  # the model marks all of it
    found = blind_spots(Threshold(), loud, tmp_path, trials=TRIALS, told=TOLD)
    from insarfeat.inventory import of_well_known_text

    tops = [
        max(corner[1] for corner in of_well_known_text(text)["coordinates"][0])
        for text in found.trials["outline"]
        if text.startswith("POLYGON")
    ]
    marked_to = float(loud["y"][260])
    assert np.mean(np.array(tops) > marked_to + 600.0) < 0.02


def test_a_season_sees_more_than_a_pair(stack: xr.Dataset, tmp_path: Path) -> None:
    days = ("20230904_20230916", "20230916_20231010")
    season_stack = xr.concat(
        [stack, stack], xr.DataArray(list(days), dims="pair", name="pair"), data_vars="all"
    )
    season_stack["elevation"] = stack["elevation"]
    sights = Told(incidence=39.0, heading=-12.0)
    found = blind_spots(Threshold(), season_stack, tmp_path, trials=TRIALS, told=sights)
    trials = found.trials
    assert set(trials["pair"]) == set(days)
    both = trials.pivot_table(index="slide", columns="pair", values="fringes")
    assert (both[days[1]] / both[days[0]]).round(6).eq(2.0).all()  # the same slides, twice the days
    each = found.map["recall_of_pair"].values
    whole = found.map["recall"].values
    seen = np.isfinite(whole)
    assert (whole[seen] >= np.fmax.reduce(each)[seen] * found.recall.together - 1e-6).all()
    assert 0.05 <= found.recall.together <= 1.0
    assert "season" in set(found.table["by"])


def test_pairs_that_miss_together_count_as_one() -> None:
    each = np.array([[0.5], [0.5], [np.nan]])
    assert season(each, 1.0)[0] == pytest.approx(0.75)
    assert season(each, 0.5)[0] == pytest.approx(0.5)
    assert np.isnan(season(np.array([[np.nan], [np.nan]]), 1.0)[0])


def trials_by(chance: Any, count: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Trials whose true probability is known."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "area": np.exp(rng.uniform(np.log(0.005), np.log(0.5), count)),
            "fringes": np.exp(rng.uniform(np.log(0.02), np.log(3.0), count)),
            "coherence": rng.uniform(0.1, 0.9, count),
            "hidden": np.zeros(count),
            "slide": [f"{number // 50}-{number}" for number in range(count)],
            "pair": "a",
            "class": "CF",
            "shows": "coherent",
            "speed": 50.0,
            "sensitivity": 0.5,
        }
    )
    table["true"] = chance(table)
    table["found"] = rng.uniform(size=count) < table["true"]
    return table


def test_a_known_probability_is_recovered() -> None:
    def chance(table: pd.DataFrame) -> Any:
        score = (
            1.5 * np.log(table["fringes"] / 0.3)
            + 0.8 * np.log(table["area"] / 0.05)
            + 4.0 * (table["coherence"] - 0.5)
        )
        return 1.0 / (1.0 + np.exp(-score))

    known = trials_by(chance)
    fit = Recall.fitted(known)
    fresh = trials_by(chance, seed=1)
    said = fit.probability(fresh["area"], fresh["fringes"], fresh["coherence"])
    assert np.abs(said - fresh["true"]).mean() < 0.02
    spread = [
        np.abs(fit.probability(0.05, 0.3, 0.5, resample=number) - fit.probability(0.05, 0.3, 0.5))
        for number in fit.resamples
    ]
    assert 0.0 < max(spread) < 0.1


def test_nothing_is_said_beyond_what_was_tried() -> None:
    fit = Recall.fitted(trials_by(lambda table: 1.0 / (1.0 + 0.05 / table["area"])))
    assert fit.probability(50.0, 1.0, 0.5) == fit.probability(0.5, 1.0, 0.5) or np.isclose(
        fit.probability(50.0, 1.0, 0.5), fit.probability(0.5, 1.0, 0.5), atol=0.01
    )


def test_the_exponent_of_a_season_is_found() -> None:
    base = trials_by(lambda table: 0.4 + 0.0 * table["area"], count=1500)
    rng = np.random.default_rng(5)
    alone, alike = (
        pd.concat([base, base.assign(pair="b", found=same)], ignore_index=True)
        for same in (rng.uniform(size=len(base)) < 0.4, base["found"])
    )
    assert Recall.fitted(alone).together > 0.9
    assert Recall.fitted(alike).together == pytest.approx(0.5, abs=0.06)


def test_layover_is_no_trial_and_too_few_are_refused() -> None:
    known = trials_by(lambda table: 0.5 + 0.0 * table["area"], count=200)
    hidden = known.assign(hidden=1.0, found=False)
    both = Recall.fitted(pd.concat([known, hidden], ignore_index=True))
    assert both.probability(0.05, 0.3, 0.5) == pytest.approx(0.5, abs=0.15)
    with pytest.raises(InvalidArgument, match=f"{LEAST_TRIALS} are needed"):
        Recall.fitted(hidden)


def test_the_table_counts_and_has_intervals() -> None:
    table = recall_table(trials_by(lambda table: 0.5 + 0.0 * table["area"], count=400))
    whole = table[table["by"] == "all"].iloc[0]
    assert whole["of"] == 400
    assert whole["low"] < whole["recall"] < whole["high"]
    assert table[table["by"] == "area"]["of"].sum() == 400


def test_layover_is_the_first_cause_that_is_told(stack: xr.Dataset) -> None:
    layers = stack.assign(shadow_layover=xr.zeros_like(stack["coherence"], dtype="u1"))
    layers["shadow_layover"][100:200, 100:200] = 2
    (view,) = views_of(layers, TOLD)
    cells = view.cells().compute()
    fit = Recall.fitted(trials_by(lambda table: 1.0 / (1.0 + 0.1 / table["fringes"])))
    mapped = blind_spot_map(fit, [view], [cells], [surroundings(cells)], Question(0.06, 100.0, 0.5))
    assert (mapped["blind_spot"].values[14:24, 14:24] == 1).all()
    assert (mapped["recall"].values[14:24, 14:24] == 0.0).all()


def test_what_a_stack_does_not_tell_is_asked_for(stack: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="does not tell incidence, heading, days of its pair; say it"):
        blind_spots(Threshold(), stack, tmp_path)
    with pytest.raises(InvalidArgument, match="has no coherence"):
        blind_spots(Threshold(), stack.drop_vars("coherence"), tmp_path, told=TOLD)
    with pytest.raises(InvalidArgument, match="stacks is empty"):
        blind_spots(Threshold(), [], tmp_path)
    with pytest.raises(GridMismatch, match="must share one grid"):
        blind_spots(Threshold(), [stack, stack.isel(y=slice(100, None))], tmp_path, told=TOLD)
    with pytest.raises(InvalidArgument, match="say next to nothing"):
        Trials(injections=5)
    with pytest.raises(InvalidArgument, match="probability is"):
        Question(probability=1.5)


def test_a_plain_has_no_room_for_slides(stack: xr.Dataset, tmp_path: Path) -> None:
    flat = stack.assign(elevation=0.0 * stack["elevation"] + 10.0)
    with pytest.raises(RunFailed, match="too flat for these classes"):
        blind_spots(Threshold(), flat, tmp_path, trials=TRIALS, told=TOLD)


def test_a_stack_says_by_what_angles_it_was_made(stack: xr.Dataset) -> None:
    from insarfeat import stacks

    pair = stack[["wrapped_phase", "coherence"]].assign_attrs(
        primary_date="2023-09-04", secondary_date="2023-09-16"
    )
    made = stacks.lazy_stack(
        "models",
        interferogram=pair,
        dem=stack["elevation"],
        grid=stack["elevation"],
        incidence=39.0,
        heading=-12.0,
    )
    (view,) = views_of(made)
    assert view.acquisition == synth.Acquisition(39.0, -12.0, 12.0)
    assert view.orbit == "A"


def test_a_model_may_look_at_pixels_of_its_own_size(tmp_path: Path) -> None:
    import zoo

    fine = synth.scene(seed=6, size=320, pixel=8.0, without=["artefacts"])
    layers = fine[["wrapped_phase", "coherence", "elevation", "sensitivity"]]
    model = zoo.load("segformer-b0-synth-v1")
    found = blind_spots(model, layers, tmp_path, trials=Trials(60, resample=True))
    trials = found.trials
    seen, hidden = (trials.loc[trials["shows"] == how, "found"].mean() for how in ("coherent", "hidden"))
    assert seen > hidden
