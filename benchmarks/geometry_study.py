"""How exact radar geometry is: formulas, fast trigonometry, and places against Sentinel-1's own annotation.

``python -m benchmarks.geometry_study [--data FOLDER] [--docs PAGE]`` prints tables; with ``--docs`` they are renewed
on the page.
"""

from __future__ import annotations

import argparse
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import renew, table
from benchmarks.peers import Array
from insarfeat import geometry
from insarfeat.io import read_swath

_PRODUCTS = {
    "Morocco, descending": "ifg_morocco_eotools/S1A_IW_SLC__1SDV_20230904T063730*_annotation.SAFE.zip",
    "British Columbia, ascending": "s1meta_hyp3isce2/S1A_IW_SLC__1SDV_20250406T022008*_annotation.SAFE.zip",
}
_COUNT = 2_000_000


def check_values() -> str:
    """The slope to line of sight of slopes of 20 degrees, at an incidence of 39."""
    rows = []
    for name, heading in (("ascending", -12.0), ("descending", -168.0)):
        facing = [float(geometry.slope_to_los(20.0, aspect, 39.0, heading)) for aspect in (90.0, 270.0)]
        rows.append([f"{name}, heading {heading:.0f}", *(f"{value:+.3f}" for value in facing)])
    return table(["pass", "facing east", "facing west"], rows)


def _exact(slope: Array, aspect: Array, incidence: Array, heading: Array) -> dict[str, Array]:
    """The formulas in double precision."""
    b, t, turn = np.radians(slope), np.radians(incidence), np.radians(aspect - heading)
    away, along = np.sin(turn), np.cos(turn)
    across = np.cos(t) * np.sin(b) * away + np.sin(t) * np.cos(b)
    return {
        "slope_to_los": np.sin(b) * np.cos(t) + np.cos(b) * np.sin(t) * away,
        "local_incidence": np.degrees(
            np.arctan2(
                np.hypot(across, np.sin(b) * along), np.cos(b) * np.cos(t) - np.sin(b) * np.sin(t) * away
            )
        ),
        "r_index": np.sin(t + np.arctan(np.tan(b) * away)),
    }


def trigonometry() -> str:
    """Largest error of single precision over the angles that there are, against the formulas in double."""
    generator = np.random.default_rng(0)
    ranges = {"slope": (0, 80), "aspect": (0, 360), "incidence": (15, 65), "heading": (-180, 360)}
    angles = [generator.uniform(*span, (1000, _COUNT // 1000)).astype("f4") for span in ranges.values()]
    exact = _exact(*(angle.astype("f8") for angle in angles))
    coherence = generator.random((1000, _COUNT // 1000), "f4")
    facing = exact["slope_to_los"].astype("f4")
    weight = 1 / (1 + np.exp(-20 * (coherence.astype("f8") - 0.3)))
    sight = geometry.los_from_incidence(angles[2], angles[3])
    azimuth = np.radians(angles[3].astype("f8") - 90)
    errors = {
        "slope_to_los": (geometry.slope_to_los(*angles), exact["slope_to_los"], "1"),
        "local_incidence": (geometry.local_incidence(*angles), exact["local_incidence"], "°"),
        "r_index": (geometry.r_index(*angles), exact["r_index"], "1"),
        "coherence_weight": (geometry.coherence_weight(coherence), weight, "1"),
        "sensitivity_layer": (
            geometry.sensitivity_layer(coherence, facing),
            np.abs(facing.astype("f8")) * coherence * weight,
            "1",
        ),
        "los_from_incidence, east": (
            sight.east,
            np.sin(np.radians(angles[2].astype("f8"))) * np.sin(azimuth),
            "1",
        ),
    }
    rows = [
        [f"`{name}`", f"{np.abs(got - want).max():.1e}", unit] for name, (got, want, unit) in errors.items()
    ]
    return table([f"over {_COUNT:,} sets of angles", "largest error", "unit"], rows)


def swaths(data: Path) -> Iterator[tuple[str, Any]]:
    """Each swath of the products, with the product's name."""
    for product, pattern in _PRODUCTS.items():
        (path,) = data.glob(pattern)
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".xml") and "/annotation/s1" in name:
                    with archive.open(name) as file:
                        yield product, read_swath(file)


def _image_lines(swath: Any, grid: Any) -> Array:
    """Lines of the tie points in the debursted image, from those in that of bursts one below the other."""
    points, lines = swath.tie_points, swath.bursts[0].lines
    burst = np.minimum(points.line // lines, len(swath.bursts) - 1)
    starts = np.array([np.datetime64(one.azimuth.first_time, "us") for one in swath.bursts])[burst]
    since = (starts - np.datetime64(grid.azimuth.first_time, "us")) / np.timedelta64(1, "s")
    return np.asarray(since / grid.azimuth.interval + points.line - burst * lines)


def places(data: Path) -> str:
    """What Sentinel-1's own tie points say of range and Doppler, and of angles."""
    rows = []
    for product, swath in swaths(data):
        points, grid = swath.tie_points, swath.grid
        found = grid.locate(points.latitude, points.longitude, points.height)
        lines = _image_lines(swath, grid)
        axis = grid.slant_range
        samples = (points.slant_range_time - axis.first_time) * axis.sampling_rate
        sight = grid.line_of_sight(points.latitude, points.longitude, points.height)
        angles = geometry.incidence_and_heading(*sight)
        turned = (angles.heading - swath.platform_heading + 180) % 360 - 180
        rows.append(
            [
                f"{product}, {swath.name}",
                f"{points.latitude.size}",
                f"{np.abs(found.line - lines).max():.1e}",
                f"{np.abs(found.sample - samples).max():.1e}",
                f"{(angles.incidence - points.incidence).min():+.3f} to "
                f"{(angles.incidence - points.incidence).max():+.3f}",
                f"{turned.flat[np.abs(turned).argmin()]:+.1f} to {turned.flat[np.abs(turned).argmax()]:+.1f}",
            ]
        )
    heads = [
        "swath",
        "tie points",
        "line",
        "sample",
        "incidence less annotated, °",
        "heading less platform's, °",
    ]
    return table(heads, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and renew the page; 1 where the samples are absent."""
    data = Path(os.environ.get("INSARFEAT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.geometry_study", description=__doc__)
    parser.add_argument("--data", type=Path, default=data, help="folder of the real samples")
    parser.add_argument("--docs", type=Path, help="page whose tables are renewed")
    wanted = parser.parse_args(arguments)
    try:
        tables = {
            "check values": check_values(),
            "trigonometry": trigonometry(),
            "places": places(wanted.data),
        }
        if wanted.docs:
            page = wanted.docs.read_text(encoding="utf-8")
            wanted.docs.write_text(renew(page, tables), encoding="utf-8")
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"{problem}; the folder of the real samples is given with --data\n")
        return 1
    sys.stdout.write("\n\n".join(tables.values()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
