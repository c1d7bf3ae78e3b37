"""The other tools' terrain: right where the answer is known, and compared where they have one."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import terrain_peers, terrain_tools
from benchmarks.case import Latency
from benchmarks.cases import CASES
from benchmarks.measure import measure
from benchmarks.peers import Agreement, Array, Peer, Program
from benchmarks.results import CaseResult
from benchmarks.terrain_cases import TERRAIN
from benchmarks.terrain_peers import WhereKnown
from insarfeat import terrain

# What foreign packages warn of as they load is not ours to mend.
foreign = pytest.mark.filterwarnings("ignore")

ZEROS = np.zeros((8, 8), np.float32)
INSIDE = np.s_[1:-1, 1:-1]
SLOPES = {
    "numpy": (terrain_peers.numpy_slope, terrain_peers.numpy_aspect),
    "xrspatial": (terrain_peers.xrspatial_slope, terrain_peers.xrspatial_aspect),
    "xdem": (terrain_peers.xdem_slope, terrain_peers.xdem_aspect),
    "gdaldem": (terrain_peers.gdal_slope, terrain_peers.gdal_aspect),
    "saga_cmd": (terrain_peers.saga_slope, terrain_peers.saga_aspect),
}
TRIS = {
    "numpy": terrain_peers.numpy_tri,
    "xdem": terrain_peers.xdem_tri,
    "gdaldem": terrain_peers.gdal_tri,
}
PROGRAMS = (terrain_tools.SAGA, terrain_tools.GDAL)


def require(package: str) -> None:
    kind = Program if package in PROGRAMS else Peer
    if not kind(package, package, abs, Agreement(0)).installed:
        pytest.skip(f"{package} is not installed")


def plane(down: float, right: float) -> Array:
    """Metres that each row and column rises."""
    row, column = np.indices((12, 14), np.float32)
    return down * row + right * column


def changed(row: int, value: float) -> Array:
    answer = ZEROS.copy()
    answer[row, 4] = value
    return answer


@foreign
@pytest.mark.parametrize("package", SLOPES)
def test_a_plane_has_its_slope_and_aspect(package: str) -> None:
    require(package)
    slope, aspect = SLOPES[package]
    np.testing.assert_allclose(
        slope(plane(3, 4), resolution=10.0)[INSIDE], np.degrees(np.arctan(0.5)), rtol=1e-5
    )
    for direction, dem in {0: plane(1, 0), 90: plane(0, -1), 180: plane(-1, 0), 270: plane(0, 1)}.items():
        off = (aspect(dem, resolution=10.0)[INSIDE] - direction) % 360
        np.testing.assert_allclose(np.minimum(off, 360 - off), 0, atol=1e-4)


def test_numpy_knows_the_slope_up_to_the_edge() -> None:
    slope = terrain_peers.numpy_slope(plane(30, 40), resolution=10.0)
    np.testing.assert_allclose(slope, np.degrees(np.arctan(5)), rtol=1e-6)
    assert slope.dtype == np.float32


@foreign
@pytest.mark.parametrize("package", TRIS)
def test_a_peak_has_its_ruggedness(package: str) -> None:
    require(package)
    np.testing.assert_allclose(TRIS[package](changed(4, 2.0))[4, 4], np.sqrt(8 * 2**2), rtol=1e-6)


def test_a_peak_has_its_ruggedness_in_saga() -> None:
    require(terrain_tools.SAGA)
    found = terrain_peers.saga_tri(changed(4, 2.0), variant="saga")
    np.testing.assert_allclose(found[4, 4], np.sqrt(4 * 2**2 / 5), rtol=1e-6)


@foreign
@pytest.mark.parametrize(
    ("package", "curvature"),
    [("numpy", terrain_peers.numpy_profile_curvature), ("xdem", terrain_peers.xdem_profile_curvature)],
)
def test_a_dome_is_convex_along_its_profile(package: str, curvature: Callable[..., Array]) -> None:
    require(package)
    y = np.arange(-4.0, 5)[:, None]
    found = curvature((-0.001 * y**2 * np.ones(9)).astype(np.float32), resolution=1.0)
    np.testing.assert_allclose(found[2, 1:-1], 0.002, rtol=1e-3)


@foreign
def test_the_laplacian_of_xarray_spatial_is_a_hundred_times_ours() -> None:
    require("xrspatial")
    y, x = np.indices((9, 9)) - 4.0
    bowl = (0.5 * (x**2 + y**2)).astype(np.float32)
    found = terrain_peers.xrspatial_curvature(bowl, resolution=2.0)
    np.testing.assert_allclose(found[INSIDE], 100 * terrain.general_curvature(bowl, resolution=2.0)[INSIDE])


def test_numpy_counts_a_ridge_in_the_disc() -> None:
    ridge = (-np.abs(np.arange(-3.0, 4)) * np.ones((7, 1))).astype(np.float32)
    np.testing.assert_allclose(terrain_peers.numpy_convexity(ridge, 1)[3], [0, 0, 20, 60, 20, 0, 0])


def test_numpy_and_saga_count_alike_up_to_the_edge() -> None:
    require(terrain_tools.SAGA)
    (dem,) = TERRAIN[0].prepare(40)
    found = terrain_peers.saga_convexity(dem, radius=10)
    np.testing.assert_allclose(terrain_peers.numpy_convexity(dem), found, atol=1e-4)


def test_all_four_are_those_of_single_calls_and_are_not_copied() -> None:
    (dem,) = TERRAIN[0].prepare(40)
    found = terrain_peers.all_four(dem, resolution=15.0)
    single = [
        terrain.slope(dem, resolution=15.0),
        terrain.aspect(dem, resolution=15.0),
        terrain.tri(dem),
        terrain.convexity(dem),
    ]
    np.testing.assert_array_equal(found, single)
    assert found.base is None


@pytest.mark.parametrize(
    ("peer", "asked", "message"),
    [
        (
            terrain_peers.xrspatial_slope,
            {"method": "evans"},
            "xarray-spatial only has method=horn; got evans",
        ),
        (terrain_peers.xdem_slope, {"method": "evans"}, "xdem only has method=zevenbergen-thorne or horn"),
        (terrain_peers.gdal_aspect, {"method": "evans"}, "gdaldem only has method="),
        (terrain_peers.saga_profile_curvature, {"variant": "textbook"}, "SAGA only has variant=saga"),
    ],
)
def test_a_peer_refuses_what_it_has_no_equivalent_of(
    peer: Callable[..., Array], asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        peer(ZEROS, resolution=10.0, **asked)


@pytest.mark.parametrize("peer", [terrain_peers.saga_tri, terrain_peers.xdem_tri, terrain_peers.numpy_tri])
def test_a_peer_refuses_a_variant_of_tri(peer: Callable[..., Array]) -> None:
    with pytest.raises(ValueError, match="got wilson"):
        peer(ZEROS, variant="wilson")


# How they are compared


def test_what_a_peer_loses_is_told_and_no_difference() -> None:
    verdict = WhereKnown(0.01).judge(ZEROS, changed(0, np.nan))
    assert (verdict.state, verdict.detail) == ("agrees", "by 0, allowed 0.01; 1 pixels lost")


@pytest.mark.parametrize(
    ("ours", "theirs", "detail"),
    [
        (ZEROS, changed(4, 0.5), "by 0.5, allowed 0.01"),
        (changed(4, np.nan), ZEROS, "by 1 pixels that only it knows"),
        (ZEROS, np.full_like(ZEROS, np.nan), "by 64 pixels lost, which are all"),
        (ZEROS, ZEROS[1:], r"by shape: (7, 8) instead of (8, 8)"),
    ],
)
def test_a_peer_that_differs_is_told(ours: Array, theirs: Array, detail: str) -> None:
    verdict = WhereKnown(0.01).judge(ours, theirs)
    assert (verdict.state, verdict.detail) == ("differs", detail)


def test_north_is_0_and_360() -> None:
    assert WhereKnown(0.01, turn=360).judge(changed(4, 359.995), ZEROS).state == "agrees"
    assert WhereKnown(0.01, turn=360).judge(changed(4, 180), ZEROS).state == "differs"


def test_the_border_of_each_layer_is_left_out() -> None:
    stack = np.stack([ZEROS, changed(0, 9.0)])
    assert WhereKnown(0.01, border=1).judge(np.zeros_like(stack), stack).state == "agrees"
    assert WhereKnown(0.01).judge(np.zeros_like(stack), stack).state == "differs"


def test_a_comparison_can_be_sent_to_another_process() -> None:
    judge = WhereKnown(1e-4, turn=360)
    assert pickle.loads(pickle.dumps(judge)) == judge


# The cases


def test_voids_are_in_nearly_every_row_and_leave_most_of_the_dem() -> None:
    case = next(case for case in TERRAIN if case.name == "slope, with voids")
    (dem,) = case.prepare(1024)
    void = np.isnan(dem)
    assert 0.01 < void.mean() < 0.03
    assert void.any(axis=1).mean() > 0.75
    assert np.isnan(case.prepare(16)[0]).any()


def test_sums_of_the_hills_are_exact_in_float32() -> None:
    (dem,) = TERRAIN[0].prepare(256)
    assert (dem * 4096 == np.round(dem * 4096)).all()
    assert 9 * np.abs(dem).max() * 4096 < 2**24


def test_programs_that_are_absent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    case = next(case for case in TERRAIN if case.name == "slope")
    programs = tuple(peer for peer in case.peers if isinstance(peer, Program))
    assert [peer.name for peer in programs] == ["gdaldem, with files", "SAGA, with files"]
    found = measure(replace(case, peers=programs, spreading=None), 32, 0)
    assert isinstance(found, CaseResult)
    assert [one.verdict.detail for one in found.contenders[1:]] == [
        "gdaldem is not installed",
        "saga_cmd is not installed",
    ]


def test_the_direct_call_of_the_kernel_gives_the_same_slope() -> None:
    for case in CASES:
        if isinstance(case, Latency):
            operator, direct = case.pair()
            direct()
            np.testing.assert_array_equal(np.asarray(operator()), direct.args[1][0])  # type: ignore[attr-defined]
