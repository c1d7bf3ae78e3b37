"""Sampling between pixels: exact polynomials, an independent derivation, angles, nodata, any block."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from insarfeat.errors import InvalidArgument
from insarfeat.geometry.sampling import Sampling
from insarfeat.windows import Window

ROWS, COLUMNS = 23, 31
Y, X = np.mgrid[:ROWS, :COLUMNS].astype("f8")
TURN = 2 * math.pi

methods = pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])


def somewhere(seed: int = 0, beyond: float = 2.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions on the raster and about it, NaN among them, some exactly on pixels and halfway between."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-beyond, ROWS - 1 + beyond, (40, 50))
    columns = rng.uniform(-beyond, COLUMNS - 1 + beyond, (40, 50))
    rows[::7], columns[:, ::5] = np.round(2 * rows[::7]) / 2, np.round(2 * columns[:, ::5]) / 2
    rows[3, 4], columns[5, 6] = np.nan, np.nan
    return rows, columns


def sampled(
    image: Any, method: Any = None, period: float | None = None, name: str | None = None, seed: int = 0
) -> NDArray[Any]:
    chosen = Sampling.of(name, image.dtype, method, period)
    return chosen.values(image, somewhere(seed), Window(0, 0, *image.shape))


def nearest_of(rows: Any, columns: Any) -> tuple[Any, Any, Any]:
    """Nearest pixels (a half is rounded up), and whether they are on the raster."""
    r, c = np.floor(rows + 0.5), np.floor(columns + 0.5)
    inside = (r >= 0) & (r < ROWS) & (c >= 0) & (c < COLUMNS)
    return np.where(inside, r, 0).astype(int), np.where(inside, c, 0).astype(int), inside


# -- exactness -----------------------------------------------------------------------------------------------------


def within(margin: float) -> NDArray[np.bool_]:
    rows, columns = somewhere()
    with np.errstate(invalid="ignore"):
        return (
            (rows >= margin)
            & (rows < ROWS - 1 - margin)
            & (columns >= margin)
            & (columns < COLUMNS - 1 - margin)
        )


@pytest.mark.parametrize("kind", ["f8", "c16"])
def test_linear_is_exact_for_planes_and_products(kind: str) -> None:
    unit = 1 if kind == "f8" else 1 - 2j
    rows, columns = somewhere()
    found = sampled((unit * (3 + 2 * Y - 0.7 * X + 0.05 * X * Y)).astype(kind), "linear")
    expected = unit * (3 + 2 * rows - 0.7 * columns + 0.05 * rows * columns)
    np.testing.assert_allclose(found[within(0)], expected[within(0)], rtol=1e-12)


@pytest.mark.parametrize("kind", ["f8", "c16"])
def test_cubic_is_exact_for_quadratics(kind: str) -> None:
    unit = 1 if kind == "f8" else 1 - 2j
    rows, columns = somewhere()

    def quadratic(y: Any, x: Any) -> Any:
        return unit * ((3 + y - 0.2 * y**2) * (5 - x + 0.1 * x**2))

    found = sampled(quadratic(Y, X).astype(kind), "cubic")
    np.testing.assert_allclose(found[within(1)], quadratic(rows, columns)[within(1)], rtol=1e-11, atol=1e-9)
    coarse = sampled(quadratic(Y, X).astype(kind), "linear")
    assert np.abs(coarse - quadratic(rows, columns))[within(1)].max() > 1


def test_linear_is_what_scipy_finds() -> None:
    image = np.random.default_rng(1).normal(size=(ROWS, COLUMNS))
    inside = within(0)
    rows, columns = (np.where(inside, part, 0) for part in somewhere())
    expected = map_coordinates(image, [rows, columns], order=1)
    np.testing.assert_allclose(sampled(image, "linear")[inside], expected[inside], atol=1e-13)


def test_cubic_is_the_convolution_of_keys() -> None:
    image = np.random.default_rng(2).normal(size=(ROWS, COLUMNS))

    def kernel(s: Any) -> Any:
        s = np.abs(s)
        near, far = 1.5 * s**3 - 2.5 * s**2 + 1, -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2
        return np.where(s < 1, near, np.where(s < 2, far, 0.0))

    rows, columns = somewhere()
    inside = within(1)
    down = kernel(rows[inside][:, None] - np.arange(ROWS))
    along = kernel(columns[inside][:, None] - np.arange(COLUMNS))
    expected = np.einsum("pi,ij,pj->p", down, image, along)
    np.testing.assert_allclose(sampled(image, "cubic")[inside], expected, atol=1e-13)


@methods
@pytest.mark.parametrize("kind", ["f4", "f8", "c8", "c16"])
def test_on_the_centre_of_a_pixel_is_its_value(method: Any, kind: str) -> None:
    rng = np.random.default_rng(3)
    image = (
        rng.normal(size=(ROWS, COLUMNS)) + (1j * rng.normal(size=(ROWS, COLUMNS)) if kind[0] == "c" else 0)
    ).astype(kind)
    found = Sampling.of(None, image.dtype, method, None).values(image, (Y, X), Window(0, 0, ROWS, COLUMNS))
    np.testing.assert_array_equal(found, image)


def test_up_to_half_a_pixel_beyond_the_edge_is_the_edge() -> None:
    image = 1 + Y + 100 * X
    rows, columns = np.array([[-0.5, -0.3, -0.51, 5.0]]), np.array([[2.0, 30.4, 2.0, 30.51]])
    for method in ("linear", "cubic"):
        found = Sampling.of(None, image.dtype, method, None).values(
            image, (rows, columns), Window(0, 0, ROWS, COLUMNS)
        )
        np.testing.assert_array_equal(found, [[201, 3001, np.nan, np.nan]])


# -- nodata ----------------------------------------------------------------------------------------------------------


@methods
@pytest.mark.parametrize("kind", ["f4", "f8", "c8", "c16"])
def test_a_value_is_there_where_the_nearest_pixel_has_one_and_nowhere_else(method: Any, kind: str) -> None:
    rng = np.random.default_rng(4)
    image = (rng.normal(size=(ROWS, COLUMNS)) + (1j if kind[0] == "c" else 0)).astype(kind)
    image[rng.random(image.shape) < 0.3] = np.nan
    if kind[0] == "c":
        image[rng.random(image.shape) < 0.2] = 0
    rows, columns, inside = nearest_of(*somewhere())
    near = image[rows, columns]
    expected = inside & ~np.isnan(near) & ((near != 0) | (kind[0] == "f"))
    found = sampled(image, method)
    assert (~np.isnan(found) & (found != 0) == expected).all()
    assert expected.sum() > 300


@pytest.mark.parametrize("method", ["linear", "cubic"])
@pytest.mark.parametrize("nodata", [np.nan, 0, complex(np.nan, 0), complex(0, np.nan)])
def test_beside_nodata_the_mean_is_of_what_is_valid(method: Any, nodata: complex) -> None:
    image = np.full((ROWS, COLUMNS), 3 - 4j)
    image[np.random.default_rng(5).random(image.shape) < 0.4] = nodata
    found = sampled(image, method)
    np.testing.assert_allclose(found[~np.isnan(found)], 3 - 4j, rtol=1e-12)


@pytest.mark.parametrize(("kind", "fill"), [("u1", 255), ("i2", -32768), ("u2", 65535), ("i4", -(2**31))])
def test_whole_numbers_are_those_of_the_nearest_pixel_and_declared_nodata_outside(
    kind: str, fill: int
) -> None:
    image = np.random.default_rng(6).integers(0, 100, (ROWS, COLUMNS)).astype(kind)
    rows, columns, inside = nearest_of(*somewhere())
    np.testing.assert_array_equal(sampled(image), np.where(inside, image[rows, columns], fill))


# -- angles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["linear", "cubic"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize(
    ("name", "period", "span"),
    [
        ("wrapped_phase", None, (-math.pi, math.pi)), (None, TURN, (-math.pi, math.pi)),
        ("aspect", None, (0, 360)), ("heading", None, (-180, 180)), (None, 24.0, (-12, 12)),
    ],
)  # fmt: skip
def test_angles_do_not_smear_where_they_jump(
    method: Any, kind: str, name: Any, period: Any, span: Any
) -> None:
    """A ramp of 0.4 radians to the pixel: its chord is shorter, its direction the same between pixels."""
    turn = span[1] - span[0]
    rows, columns = somewhere()

    def ramp(y: Any, x: Any) -> Any:
        return 0.2 * y + 0.35 * x

    image = (np.remainder(turn / TURN * ramp(Y, X) - span[0], turn) + span[0]).astype(kind)
    found = sampled(image, method, period, name)
    off = np.exp(2j * math.pi * found / turn) - np.exp(1j * ramp(rows, columns))
    assert np.abs(off[within(1)]).max() < 0.012
    valid = found[~np.isnan(found)]
    assert valid.min() >= np.float32(span[0])
    assert valid.max() <= np.float32(span[1])


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_half_a_turn_is_positive_and_a_whole_one_is_none(kind: str) -> None:
    phase = Sampling.of("wrapped_phase", np.dtype(kind), "linear", None)
    centre = (np.zeros((1, 1)), np.zeros((1, 1)))
    for angle in (math.pi, -math.pi):
        found = phase.values(np.full((1, 1), angle, kind), centre, Window(0, 0, 1, 1))
        assert abs(np.exp(1j * found[0, 0]) + 1) < 1e-6
        assert -math.pi < found[0, 0] <= np.dtype(kind).type(math.pi)
        assert found[0, 0] > 0 or kind == "f4"  # single phasors are right to 3e-7 only
    aspect = Sampling.of("aspect", np.dtype(kind), "linear", None)
    for angle in (0.0, 360.0, -1e-12):
        found = aspect.values(np.full((1, 1), angle, kind), centre, Window(0, 0, 1, 1))
        assert 0 <= found[0, 0] < 360
        assert min(found[0, 0], 360 - found[0, 0]) < 1e-4


def test_angles_beside_nodata_are_those_of_the_valid_ones() -> None:
    image = np.full((ROWS, COLUMNS), 3.0)
    image[np.random.default_rng(5).random(image.shape) < 0.4] = np.nan
    found = sampled(image, "linear", TURN)
    np.testing.assert_allclose(found[~np.isnan(found)], 3, atol=1e-12)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(sampled(image, "linear")))


# -- any block ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from(["nearest", "linear", "cubic"]), st.booleans())
def test_a_block_gives_the_bits_of_the_whole_raster(down: int, right: int, method: Any, angles: bool) -> None:
    rng = np.random.default_rng(7)
    image = rng.uniform(-3, 3, (200, 180))
    image[rng.random(image.shape) < 0.05] = np.nan
    rows, columns = somewhere(beyond=-3)
    rows, columns = rows + 60 + 1 / 3, columns + 60 - 1e-9
    rows[::3] = np.floor(rows[::3]) + 0.5 - 2**-48  # what adding a half would round up near the origin only
    window = Window(down, right, 150, 140) if down < 50 and right < 40 else Window(down, right, 100, 110)
    sampling = Sampling.of(None, image.dtype, method, TURN if angles else None)
    whole = sampling.values(image, (rows, columns), Window(0, 0, 200, 180))
    part = sampling.values(np.ascontiguousarray(image[window.slices]), (rows, columns), window)
    np.testing.assert_array_equal(part, whole)


# -- choices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        (None, "f4", Sampling("linear")), ("coherence", "f4", Sampling("linear")),
        ("interferogram", "c8", Sampling("linear")), ("landslide", "u1", Sampling("nearest")),
        (None, "?", Sampling("nearest")), (None, "i4", Sampling("nearest")),
        ("wrapped_phase", "f4", Sampling("linear", TURN, -math.pi)), ("aspect", "f8", Sampling("linear", 360.0, 0.0)),
        ("heading", "f4", Sampling("linear", 360.0, -180.0)), ("aspect", "u1", Sampling("nearest")),
        ("wrapped_phase", "c8", Sampling("linear")), ("unwrapped_phase", "f4", Sampling("linear")),
    ],
)  # fmt: skip
def test_what_a_layer_holds_says_how_it_is_sampled(name: Any, dtype: str, expected: Sampling) -> None:
    assert Sampling.of(name, np.dtype(dtype), None, None) == expected


def test_what_would_mean_nothing_is_refused() -> None:
    single, whole = np.dtype("f4"), np.dtype("u1")
    with pytest.raises(InvalidArgument, match="one of nearest, linear, cubic, or None; got 'bilinear'"):
        Sampling.of(None, single, "bilinear", None)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="landslide holds uint8, which are classes or counts"):
        Sampling.of("landslide", whole, "linear", None)
    for period in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InvalidArgument, match="period must be a positive number"):
            Sampling.of(None, single, None, period)
    with pytest.raises(InvalidArgument, match="period must be a positive number, for real angles"):
        Sampling.of(None, np.dtype("c8"), None, TURN)
