"""How well the parts of an interferogram are told apart, for docs/choosing-pairs.md: simulated, of known truth.

``python -m benchmarks.pairs_study --docs docs/choosing-pairs.md``: about a minute.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.pages import renew, table
from benchmarks.peers import Array
from insarfeat.pairs import assess
from insarfeat.synth.fields import Spectrum, TileDraws
from insarfeat.synth.terrain import EndlessMountains
from insarfeat.windows import Window

SEEDS, SIZE, PIXEL = range(8), 1024, 15.0
SIDE = SIZE * PIXEL
WIND = Spectrum(exponent=11 / 3, finest=SIDE / 1280, coarsest=SIDE / 5)
PATCHES = Spectrum(exponent=3.0, finest=10.0, coarsest=160.0)
COHERENCE, LOOKS = 0.6, 4
DOWN, ACROSS, PER_METRE = 7.0, 4.0, 0.005


def _speckled(rng: np.random.Generator, coherence: float) -> Array:
    total = np.zeros((SIZE, SIZE), complex)
    for _ in range(LOOKS):
        first, fresh = rng.standard_normal((2, SIZE, SIZE, 2)) @ [1, 1j]
        total += first * np.conj(coherence * first + np.sqrt(1 - coherence**2) * fresh)
    return total


def _field(seed: int, spectrum: Spectrum) -> Array:
    """Random field of mean 0 and standard deviation 1."""
    drawn = TileDraws(np.random.default_rng(seed), SIZE, SIZE, PIXEL).field("", spectrum)[0].astype(float)
    field: Array = (drawn - drawn.mean()) / drawn.std()
    return field


def _errors(seed: int, air: float, spoilt: bool) -> tuple[float, float, float, float]:
    """Of the plane in fringes, of the stratified part and of that by least squares in radians, of turbulence."""
    dem = EndlessMountains(seed, PIXEL).elevation(Window(0, 0, SIZE, SIZE)).astype(float)
    wind = air * _field(seed, WIND)
    y, x = np.mgrid[:SIZE, :SIZE]
    truth = 2 * np.pi * (DOWN * y + ACROSS * x) / SIZE + PER_METRE * dem + wind
    rng = np.random.default_rng(100 + seed)
    image, bad = _speckled(rng, COHERENCE) * np.exp(1j * truth), np.zeros((SIZE, SIZE), bool)
    if spoilt:
        bad = _field(seed, PATCHES) > 0
        image[bad] = _speckled(rng, 0.0)[bad]
    coherence = np.where(bad, 0.1, COHERENCE)
    found = assess({"interferogram": image, "coherence": coherence}, elevation=dem, resolution=PIXEL)
    relief = float(np.ptp(np.percentile(dem, [5, 95])))
    terms = np.stack([np.ones(dem.size), y.ravel(), x.ravel(), dem.ravel()], axis=1)
    fitted = np.linalg.lstsq(terms, truth.ravel(), rcond=None)[0][3]
    near, far = (ndimage.gaussian_filter(wind, wave / 5.3 / PIXEL, mode="nearest") for wave in (1e3, 5e3))
    expected = float((near - far)[~bad].std())
    return (
        float(np.hypot(found.fringes_down - DOWN, found.fringes_across - ACROSS)),
        (found.stratified_slope / 100 - PER_METRE) * relief,
        (float(fitted) - PER_METRE) * relief,
        found.turbulence - expected if air == 0 else found.turbulence / expected - 1,
    )


def _wind(error: float, air: float) -> str:
    return f"{100 * error:.0f} %" if air else f"{error:.3f} rad"


def recovery() -> str:
    """Roots of mean squared errors; in brackets with half of the pixels decorrelated."""
    rows = []
    for air in (0.0, 0.5, 1.0, 2.0):
        clean, spoilt = (
            np.sqrt(np.mean(np.square([_errors(seed, air, how) for seed in SEEDS]), axis=0))
            for how in (False, True)
        )
        rows.append(
            (
                f"{air:g}",
                f"{clean[0]:.3f} ({spoilt[0]:.3f})",
                f"{clean[1]:.2f} ({spoilt[1]:.2f})",
                f"{clean[2]:.2f}",
                f"{_wind(clean[3], air)} ({_wind(spoilt[3], air)})",
            )
        )
    heads = ("air, rad", "plane, fringes", "stratified part, rad")
    return table((*heads, "the same by least squares on the true unwrapped phase", "turbulence"), rows)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path)
    arguments = parser.parse_args()
    content = recovery()
    print(content)
    if arguments.docs:
        arguments.docs.write_text(renew(arguments.docs.read_text(), {"recovery": content}))


if __name__ == "__main__":
    main()
