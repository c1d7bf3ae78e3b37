"""The other tools that fill depressions and follow water, and ours as they are measured beside them.

Each peer takes the parameters of the case and refuses what it has no equivalent of. DEMs here have no voids; each
tool is given one in the way that it would have one told.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from benchmarks import terrain_tools
from benchmarks.peers import Agreement, Array, Peer, installed_version
from benchmarks.results import Verdict

_NODATA = -9999.0  # of the tools that know no NaN


@dataclass(frozen=True, slots=True)
class RelativeAgreement(Agreement):
    """A peer computes the same thing, and both are positive: the tolerance is a part of the answer."""

    def judge(self, ours: Array, theirs: Array) -> Verdict:
        """Compare the logarithms: a small difference of those is the relative one of the answers."""
        with np.errstate(divide="ignore", invalid="ignore"):  # of no water, which is far from any
            return Agreement.judge(self, np.log(ours, dtype=np.float64), np.log(theirs, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class SubPackage(Peer):
    """A part of a package that older versions of it lack; ``package`` is its full name."""

    @property
    def installed(self) -> bool:
        """Whether the part can be imported here."""
        # Of a part in a package that is not there the look-up would not say so, but fail.
        whole = self.package.partition(".")[0]
        return util.find_spec(whole) is not None and util.find_spec(self.package) is not None

    def version(self) -> str | None:
        """Version of the whole package."""
        return installed_version(self.package.partition(".")[0])


# Ours


def accumulated(filled: Array, ranks: Array, method: str, resolution: float) -> Array:
    """Directions and accumulation, over depressions that are filled and flats that are ranked."""
    from insarfeat.terrain.flow import routing

    ground: Any = routing.Routed(filled, ranks)
    found: Any = routing.water(ground, routing.Rain(), method, "outlets", resolution)  # type: ignore[arg-type]
    return np.asarray(found)


def ranked(filled: Array) -> Array:
    """Ranks of the cells of flats; the one place that knows the operator behind them."""
    from insarfeat.terrain.flow import routing

    return np.asarray(routing.ranked(filled, "outlets"))


# topotoolbox: libtopotoolbox in C, through its GridObject


def topotoolbox_fill(dem: Array, epsilon: bool = False) -> Array:
    _refuse("topotoolbox", "epsilon", epsilon, [False])
    answer: Array = _topotoolbox_grid(dem, 1.0).fillsinks().z
    return answer


def topotoolbox_d8(dem: Array, method: str, resolution: float) -> Array:
    _refuse("topotoolbox", "method", method, ["d8"])
    topotoolbox: Any = importlib.import_module("topotoolbox")
    answer: Array = topotoolbox.FlowObject(_topotoolbox_grid(dem, resolution)).flow_accumulation().z
    return answer


def _topotoolbox_grid(dem: Array, resolution: float) -> Any:
    topotoolbox: Any = importlib.import_module("topotoolbox")
    grid = topotoolbox.GridObject()
    grid.z, grid.cellsize = dem, resolution
    return grid


# pyflwdir: directions are those in which its flood has come


def pyflwdir_fill(dem: Array, epsilon: bool = False) -> Array:
    _refuse("pyflwdir", "epsilon", epsilon, [False])
    module: Any = importlib.import_module("pyflwdir.dem")
    answer: Array = module.fill_depressions(dem, nodata=_NODATA)[0]
    return answer


def pyflwdir_d8(dem: Array, method: str, resolution: float) -> Array:
    _refuse("pyflwdir", "method", method, ["d8"])
    pyflwdir: Any = importlib.import_module("pyflwdir")
    ways = pyflwdir.from_dem(dem, nodata=_NODATA, transform=_affine(dem, resolution))
    answer: Array = ways.upstream_area("cell")
    return answer


# pysheds


def pysheds_fill(dem: Array, epsilon: bool = False) -> Array:
    _refuse("pysheds", "epsilon", epsilon, [False])
    grid, raster = _pysheds_grid(dem, 1.0)
    return np.asarray(grid.fill_depressions(raster))


def pysheds_flow(dem: Array, method: str, resolution: float) -> Array:
    _refuse("pysheds", "method", method, ["d8", "dinf", "mfd"])
    grid, raster = _pysheds_grid(dem, resolution)
    ground = grid.resolve_flats(grid.fill_depressions(raster))
    return np.asarray(grid.accumulation(grid.flowdir(ground, routing=method), routing=method))


def pysheds_resolved(filled: Array) -> Array:
    """Ground with its flats raised a little."""
    grid, raster = _pysheds_grid(filled, 1.0)
    return np.asarray(grid.resolve_flats(raster))


def _pysheds_grid(dem: Array, resolution: float) -> tuple[Any, Any]:
    views: Any = importlib.import_module("pysheds.sview")
    view = views.ViewFinder(affine=_affine(dem, resolution), shape=dem.shape, nodata=dem.dtype.type(_NODATA))
    raster = views.Raster(dem.copy(), view)  # its flood fills what it is given
    return importlib.import_module("pysheds.grid").Grid.from_raster(raster), raster


# xarray-spatial: leaves flats as they are, and gives no directions to cells at the edge


def xrspatial_fill(dem: Array, epsilon: bool = False) -> Array:
    _refuse("xarray-spatial", "epsilon", epsilon, [False])
    hydro, raster = _xrspatial(dem, 1.0)
    answer: Array = hydro.fill_d8(raster).data
    return answer


def xrspatial_accumulated(filled: Array, _ranks: Array, method: str, resolution: float) -> Array:
    hydro, raster = _xrspatial(filled, resolution)
    return _xrspatial_flow(hydro, raster, method)


def xrspatial_flow(dem: Array, method: str, resolution: float) -> Array:
    hydro, raster = _xrspatial(dem, resolution)
    return _xrspatial_flow(hydro, hydro.fill_d8(raster), method)


def _xrspatial_flow(hydro: Any, ground: Any, method: str) -> Array:
    _refuse("xarray-spatial", "method", method, ["d8", "dinf", "mfd"])
    options = {"p": 1.1} if method == "mfd" else {}
    directions = getattr(hydro, f"flow_direction_{method}")(ground, **options)
    answer: Array = getattr(hydro, f"flow_accumulation_{method}")(directions).data
    return answer


def _xrspatial(dem: Array, resolution: float) -> tuple[Any, Any]:
    xarray: Any = importlib.import_module("xarray")
    coords = {
        name: resolution * np.arange(length) for name, length in zip(("y", "x"), dem.shape, strict=True)
    }
    raster = xarray.DataArray(dem, coords, ("y", "x"), attrs={"res": (resolution, resolution)})
    return importlib.import_module("xrspatial.hydro"), raster


# whitebox-workflows: arrays go in and out through its own rasters


def whitebox_fill(dem: Array, epsilon: bool = False) -> Array:
    _refuse("whitebox-workflows", "epsilon", epsilon, [False])
    filling = _whitebox().hydrology.depressions_storage
    answer: Array = filling.fill_depressions(dem=_whitebox_raster(dem, 1.0), fix_flats=False).to_numpy()
    return answer


def whitebox_accumulated(filled: Array, _ranks: Array, method: str, resolution: float) -> Array:
    return _whitebox_flow(_whitebox_raster(filled, resolution), method)


def whitebox_flow(dem: Array, method: str, resolution: float) -> Array:
    filling = _whitebox().hydrology.depressions_storage
    return _whitebox_flow(filling.fill_depressions(dem=_whitebox_raster(dem, resolution)), method)


def _whitebox_flow(ground: Any, method: str) -> Array:
    calls = {"d8": ("d8_flow_accum", "input"), "dinf": ("dinf_flow_accum", "input")}
    calls["mfd"] = ("fd8_flow_accum", "dem")
    _refuse("whitebox-workflows", "method", method, calls)
    name, given = calls[method]
    options = {"exponent": 1.1} if method == "mfd" else {}
    tool = getattr(_whitebox().hydrology.flow_routing, name)
    answer: Array = tool(**{given: ground}, out_type="cells", **options).to_numpy()
    return answer


@cache
def _whitebox() -> Any:
    environment: Any = importlib.import_module("whitebox_workflows").WbEnvironment()
    environment.verbose, environment.max_procs = False, 1
    return environment


def _whitebox_raster(dem: Array, resolution: float) -> Any:
    rasters: Any = importlib.import_module("whitebox_workflows").Raster
    return rasters.from_numpy(dem, _whitebox_like(dem.shape, resolution))


@cache
def _whitebox_like(shape: tuple[int, int], resolution: float) -> Any:
    """A raster of that shape: it makes one of an array only after another, and that only from a file."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "like.tif"
        terrain_tools._write(path, np.zeros(shape, np.float32), resolution)
        raster = _whitebox().read_raster(str(path))
        raster.metadata()  # it reads files when it needs them, and this one goes
        return raster


# RichDEM: leaves flats as they are


def richdem_fill(dem: Array, epsilon: bool = False) -> Array:
    richdem, raster = _richdem(dem, 1.0)
    return np.asarray(richdem.FillDepressions(raster, epsilon=epsilon))


def richdem_accumulated(filled: Array, _ranks: Array, method: str, resolution: float) -> Array:
    return _richdem_flow(*_richdem(filled, resolution), method)


def richdem_flow(dem: Array, method: str, resolution: float) -> Array:
    richdem, raster = _richdem(dem, resolution)
    return _richdem_flow(richdem, richdem.FillDepressions(raster, epsilon=True), method)


def _richdem_flow(richdem: Any, ground: Any, method: str) -> Array:
    names = {"d8": "D8", "dinf": "Dinf", "mfd": "Freeman"}
    _refuse("RichDEM", "method", method, names)
    options = {"exponent": 1.1} if method == "mfd" else {}
    return np.asarray(richdem.FlowAccumulation(ground, method=names[method], **options))


def _richdem(dem: Array, resolution: float) -> tuple[Any, Any]:
    richdem: Any = importlib.import_module("richdem")
    geotransform = (0.0, resolution, 0.0, 0.0, 0.0, -resolution)
    return richdem, richdem.rdarray(dem, no_data=_NODATA, geotransform=geotransform)


# SAGA: a run of its own for each step, all with files


def saga_fill(dem: Array, epsilon: bool = False) -> Array:
    _refuse("SAGA", "epsilon", epsilon, [False])
    with tempfile.TemporaryDirectory() as name:
        saga = _Saga(Path(name), 1.0)
        saga.put("dem", dem)
        saga.run("ta_preprocessor", 5, {"ELEV": "dem", "FILLED": "filled"}, {"MINSLOPE": 0})
        return saga.get("filled")


def saga_accumulated(filled: Array, _ranks: Array, method: str, resolution: float) -> Array:
    with tempfile.TemporaryDirectory() as name:
        saga = _Saga(Path(name), resolution)
        saga.put("dem", filled)
        saga.accumulate(method, "cells")
        return saga.get("water")


def saga_twi(dem: Array, method: str, resolution: float) -> Array:
    """Of ground as it is: neither filled, nor are flats resolved."""
    _refuse("SAGA", "method", method, ["mfd"])
    with tempfile.TemporaryDirectory() as name:
        saga = _Saga(Path(name), resolution)
        saga.put("dem", dem)
        methods = {"METHOD": terrain_tools.METHODS["zevenbergen-thorne"], "UNIT_SLOPE": 0}
        saga.run("ta_morphometry", 0, {"ELEVATION": "dem", "SLOPE": "slope"}, methods)
        saga.accumulate(method, "area")
        widths = {"DEM": "dem", "TCA": "water", "WIDTH": "width", "SCA": "specific"}
        saga.run("ta_hydrology", 19, widths, {"METHOD": 1})
        index = {"SLOPE": "slope", "AREA": "specific", "TWI": "index"}
        saga.run("ta_hydrology", 20, index, {"CONV": 0, "METHOD": 0})
        return saga.get("index")


def saga_wetness(dem: Array, resolution: float) -> Array:
    """Of ground as it is: neither filled, nor are flats resolved."""
    with tempfile.TemporaryDirectory() as name:
        saga = _Saga(Path(name), resolution)
        saga.put("dem", dem)
        grids = {"DEM": "dem", "TWI": "index", "AREA": "area", "SLOPE": "slope", "AREA_MOD": "modified"}
        saga.run("ta_hydrology", 15, grids, {})
        return saga.get("index")


@dataclass(frozen=True, slots=True)
class _Saga:
    """Runs of SAGA on grids in one folder, each by its name there."""

    folder: Path
    resolution: float

    def put(self, name: str, pixels: Array) -> None:
        """Write a grid."""
        terrain_tools._write(self.folder / f"{name}.tif", pixels, self.resolution)

    def get(self, name: str) -> Array:
        """Read a grid that a run has made."""
        return terrain_tools._read(self.folder / f"{name}.sdat")

    def run(self, library: str, tool: int, grids: Mapping[str, str], options: Mapping[str, float]) -> None:
        """Run a tool on grids by what it calls them; what is not there yet it makes."""
        command = [terrain_tools.SAGA, "--flags=s", "--cores=1", library, str(tool)]
        for option, name in grids.items():
            path = self.folder / f"{name}.tif"
            command += [f"-{option}", str(path if path.exists() else path.with_suffix(".sgrd"))]
        for option, value in options.items():
            command += [f"-{option}", str(value)]
        terrain_tools._run(command)

    def accumulate(self, method: str, unit: str) -> None:
        """Follow the water of the grid "dem" into "water", in cells or in square metres."""
        methods, units = {"d8": 0, "dinf": 3, "mfd": 4}, {"cells": 0, "area": 1}
        _refuse("SAGA", "method", method, methods)
        options = {"METHOD": methods[method], "FLOW_UNIT": units[unit], "CONVERGENCE": 1.1, "LINEAR_DO": 0}
        self.run("ta_hydrology", 0, {"ELEVATION": "dem", "FLOW": "water"}, options)


def _affine(dem: Array, resolution: float) -> Affine:
    return Affine(resolution, 0, 0, 0, -resolution, len(dem) * resolution)


def _refuse(tool: str, name: str, asked: object, possible: Sequence[object] | Mapping[Any, Any]) -> None:
    if asked not in possible:
        known = " or ".join(str(one) for one in possible)
        raise ValueError(f"{tool} only has {name}={known}; got {asked}")
