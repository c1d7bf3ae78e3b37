"""Whole jobs, as users run them: patches, stacks, predictions, scenes; and the composites of terrain.

What they read lies on disk or stands ready after the first call, which is not timed.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import Array

PATCH, STRIDE = 256, 128
_PIXEL = 15.0
_BANDS = ("wrapped_phase", "sensitivity", "terrain_pc1")
_LAYERS = ("slope", "tri", "convexity", "profile_curvature")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is gone when the process ends."""
    return tempfile.TemporaryDirectory(prefix="insarfeat-bench-")


def _on_map(size: int) -> dict[str, Any]:
    import xarray as xr

    coords = {"y": 5.3e6 - _PIXEL * np.arange(size), "x": 6e5 + _PIXEL * np.arange(size)}
    return coords | {"spatial_ref": xr.DataArray(np.int32(0), attrs={"crs_wkt": "EPSG:32632"})}


@cache
def _stored(size: int) -> Path:
    """Two images and a DEM in one file."""
    import xarray as xr

    import insarfeat
    from benchmarks.images import radar_pair
    from benchmarks.terrain_cases import hills

    images = dict(zip(("primary", "secondary", "elevation"), (*radar_pair(size), *hills(size)), strict=True))
    layers = {name: (("y", "x"), image) for name, image in images.items()}
    path = Path(_folder().name, f"inputs-{size}.zarr")
    insarfeat.write(xr.Dataset(layers, _on_map(size)), path)
    return path


def blank(size: int) -> tuple[Array, ...]:
    """A raster that says how large the job is, and no more."""
    return (np.zeros((size, size), np.float32),)


def stack_built(raster: Array, workers: int = 1) -> Array:
    """A stack for detection from two images and a DEM on disk, to a file; back comes its phase."""
    import insarfeat

    given = insarfeat.open_stack(_stored(len(raster)))
    out = insarfeat.build_stack(
        "detection",
        Path(_folder().name, "stack.zarr"),
        overwrite=True,
        scheduler=workers,
        primary=given["primary"],
        secondary=given["secondary"],
        dem=given["elevation"],
        incidence=39.0,
        heading=-12.0,
    )
    return np.asarray(insarfeat.open_stack(out)["wrapped_phase"])


# -- patches --------------------------------------------------------------------------------------------------


@cache
def _layers_stored(size: int) -> Path:
    """Three layers with noise as Zarr."""
    import xarray as xr

    import insarfeat

    generator = np.random.default_rng(0)
    layers = {name: (("y", "x"), generator.standard_normal((size, size), np.float32)) for name in _BANDS}
    path = Path(_folder().name, f"layers-{size}.zarr")
    insarfeat.write(xr.Dataset(layers, _on_map(size)), path)
    return path


def patches_cut(raster: Array) -> Array:
    """All whole patches of a stored stack of three layers, and the mean of each."""
    from insarfeat import tiling

    plan = tiling.plan_patches(_layers_stored(len(raster)), size=PATCH, stride=STRIDE)
    return _means(one.values for one in plan)


def xbatcher_cut(raster: Array) -> Array:
    """The same by xbatcher over xarray and Dask."""
    import xarray as xr
    import xbatcher

    data = xr.open_dataset(_layers_stored(len(raster)), engine="zarr", chunks={}, consolidated=False)
    bands = data[list(_BANDS)].to_dataarray()
    step = {"y": PATCH - STRIDE, "x": PATCH - STRIDE}
    batches = xbatcher.BatchGenerator(bands, {"y": PATCH, "x": PATCH}, input_overlap=step)
    return _means(np.asarray(batch) for batch in batches)


def windows_cut(raster: Array) -> Array:
    """The same by the zarr library, window by window."""
    import zarr

    path = _layers_stored(len(raster))
    arrays = [zarr.open_array(path / name, mode="r") for name in _BANDS]
    starts = range(0, len(raster) - PATCH + 1, STRIDE)
    places = ((slice(top, top + PATCH), slice(left, left + PATCH)) for top in starts for left in starts)
    return _means(np.stack([array[place] for array in arrays]) for place in places)


def _means(patches: Any) -> Array:
    return np.sort(np.array([patch.mean(dtype=np.float64) for patch in patches]))


# -- models ---------------------------------------------------------------------------------------------------


@cache
def _model(name: str) -> Any:
    import torch

    import zoo

    torch.set_num_threads(1)
    return zoo.load(name, device="cpu")


@cache
def _scene(size: int) -> Any:
    """A synthetic scene with all that the shipped models read."""
    import insarfeat

    return insarfeat.synth.scene(seed=1, size=size)


def predicted(raster: Array, name: str, workers: int = 1) -> Array:
    """Probabilities, or the scores of the boxes, of a scene."""
    model = _model(name)
    if model.description.task == "boxes":
        return np.asarray(model.predict(_scene(len(raster)), scheduler=workers).table["score"])
    found = model.predict(_scene(len(raster)))["landslide_probability"]
    return np.asarray(found.compute(scheduler="threads", num_workers=workers))


def scene_made(raster: Array) -> Array:
    """A synthetic scene with its truth; back comes its phase."""
    import insarfeat

    return np.asarray(insarfeat.synth.scene(seed=1, size=len(raster))["wrapped_phase"])


# -- composites of terrain ------------------------------------------------------------------------------------


def four_layers(size: int) -> tuple[Array, ...]:
    """Layers of the hills, as they come."""
    from benchmarks.terrain_cases import hills
    from insarfeat import terrain

    found = terrain.attributes(hills(size)[0], list(_LAYERS), resolution=_PIXEL)
    return tuple(np.ascontiguousarray(layer) for layer in found.values())


def components_fitted(*layers: Any) -> Any:
    """Loadings of all components."""
    from insarfeat import terrain

    return terrain.PrincipalComponents().fit(dict(zip(_LAYERS, layers, strict=True))).components_


def sklearn_fitted(*layers: Array) -> Array:
    """The same by scikit-learn."""
    return np.asarray(_by_sklearn(layers)[-1].components_)


def components_applied(*layers: Any) -> Any:
    """The first component of layers, fitted to a few of their pixels."""
    return _fitted_to_few().transform(dict(zip(_LAYERS, layers, strict=True)))["pc1"]


def sklearn_applied(*layers: Array) -> Array:
    """The same by scikit-learn, which knows no rasters."""
    found = _sklearn_to_few().transform(_as_table(layers))[:, 0]
    return np.asarray(found.reshape(layers[0].shape), np.float32)


@cache
def _fitted_to_few() -> Any:
    from insarfeat import terrain

    return terrain.PrincipalComponents(n_components=1).fit(dict(zip(_LAYERS, four_layers(64), strict=True)))


@cache
def _sklearn_to_few() -> Any:
    return _by_sklearn(four_layers(64))


def _by_sklearn(layers: tuple[Array, ...]) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = _as_table(layers)
    found = make_pipeline(StandardScaler(), PCA(svd_solver="covariance_eigh"))
    found.fit(table[np.isfinite(table).all(axis=1)])
    components = found[-1].components_
    components *= np.sign(components[:, :1])  # which way they point is free: as ours
    return found


def _as_table(layers: tuple[Array, ...]) -> Array:
    return np.stack([layer.ravel() for layer in layers], axis=1).astype(np.float64)
