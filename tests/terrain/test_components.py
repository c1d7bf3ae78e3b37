"""Principal components: scikit-learn's own on a table, any chunks, masks, regions, pipelines, files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from insarfeat.errors import (
    GridMismatch,
    InvalidArgument,
    InvalidType,
    MissingInput,
    UnreadableInput,
    WriteFailed,
)
from insarfeat.terrain import Composite, PrincipalComponents
from insarfeat.terrain.moments import Moments

NAMES = ("elevation", "slope", "tri", "twi")


def made(seed: int = 0, shape: tuple[int, int] = (60, 70)) -> dict[str, np.ndarray[Any, Any]]:
    """Layers that hang together, far from 0, with voids at places of their own."""
    rng = np.random.default_rng(seed)
    slope = rng.gamma(4, 5, shape)
    layers = {
        "elevation": 2500 + 8 * slope + rng.normal(0, 90, shape),
        "slope": slope,
        "tri": 0.3 * slope + rng.normal(0, 1, shape),
        "twi": 9 - 0.1 * slope + rng.normal(0, 1, shape),
    }
    for layer in layers.values():
        layer[rng.random(shape) < 0.03] = np.nan
    return layers


def table(layers: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    samples = np.stack([layer.ravel() for layer in layers.values()], axis=1)
    return samples[np.isfinite(samples).all(axis=1)]


def labelled(layers: dict[str, Any]) -> xr.Dataset:
    coords = {"y": -15.0 * np.arange(60), "x": 15.0 * np.arange(70)}
    return xr.Dataset({name: (("y", "x"), layer) for name, layer in layers.items()}, coords)


# -- the fit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
def test_they_are_those_of_scikit_learn(standardize: bool) -> None:
    layers = made()
    samples = table(layers)
    scaled = StandardScaler().fit_transform(samples) if standardize else samples
    expected = PCA().fit(scaled)
    found = PrincipalComponents(standardize=standardize).fit(layers)
    np.testing.assert_allclose(np.abs(found.components_), np.abs(expected.components_), atol=1e-9)
    np.testing.assert_allclose(found.explained_variance_ratio_, expected.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(found.mean_, samples.mean(axis=0), rtol=1e-12)
    assert found.n_samples_ == len(samples)


def test_the_loading_of_slope_is_positive_whatever_else() -> None:
    layers = made()
    assert PrincipalComponents().fit(layers).components_[:, 1].min() > 0
    turned = {"twi": layers["twi"], "slope": -layers["slope"]}
    assert PrincipalComponents().fit(turned).components_[:, 1].min() > 0
    unnamed = PrincipalComponents().fit(list(layers.values())).components_
    assert all(row[np.argmax(np.abs(row))] > 0 for row in unnamed)


@given(st.data())
def test_any_cut_gives_the_same(data: st.DataObject) -> None:
    layers = made(1)
    cuts = data.draw(st.sets(st.integers(1, 59), max_size=5))
    rows = tuple(np.diff([0, *sorted(cuts), 60]).tolist())
    columns = data.draw(st.integers(1, 70))
    lazy = {name: da.from_array(layer, chunks=(rows, columns)) for name, layer in layers.items()}
    whole, cut = PrincipalComponents().fit(layers), PrincipalComponents().fit(lazy)
    assert cut.n_samples_ == whole.n_samples_
    np.testing.assert_allclose(cut.mean_, whole.mean_, rtol=1e-12)
    np.testing.assert_allclose(cut.components_, whole.components_, atol=1e-10)


def test_layers_far_from_zero_lose_no_digits() -> None:
    rng = np.random.default_rng(0)
    near = rng.normal(0, 1, (2, 100, 100))
    far = [layer + 1e7 for layer in near]
    np.testing.assert_allclose(Moments.of(far).products, Moments.of(list(near)).products, rtol=1e-7)


def test_an_infinite_value_is_no_value() -> None:
    layers = made()
    expected = PrincipalComponents().fit(layers).mean_
    layers["tri"] = np.where(np.isnan(layers["tri"]), np.inf, layers["tri"])
    np.testing.assert_array_equal(PrincipalComponents().fit(layers).mean_, expected)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_mask_chooses_the_pixels(lazy: bool) -> None:
    dataset = labelled(made())
    mask = dataset["slope"] > 20
    inside = dataset.where(mask)
    given_layers = dataset.chunk(y=17, x=33) if lazy else dataset
    found = PrincipalComponents().fit(given_layers, mask=mask.chunk(y=20) if lazy else mask)
    expected = PrincipalComponents().fit(inside)
    assert found.n_samples_ == expected.n_samples_
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-10)


def test_nodata_of_a_mask_is_outside_it() -> None:
    layers = made()
    mask = np.where(layers["slope"] > 20, 1.0, np.nan)
    inside = PrincipalComponents().fit(layers, mask=layers["slope"] > 20)
    np.testing.assert_array_equal(PrincipalComponents().fit(layers, mask=mask).mean_, inside.mean_)


@pytest.mark.parametrize("lazy", [False, True])
def test_regions_are_fitted_in_one_pass_each_for_itself(lazy: bool) -> None:
    dataset = labelled(made())
    regions = xr.full_like(dataset["slope"], 0, dtype="i2")
    regions[:, 10:30], regions[:, 30:] = 3, 7
    found = PrincipalComponents(2).fit_regions(
        dataset.chunk(y=11, x=25) if lazy else dataset, regions.chunk(y=11, x=25) if lazy else regions
    )
    assert sorted(found) == [3, 7]
    for label, one in found.items():
        alone = PrincipalComponents(2).fit(dataset, mask=regions == label)
        assert one.n_samples_ == alone.n_samples_
        np.testing.assert_allclose(one.components_, alone.components_, atol=1e-10)


def test_a_sample_is_the_same_pixels_in_any_chunks() -> None:
    dataset = labelled(made())
    whole = PrincipalComponents(sample=0.2, seed=5).fit(dataset)
    cut = PrincipalComponents(sample=0.2, seed=5).fit(dataset.chunk(y=13, x=9))
    other = PrincipalComponents(sample=0.2, seed=6).fit(dataset)
    assert whole.n_samples_ == cut.n_samples_
    assert 0.15 < whole.n_samples_ / len(table(made())) < 0.25
    np.testing.assert_allclose(cut.components_, whole.components_, atol=1e-10)
    assert not np.allclose(other.components_, whole.components_, atol=1e-6)


# -- the transform --------------------------------------------------------------------------------------------


def test_components_are_uncorrelated_and_have_the_variances_that_were_told() -> None:
    layers = made()
    fitted = PrincipalComponents().fit(layers)
    found = table(fitted.transform(layers))
    np.testing.assert_allclose(np.cov(found.T), np.diag(fitted.explained_variance_), atol=1e-9)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)


def test_each_kind_of_layers_gives_its_own_kind() -> None:
    layers = made()
    fitted = PrincipalComponents(2).fit(layers)
    by_name = fitted.transform(layers)
    assert list(by_name) == ["pc1", "pc2"]
    listed = fitted.transform(list(layers.values()))
    stacked = fitted.transform(np.stack(list(layers.values())))
    dataset = fitted.transform(labelled(layers))
    lazy = fitted.transform(da.from_array(np.stack(list(layers.values())), chunks=(1, 16, 16)))
    assert isinstance(lazy, da.Array)
    assert dataset["pc2"].attrs["long_name"] == "principal component 2"
    for number, name in enumerate(by_name):
        for other in (listed[number], stacked[number], dataset[name], lazy[number]):
            np.testing.assert_array_equal(np.asarray(other), by_name[name])


def test_layers_by_name_may_come_in_any_order_with_others() -> None:
    dataset = labelled(made())
    fitted = PrincipalComponents(1).fit(dataset)
    mixed = dataset[["twi", "tri", "slope", "elevation"]].assign(aspect=dataset["tri"])
    np.testing.assert_array_equal(fitted.transform(mixed)["pc1"], fitted.transform(dataset)["pc1"])
    with pytest.raises(InvalidArgument, match=r"layers lack 'twi', which the composite was fitted on"):
        fitted.transform(dataset.drop_vars("twi"))


def test_it_is_an_estimator_that_works_in_a_pipeline() -> None:
    samples = table(made())
    pipeline = make_pipeline(PrincipalComponents(2), StandardScaler())
    found = pipeline.fit_transform(samples)
    np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-9)
    estimator = PrincipalComponents(3, standardize=False, sample=0.5, seed=2)
    assert clone(estimator).get_params() == estimator.get_params()
    assert estimator.set_params(n_components=1).fit(samples).n_features_in_ == 4
    rasters = make_pipeline(PrincipalComponents(1)).fit_transform(made())
    assert rasters["pc1"].shape == (60, 70)


# -- files and errors -----------------------------------------------------------------------------------------


def test_a_composite_survives_its_file(tmp_path: Path) -> None:
    layers = made()
    fitted = PrincipalComponents(2).fit(layers)
    fitted.save(tmp_path / "own.json")
    loaded = PrincipalComponents.load(tmp_path / "own.json")
    assert loaded.composite_ == fitted.composite_
    np.testing.assert_array_equal(loaded.transform(layers)["pc1"], fitted.transform(layers)["pc1"])
    assert [path.name for path in tmp_path.iterdir()] == ["own.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": "insarfeat composite 99"}',
        '{"format": "insarfeat composite 1", "names": 3}',
    ],
)
def test_a_damaged_file_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(content)
    with pytest.raises(UnreadableInput, match=r"own\.json is not a composite"):
        Composite.load(path)


def test_a_file_with_a_number_missing_or_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    PrincipalComponents(1).fit(made()).save(path)
    for damage in ({"means": [1.0, 2.0, 3.0]}, {"scales": [1.0, 2.0, 3.0, float("nan")]}, {"variances": []}):
        path.write_text(json.dumps(json.loads(path.read_text()) | damage))
        with pytest.raises(UnreadableInput):
            Composite.load(path)
    with pytest.raises(WriteFailed, match="could not be written: No such file"):
        PrincipalComponents(1).fit(made()).save(tmp_path / "nowhere" / "own.json")
    with pytest.raises(MissingInput, match="there is no composite at"):
        Composite.load(tmp_path / "other.json")


def test_what_cannot_be_fitted_is_named() -> None:
    layers = made()
    with pytest.raises(InvalidArgument, match="flat: the same value everywhere"):
        PrincipalComponents().fit(layers | {"flat": np.full((60, 70), 3.1)})
    with pytest.raises(InvalidArgument, match="0 pixels have a value in all 4 layers"):
        PrincipalComponents().fit(layers | {"twi": np.full((60, 70), np.nan)})
    with pytest.raises(InvalidArgument, match="n_components must be a whole number from 1 to 4"):
        PrincipalComponents(5).fit(layers)
    with pytest.raises(InvalidArgument, match="sample must be a share"):
        PrincipalComponents(sample=1.5).fit(layers)
    with pytest.raises(GridMismatch):
        PrincipalComponents().fit(layers | {"twi": np.zeros((60, 71))})
    with pytest.raises(
        InvalidArgument, match=r"mask must be a raster of shape \(60, 70\), as the layers; got \(3, 3\)"
    ):
        PrincipalComponents().fit(layers, mask=np.ones((3, 3)))
    with pytest.raises(InvalidArgument, match="regions must be a raster of shape"):
        PrincipalComponents().fit_regions(layers, 7)
    with pytest.raises(InvalidArgument, match=r"regions must hold whole numbers; got 0\.5"):
        PrincipalComponents().fit_regions(layers, np.full((60, 70), 0.5))
    elsewhere = labelled(layers)["slope"].assign_coords(x=3.0 * np.arange(70))
    with pytest.raises(GridMismatch):
        PrincipalComponents().fit(labelled(layers), mask=elsewhere)
    with pytest.raises(InvalidType, match="layers must be a Dataset"):
        PrincipalComponents().fit(7)
    with pytest.raises(InvalidArgument, match="layers is empty"):
        PrincipalComponents().fit([])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        PrincipalComponents().transform(layers)
    with pytest.raises(InvalidArgument, match="takes 4 layers"):
        PrincipalComponents().fit(layers).transform(list(layers.values())[:3])
