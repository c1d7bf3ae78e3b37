"""How exact the functions of ``insarfeat.terrain`` are on real ground, and how fast beside the other tools.

``python -m benchmarks.terrain_study [--data FOLDER] [--docs PAGE]`` compares with SAGA and gdaldem on the DEMs of the
real samples and prints a table; with ``--docs`` it is renewed on the page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError

from benchmarks import terrain_tools
from benchmarks.pages import renew, table
from benchmarks.peers import Array, program_version
from insarfeat import terrain

SLOPING = 1.0  # degrees: on flatter ground a direction, and what is made of it, is mostly rounding


@dataclass(frozen=True, slots=True)
class Dem:
    """Elevations in metres, NaN where there are none, in square cells of so many metres."""

    name: str
    elevation: Array
    cell: float


SAMPLES = {
    "Big Tujunga, SRTM": "dem_bigtujunga_srtm1/bigtujunga_utm11_30m.tif",
    "Davos, SRTM": "dem_davos_srtm1/davos_srtm1_utm32_30m.tif",
    "Exploradores, ASTER": "dem_exploradores_aster/exploradores_aster_utm18s_30m.tif",
    "Tyrol, Alr": "dem_tyrol_5m/avaAlr_epsg31287_5m.tif",
    "Tyrol, Wog": "dem_tyrol_5m/avaWog_epsg31287_5m.tif",
}


def read_samples(data: Path) -> list[Dem]:
    """The real DEMs, in the lengths of their grids."""
    dems = []
    for name, path in SAMPLES.items():
        with rasterio.open(data / path) as file:
            elevation = file.read(1, masked=True).astype(np.float32).filled(np.nan)
            dems.append(Dem(f"{name}, {file.res[0]:.0f} m", elevation, file.res[0]))
    return dems


# How exact


@dataclass(frozen=True, slots=True)
class Row:
    """A layer that is computed twice.

    Attributes
    ----------
    goal
        Largest difference that is wanted.
    turn
        What a full circle is, if the layer is an angle.
    slope
        The layer that tells slopes from flat ground, where only slopes are judged.
    share
        Whether differences are shares of the layer's range, from its 1 to its 99 % quantile.
    """

    layer: str
    unit: str
    goal: float
    turn: float | None = None
    slope: str = ""
    share: bool = False

    def difference(self, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> float:
        """Largest difference where the other one has a value; infinite where it alone has."""
        reference = theirs[self.layer].astype(np.float64)
        judged = ~np.isnan(reference)
        if self.slope:
            judged &= ours[self.slope] > SLOPING
        apart = np.abs(ours[self.layer][judged] - reference[judged])
        if self.turn:
            apart = np.minimum(apart, np.abs(apart - self.turn))
        if self.share and apart.size:
            apart /= np.subtract(*np.quantile(reference[judged], (0.99, 0.01)))
        return float(np.max(np.nan_to_num(apart, nan=np.inf), initial=0.0))


def _curvature(name: str) -> Row:
    return Row(f"{name} curvature", "of its range", 1e-5, slope="slope", share=True)


def _gradient(of: str = "") -> tuple[Row, Row]:
    slope = f"slope{of}"
    return Row(slope, "°", 1e-4), Row(f"aspect{of}", "°", 1e-2, turn=360, slope=slope)


Layers = Callable[[Dem], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Layers computed twice: by us and by somebody else.

    Attributes
    ----------
    command
        The other program; None for our own code.
    """

    name: str
    command: str | None
    rows: tuple[Row, ...]
    ours: Layers
    theirs: Layers

    @property
    def installed(self) -> bool:
        """Whether it can run here."""
        return self.command is None or shutil.which(self.command) is not None

    @property
    def label(self) -> str:
        """Name, with the version of a program."""
        return self.name if self.command is None else f"{self.name} {program_version(self.command)}"

    def heads(self) -> list[list[str]]:
        """What stands before the cells of :meth:`cells`."""
        heads = [[row.layer, f"{_short(row.goal)} {row.unit}".replace(" °", "°")] for row in self.rows]
        if self.command:
            heads += [["cells without a slope", ""], ["of these ours has", "all"]]
        return [[self.label, *head] for head in heads]

    def cells(self, dem: Dem) -> list[str]:
        """Differences, bold above the goal; of a program also how many valid cells it loses."""
        ours, theirs = self.ours(dem), self.theirs(dem)
        cells = []
        for row in self.rows:
            difference = row.difference(ours, theirs)
            cells.append(_short(difference) if difference <= row.goal else f"**{_short(difference)}**")
        if self.command:
            lost = np.isnan(theirs["slope"]) & ~np.isnan(dem.elevation)
            kept = lost & ~np.isnan(ours["slope"])
            cells += [f"{np.count_nonzero(lost):,}", f"{np.count_nonzero(kept):,}"]
        return cells


def _like_saga(dem: Dem) -> dict[str, Array]:
    wanted = (
        "slope",
        "aspect",
        "general_curvature",
        terrain.ProfileCurvature("saga"),
        terrain.PlanCurvature("saga"),
        terrain.TangentialCurvature("saga"),
        terrain.Tri("saga"),
        terrain.Convexity(),
    )
    found = terrain.attributes(dem.elevation, wanted, resolution=dem.cell)
    return {name.replace("_", " "): layer for name, layer in found.items()}


def _of_saga(dem: Dem) -> dict[str, Array]:
    found = {
        (name if name in ("slope", "aspect") else f"{name} curvature"): layer
        for name, layer in terrain_tools.saga_morphometry(dem.elevation, dem.cell).items()
    }
    found["tri"] = terrain_tools.saga_ruggedness(dem.elevation, dem.cell)
    found["convexity"] = terrain_tools.saga_convexity(dem.elevation, dem.cell)
    return found


def _like_gdal(dem: Dem) -> dict[str, Array]:
    z, cell = dem.elevation, dem.cell
    return {
        "slope": terrain.slope(z, resolution=cell),
        "aspect": terrain.aspect(z, resolution=cell),
        "slope, Horn's": terrain.slope(z, resolution=cell, method="horn"),
        "aspect, Horn's": terrain.aspect(z, resolution=cell, method="horn"),
        "tri, Riley's": terrain.tri(z),
        "tri, Wilson's": terrain.tri(z, variant="wilson"),
        "roughness": terrain.roughness(z),
        "topographic position, radius 1": terrain.topographic_position(z, radius=1),
    }


def _of_gdal(dem: Dem) -> dict[str, Array]:
    asked: dict[str, tuple[str, ...]] = {
        "slope": ("slope", "-alg", "ZevenbergenThorne"),
        "aspect": ("aspect", "-alg", "ZevenbergenThorne"),
        "slope, Horn's": ("slope", "-alg", "Horn"),
        "aspect, Horn's": ("aspect", "-alg", "Horn"),
        "tri, Riley's": ("TRI", "-alg", "Riley"),
        "tri, Wilson's": ("TRI", "-alg", "Wilson"),
        "roughness": ("roughness",),
        "topographic position, radius 1": ("TPI",),
    }
    return {
        name: terrain_tools.gdal(attribute, dem.elevation, dem.cell, *options)
        for name, (attribute, *options) in asked.items()
    }


def _in_float64(dem: Dem) -> Mapping[str, Array]:
    return _like_gdal(replace(dem, elevation=dem.elevation.astype(np.float64)))


_POSITION = Row("topographic position, radius 1", "m", 1e-4)

COMPARISONS = (
    Comparison(
        "SAGA",
        terrain_tools.SAGA,
        (
            *_gradient(),
            *(_curvature(name) for name in ("general", "profile", "plan", "tangential")),
            Row("tri", "m", 1e-4),
            Row("convexity", "points", 1e-3),
        ),
        _like_saga,
        _of_saga,
    ),
    Comparison(
        "GDAL",
        terrain_tools.GDAL,
        (
            *_gradient(),
            *_gradient(", Horn's"),
            Row("tri, Riley's", "m", 1e-4),
            Row("tri, Wilson's", "m", 1e-4),
            Row("roughness", "m", 1e-4),
            _POSITION,
        ),
        _like_gdal,
        _of_gdal,
    ),
    # These sum elevations before they subtract, where float32 runs out of digits first.
    Comparison("ours in float64", None, (*_gradient(", Horn's"), _POSITION), _like_gdal, _in_float64),
)


def accuracy(dems: Sequence[Dem], comparisons: Sequence[Comparison] = COMPARISONS) -> str:
    """Largest differences on each DEM; those above the goal are bold."""
    rows: list[list[str]] = []
    for one in comparisons:
        if not one.installed:
            rows.append([one.name, "not installed", *[""] * (1 + len(dems))])
            continue
        columns = []
        for dem in dems:
            _say(f"{dem.name}: {one.name}")
            columns.append(one.cells(dem))
        rows += [[*head, *cells] for head, *cells in zip(one.heads(), *columns, strict=True)]
    return table(["beside", "layer", "goal", *(dem.name for dem in dems)], rows)


def _short(value: float) -> str:
    """Two digits: 1.2e-5, 0."""
    if not np.isfinite(value) or value == 0:
        return f"{value:g}"
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


# The command


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and renew the page; 1 where the samples are absent."""
    data = Path(os.environ.get("INSARFEAT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.terrain_study", description=__doc__)
    parser.add_argument("--data", type=Path, default=data, help="folder of the real samples")
    parser.add_argument("--docs", type=Path, help="page whose tables are renewed")
    wanted = parser.parse_args(arguments)
    try:
        tables = {"accuracy": accuracy(read_samples(wanted.data))}
        if wanted.docs:
            page = wanted.docs.read_text(encoding="utf-8")
            wanted.docs.write_text(renew(page, tables), encoding="utf-8")
    except RasterioIOError as problem:
        _say(f"{problem}: give the folder of the real samples with --data")
        return 1
    except (OSError, ValueError) as problem:
        _say(str(problem))
        return 1
    sys.stdout.write("\n\n".join(tables.values()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
