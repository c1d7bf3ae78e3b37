"""Small GeoTIFF products as GDAL writes them, and damage to them; for the tests of their readers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.transform import Affine

Array = NDArray[Any]

SHAPE = (36, 44)
UTM = {"crs": "EPSG:32632", "transform": Affine(40.0, 0.0, 600000.0, 0.0, -40.0, 4920000.0)}
DEGREES = {"crs": "EPSG:4326", "transform": Affine(0.001, 0.0, 10.5, 0.0, -0.001, 44.5)}

GAMMA = "S1AA_20230904T063730_20230916T063730_VVP012_INT80_G_ueF_74C2"
BURST = "S1_136231_IW2_20200604_20200616_VV_INT80_77F1"
MULTI_BURST = "S1_044_000000s1n00-093117s2n01-093118s3n01_IW_20250718_20250730_VV_INT80_B4FA"
OLD_MULTI_BURST = "S1A_064_E053_1_N27_3_E054_1_N27_8_20200604_20200616_VV_INT80_7EB5"

PARAMETERS = """\
Reference Granule: S1A_IW_SLC__1SDV_20230904T063730_20230904T063757_050174_0609E3_DAA1
Secondary Granule: S1A_IW_SLC__1SDV_20230916T063730_20230916T063757_050349_060FCD_6814
Reference Pass Direction: DESCENDING
Reference Orbit Number: 50174
Baseline: -23.4
UTC time: 23850.4
Heading: -166.2
Slant range near: 800000.0
"""


def write_tif(path: Path, pixels: Array, **profile: Any) -> Path:
    """One band, on the UTM grid unless told otherwise."""
    options = {"driver": "GTiff", "height": pixels.shape[0], "width": pixels.shape[1], "count": 1, **UTM}
    with rasterio.open(path, "w", **{**options, "dtype": pixels.dtype.name, **profile}) as file:
        file.write(pixels, 1)
    return path


def numbers(seed: int, low: float, high: float, shape: tuple[int, int] = SHAPE) -> Array:
    """A float raster with a corner of zeros, which stand for nodata."""
    pixels = np.random.default_rng(seed).uniform(low, high, shape).astype("f4")
    pixels[:6, :9] = 0
    return pixels


def hyp3_rasters() -> dict[str, Array]:
    """All rasters of a HyP3 product: what is in the files."""
    unwrapped = numbers(1, -20, 20)
    mask = np.ones(SHAPE, "u1")
    mask[20:, 30:] = 0
    components = np.zeros(SHAPE, "f4")
    components[10:30, 10:40] = 1
    components[2:8, 20:30] = 2
    return {
        "unw_phase": unwrapped,
        "wrapped_phase": np.where(unwrapped == 0, 0, np.angle(np.exp(1j * unwrapped))).astype("f4"),
        "corr": numbers(2, 0.05, 1),
        "amp": numbers(3, 0.01, 2),
        "los_disp": (unwrapped * np.float32(-0.05546576 / (4 * np.pi))).astype("f4"),
        "vert_disp": numbers(4, -0.1, 0.1),
        "dem": numbers(5, 200, 2000),
        "inc_map": numbers(6, 0.2, 1.2),
        "inc_map_ell": numbers(7, 0.55, 0.75),
        "lv_theta": numbers(8, 0.82, 1.02),
        "lv_phi": numbers(9, -0.3, -0.1),
        "water_mask": mask,
        "conncomp": components,
    }


def hyp3_product(
    folder: Path, stem: str = GAMMA, rasters: Mapping[str, Array] | None = None, **profile: Any
) -> Path:
    """A folder as HyP3 packs it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in (hyp3_rasters() if rasters is None else rasters).items():
        write_tif(folder / f"{stem}_{name}.tif", pixels, **profile)
    if stem == GAMMA:
        (folder / f"{stem}.txt").write_text(PARAMETERS)
    return folder


def same(first: xr.Dataset, second: xr.Dataset) -> None:
    """The same layers, pixels, coordinates and attributes."""
    xr.testing.assert_identical(first.compute(), second.compute())


def fuzz(script: str, folder: Path, count: int = 1000, seconds: int = 120) -> str:
    """Damage a product many times in a process of its own, so that a crash or a hang is a failure.

    The script defines ``build(folder)``, which writes a product and returns the path to open. Each time one of its
    GeoTIFFs is cut short, or has bytes flipped in its header or its pixels, or a piece of another place put in. The
    rasters are uncompressed, so that a byte of the pixels belongs to one pixel.
    """
    program = textwrap.dedent(script) + textwrap.dedent(_FUZZ).format(
        here=str(Path(__file__).parent), folder=str(folder), count=count
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"exit {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout


_FUZZ = """
import collections, signal, sys, warnings
from pathlib import Path
import dask, numpy as np
from insarfeat.errors import InsarfeatError
from insarfeat.io.products import open_product

dask.config.set(scheduler="sync")
warnings.simplefilter("ignore")  # of overflows, where a flipped bit made a huge number
folder = Path({folder!r})
product = build(folder)
files = sorted(path for path in folder.rglob("*") if path.suffix in (".tif", ".dbf", ".txt"))
whole = {{path: path.read_bytes() for path in files}}
truth = open_product(product).load()
rng = np.random.default_rng(20230904)
seen = collections.Counter()

def pixels_begin(path):
    import rasterio
    with rasterio.open(path) as file:
        return int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))

begins = {{path: pixels_begin(path) if path.suffix == ".tif" else len(whole[path]) for path in files}}

def differing(found):
    # Layers whose pixels are not those of the whole product.
    return {{
        name for name in truth
        if name not in found or not np.array_equal(found[name], truth[name], equal_nan=True)
    }}

def layers_of(path):
    # Layers that the pixels of a file show in.
    content = bytearray(whole[path])
    content[begins[path] :] = bytes(len(content) - begins[path])
    path.write_bytes(content)
    layers = differing(open_product(product).load())
    path.write_bytes(whole[path])
    return layers

own_layers = {{path: layers_of(path) for path in files}}
assert set().union(*own_layers.values()) == set(truth), own_layers

def damaged(path, kind):
    content = bytearray(whole[path])
    begin, size = begins[path], len(content)
    if kind == "cut":
        return content[: int(rng.integers(0, size))]
    if kind == "splice":
        start, length = int(rng.integers(0, size - 1)), int(rng.integers(1, 200))
        other = whole[files[int(rng.integers(len(files)))]]
        begin = int(rng.integers(0, max(len(other) - length, 1)))
        piece = other[begin : begin + length][: size - start]
        content[start : start + len(piece)] = piece
        return content
    low, high = (0, begin) if kind == "header" else (begin, size)
    for place in rng.integers(low, max(high, low + 1), int(rng.integers(1, 5))):
        content[min(int(place), size - 1)] ^= 1 << int(rng.integers(8))
    return content

def watchdog(*_):
    raise SystemExit("took longer than 20 s")

signal.signal(signal.SIGALRM, watchdog)
for number in range({count}):
    path = files[int(rng.integers(len(files)))]
    kind = ("cut", "header", "header", "pixels", "splice")[number % 5]
    if path.suffix != ".tif" and kind == "pixels":
        kind = "header"
    content = damaged(path, kind)
    path.write_bytes(content)
    signal.alarm(20)
    try:
        found = open_product(product).load()
    except InsarfeatError as error:
        seen[kind, type(error).__name__] += 1
        assert str(error), "an error without a message"
        if kind == "pixels":
            raise SystemExit(f"case {{number}}: pixels of {{path.name}} changed, and: {{error!r}}")
    except Exception as error:
        raise SystemExit(f"case {{number}}: {{kind}} {{path.name}}: {{error!r}}")
    else:
        seen[kind, "opened"] += 1
        if kind == "cut" and path.suffix == ".tif":
            raise SystemExit(f"case {{number}}: {{path.name}} cut to {{len(content)}} bytes was opened")
        beyond = differing(found) - own_layers[path]
        if found.attrs["product"] != truth.attrs["product"]:
            assert path.suffix != ".tif"  # without its table of labels it is a folder of plain rasters, and says so
            continue
        if set(found) == set(truth) and beyond:
            raise SystemExit(f"case {{number}}: damage to {{path.name}} shows in {{beyond}}")
        for name in sorted(set(truth) & set(found)):
            layer, before = found[name], truth[name]
            if layer.dtype != before.dtype or layer.shape != before.shape:
                if kind == "pixels":
                    raise SystemExit(f"case {{number}}: {{name}} changed its form")
                continue
            if kind == "pixels":
                touched = sum(a != b for a, b in zip(content, whole[path]))
                differ = (layer.values != before.values) & ~(np.isnan(layer.values) & np.isnan(before.values))
                if differ.sum() > touched:
                    raise SystemExit(f"case {{number}}: {{differ.sum()}} pixels of {{name}} for {{touched}} bytes")
    finally:
        signal.alarm(0)
        path.write_bytes(whole[path])
after = open_product(product).load()
assert after.identical(truth), "the undamaged product is another one"
print(dict(seen))
"""


FRAME = "014A_04939_131313"
PAIR = "20170320_20170413"


def licsar_rasters() -> dict[str, Array]:
    """Rasters of a LiCSAR pair: what is in the files."""
    phase = numbers(11, -3.1, 3.1)
    return {
        "diff_pha": phase,
        "diff_unfiltered_pha": numbers(12, -3.1, 3.1),
        "unw": np.where(phase == 0, 0, phase + np.float32(2 * np.pi)).astype("f4"),
        "cc": (numbers(13, 0.1, 1) * 255).astype("u1"),
    }


def licsar_pair(folder: Path, pair: str = PAIR, **profile: Any) -> Path:
    """The folder of a LiCSAR pair."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in licsar_rasters().items():
        write_tif(folder / f"{pair}.geo.{name}.tif", pixels, **{**DEGREES, **profile})
    return folder


def licsar_geometry(folder: Path, frame: str = FRAME, names: str = "ENUh") -> Path:
    """The line of sight and the elevation of a LiCSAR frame; right-looking, ascending."""
    folder.mkdir(parents=True, exist_ok=True)
    vector = {"E": -0.6156, "N": -0.1308, "U": 0.77713}
    for name in names:
        pixels = numbers(14, 100, 900) if name == "h" else np.full(SHAPE, vector[name], "f4")
        pixels[:6, :9] = 0
        write_tif(folder / f"{frame}.geo.{'hgt' if name == 'h' else name}.tif", pixels, **DEGREES)
    return folder


def write_labels(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A shapefile of boxes, its table byte by byte as dBASE III has it (no geometry is read)."""
    import struct

    names = list(rows[0])
    widths = [max(max(len(str(row[name])) for row in rows), 4) for name in names]
    length = 1 + sum(widths)
    head = struct.pack("<BBBBIHH20x", 3, 126, 1, 1, len(rows), 32 + 32 * len(names) + 1, length)
    fields = b"".join(
        struct.pack("<11sc4xBB14x", name.encode(), b"C", width, 0)
        for name, width in zip(names, widths, strict=True)
    )
    body = b"".join(
        b" " + b"".join(str(row[name]).encode().ljust(w) for name, w in zip(names, widths, strict=True))
        for row in rows
    )
    path.with_suffix(".dbf").write_bytes(head + fields + b"\r" + body + b"\x1a")
    path.with_suffix(".shp").write_bytes(
        struct.pack(">i20xi", 9994, 50) + struct.pack("<ii", 1000, 5).ljust(72, b"\0")
    )
    return path.with_suffix(".shp")


def box(pair: str, track: str = "D", number: int = 1) -> dict[str, Any]:
    """One labelled box of MIRAGE."""
    days = (np.datetime64(f"{pair[9:13]}-{pair[13:15]}-{pair[15:]}") - np.datetime64(
        f"{pair[:4]}-{pair[4:6]}-{pair[6:8]}"
    )).astype(int)  # fmt: skip
    return {
        "Id": number,
        "Class": "RG",
        "Sign_Qual": 1,
        "Class_Unc": 1,
        "IFG": pair,
        "Bt": days,
        "Traj": track,
    }


def mirage(folder: Path, pair: str = "20200704_20200716", track: str = "D") -> Path:
    """One interferogram of MIRAGE, all its files in one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = {"transform": Affine(15.0, 0.0, 560000.0, 0.0, -15.0, 5140000.0)}
    write_tif(folder / f"{pair}_wrapped.tif", numbers(21, -3.1, 3.1), **grid)
    write_tif(folder / f"{pair}_coh.tif", numbers(22, 0.1, 0.9), **grid)
    write_labels(folder / f"{pair}_labels", [box(pair, track, number) for number in range(3)])
    return folder
