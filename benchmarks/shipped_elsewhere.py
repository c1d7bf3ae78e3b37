"""The shipped models on real scenes of other processors, where nothing is known to slide: what they raise there.

``python -m benchmarks.shipped_elsewhere --data FOLDER --docs docs/shipped-models.md``. Pixels of 100 to 150 m are
brought to the models' own, and of the optional bands there is the elevation at most, as with a product that comes as
phase and coherence alone. Both signs of the phase are looked at: conventions differ. What moves there is a city that
subsides, and volcanoes: all that is found is an alarm. None of it was used to choose anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from benchmarks import shipped_tests
from benchmarks.pages import renew, table

_MODELS = ("segformer-b0-synth-v1", "yolo-s-synth-v1")
_MEXICO = "ifg_mexico_pyrate_cropA"
_PAIRS = ("20180106-20180130", "20180319-20180331", "20180506-20180518")
_LICSAR = "ifg_sierranegra_licsar/sierra_negra_20170320_20170413.geo.diff_pha.tif"
_METRES_PER_DEGREE = 111_195.0


def scenes(data: Path) -> Iterator[tuple[str, xr.Dataset]]:
    """Phase, coherence and elevation, with the name of each scene."""
    from insarfeat import filters

    dem = _read(data / _MEXICO / "cropA_T005A_dem.tif")
    for pair in _PAIRS:
        phase, coherence = (
            _read(data / _MEXICO / f"cropA_{pair}_VV_8rlks_{kind}.tif") for kind in ("eqa_unw", "flat_eqa_cc")
        )
        layers = {"wrapped_phase": phase.where(phase != 0), "coherence": coherence.where(coherence != 0)}
        yield f"Mexico City, GAMMA, {pair}", xr.Dataset(layers | {"elevation": dem})
    phase = _read(data / _LICSAR)
    phase = phase.where(phase != 0)
    layers = {"wrapped_phase": phase, "coherence": filters.phase_coherence(phase, window=(5, 5))}
    yield "Isabela, Galapagos, LiCSAR", xr.Dataset(layers)


def _read(path: Path) -> xr.DataArray:
    import insarfeat

    (layer,) = insarfeat.open_stack(path).data_vars.values()
    return layer.load()


def area_of(scene: xr.Dataset) -> float:
    """Km2 of what has a phase and a coherence."""
    known = scene["wrapped_phase"].notnull() & scene["coherence"].notnull()
    sides = (abs(float(scene[axis][1] - scene[axis][0])) * _METRES_PER_DEGREE for axis in ("y", "x"))
    shrunk = np.cos(np.radians(float(scene["y"].mean())))
    return float(known.sum()) * float(np.prod(list(sides))) * float(shrunk) / 1e6


def rows(data: Path) -> Iterator[tuple[str, ...]]:
    """What each model finds in each scene, for both signs of its phase."""
    import zoo
    from zoo.scores import poisson_rate

    models = [zoo.load(name, device="cpu") for name in _MODELS]
    for name, scene in scenes(data):
        area, found = area_of(scene), []
        phase = np.angle(np.exp(1j * scene["wrapped_phase"].astype(np.float64))).astype(np.float32)
        for model in models:
            for sign in (1.0, -1.0):
                seen = scene.assign(wrapped_phase=scene["wrapped_phase"].copy(data=sign * phase))
                count = len(shipped_tests.landslides_in(model, seen, resample=True))
                rate = poisson_rate(count, exposure=area / 100.0)
                found.append(f"{count}: {rate.value:.1f} ({rate.low:.1f} to {rate.high:.1f})")
        yield name, f"{area:.0f}", *found
        print(name, found, flush=True)


def main() -> None:
    """Look at all scenes, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--docs", type=Path, help="page whose table is renewed")
    given = parser.parse_args()
    heads = [f"{name}{sign}" for name in ("masks", "boxes") for sign in ("", ", sign turned")]
    made = table(("scene", "km2", *heads), rows(given.data))
    print(made)
    if given.docs:
        page = renew(given.docs.read_text(encoding="utf-8"), {"elsewhere": made})
        given.docs.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
