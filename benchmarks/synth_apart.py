"""How well synthetic interferograms can be told from a real one, and by what.

Real tiles come from a geocoded Sentinel-1 pair over Morocco (12 days in September 2023, 15 m, no motion to be seen;
the sample of the project eo_tools, MIT licence; contains modified Copernicus Sentinel data 2023). This sample is for
testing only: nothing is trained on it that is given away. Here it judges the statistics of the generator.
Synthetic tiles lie on the same ground and are made as training tiles are, with settings that were measured in the
real pair (:data:`MOROCCO_LIKE`). Two classifiers then try to tell them apart; 0.5 is as good as a coin.

A real pixel is 14.6 m by 17.1 m, a synthetic one square: figures are means over both axes.

``python -m benchmarks.synth_apart [--data FOLDER] [--picture FOLDER]`` takes some minutes and prints tables in
Markdown; with ``--picture`` it draws real and synthetic tiles side by side.

References
----------
The processor of the sample: https://github.com/odhondt/eo_tools, ``eo_tools/S1/process.py``. It averages the
interferogram over the window of the coherence (by default 3 lines by 10 samples), then every four samples across,
averages amplitudes, not powers, and geocodes by cubic convolution. The sample's statistics agree with that.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.warp import Resampling, reproject
from scipy.optimize import linear_sum_assignment
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.pages import renew, table
from benchmarks.tile_figures import FAMILIES, Measured, Numbers, Raster, Tile, decibel
from insarfeat import terrain
from insarfeat.synth.classes import CLASSES
from insarfeat.synth.ground import Land
from insarfeat.synth.style import Style, draw_conditions
from insarfeat.synth.terrain import PieceOfGround
from insarfeat.synth.tiles import Place, Recipe, make_tile
from insarfeat.windows import Window

SAMPLE = "ifg_morocco_eotools"
SIZE, STRIDE = 64, 32
PIXEL = 15.8
"""Metres: root of 14.6 m across times 17.1 m down, a pixel of the sample."""
BLOCK = 128  # pixels: real tiles whose middles lie in one such square are one group
POOL = 4  # synthetic tiles for each real one, to choose those of like coherence from
SCENES, FOLDS, SEED = 12, 5, 7

MOROCCO_LIKE = Style(
    incidence=36.0,  # of the border of the first two subswaths, where the crop lies
    heading=-168.0,
    days=1.0,  # not 12: fresh covers come nearest to the coherence of this steppe, 0.81 in the middle
    perpendicular=30.0,
    looks=3.8,  # of the intensity on even ground, which 1 x 4 looks of correlated samples come to
    grain=19.0,  # the window then leaves the phase a deviation of 0.13 rad where coherence is 0.8
    regions="apennines",
    turbulence=1.8,  # mm: points 0.5 and 1 km apart differ by 1.4 and 2.2 mm (root mean square)
    turbulence_slope=3.4,  # the structure function grows 2.6-fold for each doubling from 250 m to 1 km
    stratified=0.0,
    ramp=0.4,
    dem_error=1.0,
    phase_filter="boxcar",  # the processor averages the interferogram over the window of the coherence
    coherence_window=3.0,
)
"""Settings as they were measured in the sample; see the comments."""


def real_tiles(folder: Path) -> list[Tile]:
    """Tiles of the sample that have no nodata."""
    names = ("phi_vv", "coh_vv", "amp_prm_vv")
    phase, coherence, amplitude = (_band(folder / SAMPLE / f"{name}.tif") for name in names)
    valid = (phase > -np.float32(4.0)) & (coherence > 0.0) & (amplitude > 0.0)
    tiles = []
    for top in range(0, phase.shape[0] - SIZE + 1, STRIDE):
        for left in range(0, phase.shape[1] - SIZE + 1, STRIDE):
            window = Window(top, left, SIZE, SIZE)
            group = f"real {(top + SIZE // 2) // BLOCK} {(left + SIZE // 2) // BLOCK}"
            here = window.slices
            if valid[here].all():
                tiles.append(Tile(phase[here], coherence[here], amplitude[here] ** 2, group, window))
    return tiles


def real_ground(folder: Path) -> Raster:
    """Elevations under the sample, on its grid, metres."""
    with (
        rasterio.open(folder / SAMPLE / "dem_iw1_60m.tif") as dem,
        rasterio.open(folder / SAMPLE / "phi_vv.tif") as grid,
    ):
        heights = np.zeros(grid.shape, np.float32)
        reproject(
            dem.read(1).astype(np.float32), heights, src_transform=dem.transform, src_crs=dem.crs,
            dst_transform=grid.transform, dst_crs=grid.crs, resampling=Resampling.cubic,
        )  # fmt: skip
    return heights


def _band(path: Path) -> Raster:
    with rasterio.open(path) as file:
        return np.asarray(file.read(1), np.float32)


def synthetic_tiles(
    ground: Raster, style: Style, count: int, *, scenes: int = SCENES, seed: int = SEED
) -> list[Tile]:
    """``count`` tiles on a ground of :data:`PIXEL` m, in groups of one draw of the relief's detail each."""
    without = frozenset({"displacement", "artefacts"})
    recipe = Recipe(SIZE, PIXEL, style, frozenset(CLASSES), without)
    tiles = []
    for number in range(scenes):
        rng = np.random.default_rng((seed, number))
        place = _place(ground, rng, recipe)
        for _ in range(count * (number + 1) // scenes - count * number // scenes):
            bands = make_tile(rng, recipe, place).bands
            group = f"synthetic {seed} {number}"
            tiles.append(Tile(bands["wrapped_phase"], bands["coherence"], bands["intensity"], group))
    return tiles


def of_like_coherence(pool: Sequence[Tile], real: Sequence[Tile]) -> list[Tile]:
    """Tiles of a pool whose quantiles of coherence are nearest to those of the real ones, one for each.

    Land cover is then alike, as far as coherence shows it: what still tells is how it looks, not how much there is.
    """

    def quantiles(tiles: Sequence[Tile]) -> Numbers:
        return np.array([np.percentile(tile.coherence, [5, 25, 50, 75, 95]) for tile in tiles])

    apart = ((quantiles(real)[:, np.newaxis] - quantiles(pool)[np.newaxis]) ** 2).sum(axis=2)
    return [pool[int(index)] for index in linear_sum_assignment(apart)[1]]


def _place(ground: Raster, rng: np.random.Generator, recipe: Recipe) -> Place:
    """The ground as a place that training tiles are cut from."""
    side = min(ground.shape)
    conditions = draw_conditions(recipe.style, rng, classes=recipe.classes, without=recipe.without)
    resolved = 60.0  # metres: below, detail is made up as it is on all real DEMs
    land = Land(
        PieceOfGround(int(rng.integers(2**32)), PIXEL, ground, resolution=resolved), PIXEL, conditions
    )
    whole = Window(0, ground.shape[1] - side, side, side)
    seen = land.ground(whole)
    return Place(seen, land.surface(whole), terrain.terrain_pc1(seen.elevation, resolution=PIXEL), conditions)


@dataclass(frozen=True, slots=True)
class Score:
    """Balanced accuracy, and what 95 % of the redraws of groups give."""

    accuracy: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.accuracy:.2f} ({self.low:.2f} to {self.high:.2f})"


def classifiers() -> dict[str, Any]:
    """A logistic regression and a random forest, untrained."""
    return {
        "linear": make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)),
        "forest": RandomForestClassifier(300, min_samples_leaf=3, random_state=SEED, n_jobs=2),
    }


def told_apart(one: Measured, other: Measured, family: str, by: str = "forest") -> Score:
    """How often tiles that a classifier has not seen, nor any that overlap them, are put on the right side."""
    values = np.concatenate([one.of_family(family), other.of_family(family)])
    labels = np.repeat([0, 1], [len(one.groups), len(other.groups)])
    groups = np.concatenate([one.groups, other.groups])
    windows = (*one.windows, *other.windows)
    right = np.zeros(len(labels), bool)
    fold = _folds(groups, labels)
    for number in range(FOLDS):
        held = fold == number
        near = _overlapping(windows, held)
        model = classifiers()[by].fit(values[~held & ~near], labels[~held & ~near])
        right[held] = model.predict(values[held]) == labels[held]
    return _score(right, labels, groups)


def _folds(groups: npt.NDArray[np.str_], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """A fold for each tile: groups stay whole, and each side's groups are dealt out evenly."""
    fold = np.zeros(len(groups), np.int64)
    rng = np.random.default_rng(SEED)
    for side in (0, 1):
        names, counts = np.unique(groups[labels == side], return_counts=True)
        filled = np.zeros(FOLDS)
        for number in sorted(rng.permutation(len(names)), key=lambda number: -counts[number]):
            emptiest = int(filled.argmin())
            filled[emptiest] += counts[number]
            fold[(groups == names[number]) & (labels == side)] = emptiest
    return fold


def _overlapping(windows: Sequence[Window | None], held: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tiles that share pixels with one that is held out."""
    out = [window for window, chosen in zip(windows, held, strict=True) if chosen and window]
    return np.array(
        [window is not None and any(window.intersection(other).pixels for other in out) for window in windows]
    )


def _score(right: npt.NDArray[np.bool_], labels: npt.NDArray[Any], groups: npt.NDArray[np.str_]) -> Score:
    """Mean of the two sides' shares; the interval is of redrawn groups."""
    rng = np.random.default_rng(SEED)
    shares, redrawn = [], []
    for side in (0, 1):
        names = np.unique(groups[labels == side])
        mine = [right[(groups == name) & (labels == side)] for name in names]
        shares.append(np.concatenate(mine).mean())
        hits, sizes = np.array([part.sum() for part in mine]), np.array([part.size for part in mine])
        drawn = rng.integers(0, len(names), (1000, len(names)))
        redrawn.append(hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.percentile(np.mean(redrawn, axis=0), [2.5, 97.5])
    return Score(float(np.mean(shares)), float(low), float(high))


def tells(real: Measured, synthetic: Measured) -> list[tuple[str, float, Numbers, Numbers]]:
    """Single figures, most telling first: name, area under the ROC curve (0.5 to 1), quartiles of both sides."""
    labels = np.repeat([0, 1], [len(real.groups), len(synthetic.groups)])
    found = []
    for name, *sides in zip(real.names, real.values.T, synthetic.values.T, strict=True):
        area = float(roc_auc_score(labels, np.concatenate(sides)))
        quartiles = [np.percentile(side, [25, 50, 75]) for side in sides]
        found.append((name, max(area, 1.0 - area), quartiles[0], quartiles[1]))
    return sorted(found, key=lambda tell: -tell[1])


def study(real: Sequence[Tile], ground: Raster) -> dict[str, str]:
    """Tables: how well each family tells, beside two controls, and the single figures that tell most."""
    pool = synthetic_tiles(ground, MOROCCO_LIKE, POOL * len(real))
    measured = Measured.of(real)
    came = Measured.of(pool[::POOL])
    alike = Measured.of(of_like_coherence(pool, real))
    again = Measured.of(synthetic_tiles(ground, MOROCCO_LIKE, len(real), seed=SEED + 1))
    middle = np.median([tile.window.left for tile in real if tile.window])
    west = [tile for tile in real if tile.window and tile.window.left < middle]
    east = [tile for tile in real if tile.window and tile.window.left >= middle]
    sides = {
        "as they come": (measured, came),
        "of like coherence": (measured, alike),
        "control: real west, real east": (Measured.of(west), Measured.of(east)),
        "control: synthetic, other seeds": (came, again),
    }
    rows = [
        (family, *(str(told_apart(*pair, family)) for pair in sides.values()),
         str(told_apart(measured, alike, family, "linear")))
        for family in (*FAMILIES, "all")
    ]  # fmt: skip
    return {
        "apart": table(("figures", *sides, "of like coherence, linear"), rows),
        "tells": _table_of_tells(tells(measured, alike)[:25]),
    }


def _table_of_tells(found: Sequence[tuple[str, float, Numbers, Numbers]]) -> str:
    def told(quartiles: Numbers) -> str:
        return "{1:.3g} ({0:.3g} to {2:.3g})".format(*quartiles)

    rows = [(name, f"{area:.2f}", told(real), told(synthetic)) for name, area, real, synthetic in found]
    return table(("figure", "area under ROC", "real: median (quartiles)", "synthetic"), rows)


def draw(sides: Mapping[str, Sequence[Tile]], path: Path, *, count: int = 6) -> None:
    """Draw some tiles of each side: phase, coherence and intensity, one column each tile."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        3 * len(sides), count, figsize=(2.2 * count, 6.6 * len(sides)), squeeze=False
    )
    for number, (name, tiles) in enumerate(sides.items()):
        chosen = np.random.default_rng(SEED).choice(len(tiles), count, replace=False)
        for column, tile in enumerate(tiles[index] for index in chosen):
            upper, middle, lower = axes[3 * number : 3 * number + 3, column]
            phasor, level = np.exp(1j * tile.phase), decibel(tile.intensity)
            turned = np.angle(phasor * phasor.mean().conj())
            upper.imshow(turned, cmap="twilight_shifted", vmin=-2.0, vmax=2.0)
            middle.imshow(tile.coherence, cmap="gray", vmin=0.0, vmax=1.0)
            lower.imshow(level - np.median(level), cmap="gray", vmin=-8.0, vmax=8.0)
            upper.set_title(name, fontsize=8)
    for place in axes.flat:
        place.set_axis_off()
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("INSARFEAT_TEST_DATA"), help="folder")
    parser.add_argument("--picture", type=Path, help="folder")
    parser.add_argument("--docs", type=Path, help="page")
    chosen = parser.parse_args(arguments)
    if chosen.data is None or not (chosen.data / SAMPLE).is_dir():
        sys.exit(f"no sample {SAMPLE} in {chosen.data}: give its folder with --data")
    real, ground = real_tiles(chosen.data), real_ground(chosen.data)
    if chosen.picture:
        sides = {"real": real, "synthetic": synthetic_tiles(ground, MOROCCO_LIKE, 60)}
        draw(sides, chosen.picture / "apart.png")
    written = "\n\n".join(study(real, ground).values())
    print(written)
    if chosen.docs:
        chosen.docs.write_text(renew(chosen.docs.read_text(), {"apart": written}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
