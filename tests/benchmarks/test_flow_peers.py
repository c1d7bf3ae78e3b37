"""The other tools' flow: theirs where it is known to be ours, and the ground that all are measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks import flow_cases, flow_peers, terrain_tools
from benchmarks.flow_cases import FLOW, mountains
from benchmarks.flow_peers import RelativeAgreement, SubPackage
from benchmarks.peers import Agreement, Array, Peer, Program
from insarfeat import terrain

# What foreign packages warn of as they load is not ours to mend.
foreign = pytest.mark.filterwarnings("ignore")

INSIDE = np.s_[1:-1, 1:-1]
KINDS: dict[str, tuple[type[Peer], str]] = {
    "topotoolbox": (Peer, "topotoolbox"),
    "pyflwdir": (Peer, "pyflwdir"),
    "pysheds": (Peer, "pysheds"),
    "whitebox": (Peer, "whitebox_workflows"),
    "xrspatial": (SubPackage, "xrspatial.hydro"),
    "richdem": (Peer, "richdem"),
    "saga": (Program, terrain_tools.SAGA),
}
FLOWS = {
    "topotoolbox": ("topotoolbox_d8", "d8"),
    "pyflwdir": ("pyflwdir_d8", "d8"),
    "saga": ("saga_twi", "mfd"),
}
SAME_WAYS = [
    ("d8", "whitebox"),
    ("d8", "xrspatial"),
    ("d8", "saga"),
    ("dinf", "whitebox"),
    ("dinf", "xrspatial"),
    ("mfd", "whitebox"),
    ("mfd", "richdem"),
    ("mfd", "saga"),
]


def require(tool: str) -> None:
    kind, package = KINDS[tool]
    if not kind(tool, package, abs, Agreement(0)).installed:
        pytest.skip(f"{package} is not installed")


def slope(size: int = 60) -> Array:
    """Ground without depressions, flats or equal drops, with the sea about it."""
    y, x = np.indices((size, size))
    rough = np.random.default_rng(3).standard_normal((size, size))
    dem = 3000 - 7 * x - 19 * y + 60 * np.sin(x / 7) + 15 * np.cos((x + 2 * y) / 11) + rough
    dem[[0, -1]] = dem[:, [0, -1]] = -1
    return dem.astype(np.float32)


def no_ranks(dem: Array) -> Array:
    return np.zeros(dem.shape, np.int32)


# The peers


@foreign
@pytest.mark.parametrize("tool", KINDS)
@pytest.mark.parametrize("ground", [mountains, flow_cases._noise])
def test_every_tool_fills_alike(tool: str, ground: Callable[[int], tuple[Array, ...]]) -> None:
    require(tool)
    (dem,) = ground(50)
    filled = getattr(flow_peers, f"{tool}_fill")(dem)
    np.testing.assert_array_equal(filled, terrain.fill_depressions(dem))
    assert (filled > dem).any()


@foreign
@pytest.mark.parametrize("tool", KINDS)
def test_no_tool_changes_the_dem_that_the_next_one_gets(tool: str) -> None:
    require(tool)
    (dem,) = mountains(50)
    before = dem.copy()
    getattr(flow_peers, f"{tool}_fill")(dem)
    flow, method = FLOWS.get(tool, (f"{tool}_flow", "mfd"))
    getattr(flow_peers, flow)(dem, method=method, resolution=30.0)
    np.testing.assert_array_equal(dem, before)


@foreign
@pytest.mark.parametrize(("method", "tool"), SAME_WAYS)
def test_water_takes_the_same_ways_where_nothing_is_flat(method: str, tool: str) -> None:
    require(tool)
    dem = slope()
    np.testing.assert_array_equal(terrain.fill_depressions(dem), dem)
    ours = flow_peers.accumulated(dem, no_ranks(dem), method, 30.0)
    theirs = getattr(flow_peers, f"{tool}_accumulated")(dem, no_ranks(dem), method, 30.0)
    np.testing.assert_allclose(theirs[INSIDE], ours[INSIDE], rtol=0 if method == "d8" else 1e-5)
    assert ours[INSIDE].max() > 60


@foreign
@pytest.mark.parametrize(
    ("method", "peer", "tool"),
    [
        ("d8", flow_peers.topotoolbox_d8, "topotoolbox"),
        ("d8", flow_peers.whitebox_flow, "whitebox"),
        ("dinf", flow_peers.whitebox_flow, "whitebox"),
        ("dinf", flow_peers.pysheds_flow, "pysheds"),
        ("mfd", flow_peers.richdem_flow, "richdem"),
    ],
)
def test_and_from_a_dem_too(method: Any, peer: Callable[..., Array], tool: str) -> None:
    require(tool)
    dem = slope()
    ours = terrain.flow_accumulation(dem, method=method, resolution=30.0)
    theirs = peer(dem, method=method, resolution=30.0)
    np.testing.assert_allclose(theirs[INSIDE], ours[INSIDE], rtol=0 if method == "d8" else 1e-5)


@foreign
def test_pyflwdir_loses_no_water() -> None:
    require("pyflwdir")
    found = flow_peers.pyflwdir_d8(slope(), method="d8", resolution=30.0)
    assert found.min() == 1
    assert found.max() == found.size  # along the sea all of it comes together


def test_saga_has_our_wetness_where_nothing_is_flat() -> None:
    require("saga")
    dem = slope()
    ours = terrain.twi(dem, method="mfd", resolution=30.0)
    theirs = flow_peers.saga_twi(dem, method="mfd", resolution=30.0)
    np.testing.assert_allclose(theirs[INSIDE], ours[INSIDE], atol=1e-4)


@pytest.mark.parametrize(
    ("peer", "asked", "message"),
    [
        (flow_peers.topotoolbox_fill, {"epsilon": True}, "topotoolbox only has epsilon=False; got True"),
        (flow_peers.whitebox_fill, {"epsilon": True}, "whitebox-workflows only has epsilon=False"),
        (flow_peers.saga_fill, {"epsilon": True}, "SAGA only has epsilon=False"),
        (
            flow_peers.pyflwdir_d8,
            {"method": "mfd", "resolution": 1.0},
            "pyflwdir only has method=d8; got mfd",
        ),
        (flow_peers.saga_twi, {"method": "d8", "resolution": 1.0}, "SAGA only has method=mfd"),
    ],
)
def test_a_peer_refuses_what_it_has_no_equivalent_of(
    peer: Callable[..., Array], asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        peer(slope(8), **asked)


# How they are compared


@pytest.mark.parametrize(("factor", "state"), [(1.0, "agrees"), (1.0009, "agrees"), (0.998, "differs")])
def test_a_tolerance_is_a_part_of_the_answer(factor: float, state: str) -> None:
    water = np.geomspace(1, 1e6, 64).reshape(8, 8)
    theirs = water.copy()
    theirs[-1] *= factor
    assert RelativeAgreement(1e-3).judge(water, theirs).state == state


@pytest.mark.parametrize("lost", [0.0, np.nan])
def test_no_water_at_all_is_a_difference(lost: float) -> None:
    water = np.ones((8, 8))
    theirs = water.copy()
    theirs[4, 4] = lost
    assert RelativeAgreement(1e-3).judge(water, theirs).state == "differs"
    assert RelativeAgreement(1e-3, border=1).judge(water, np.pad(water[INSIDE], 1)).state == "agrees"


def test_a_part_of_a_package_is_looked_for_in_the_package() -> None:
    def part(package: str) -> SubPackage:
        return SubPackage("part", package, abs, Agreement(0))

    assert part("numpy.linalg").installed
    assert part("numpy.linalg").version() == np.__version__
    assert not part("numpy.no_such_part").installed
    assert not part("no_such_package.part").installed
    assert part("no_such_package.part").version() is None


# The ground


def test_mountains_are_whole_metres_above_the_sea() -> None:
    (dem,) = mountains(256)
    assert dem.dtype == np.float32
    np.testing.assert_array_equal(dem, np.round(dem))
    assert dem[INSIDE].min() >= 1
    assert (dem[[0, -1]] == -1).all()
    assert (dem[:, [0, -1]] == -1).all()


@pytest.mark.parametrize("size", [512, 1024])
def test_mountains_have_as_many_pits_and_flats_as_measured_ground(size: int) -> None:
    (dem,) = mountains(size)
    filled = terrain.fill_depressions(dem)
    assert 0.005 < np.mean(_lowest_around(dem) > dem[INSIDE]) < 0.02
    assert 0.05 < np.mean(_lowest_around(filled) >= filled[INSIDE]) < 0.35
    assert 5 < np.median(terrain.slope(dem, resolution=30.0)) < 35


def _lowest_around(dem: Array) -> Array:
    height, width = dem.shape
    around = [
        dem[1 + y : height - 1 + y, 1 + x : width - 1 + x]
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if (y, x) != (0, 0)
    ]
    return np.asarray(np.min(around, axis=0))


def test_ground_filled_with_a_fall_has_no_flats() -> None:
    (falling,) = flow_cases._falling(128)
    assert (_lowest_around(falling) < falling[INSIDE]).all()
    _, ranks = flow_cases._routed_falling(128)
    np.testing.assert_array_equal(ranks, flow_peers.ranked(falling))


def test_ranks_come_with_the_ground_that_they_are_of() -> None:
    filled, ranks = flow_cases._routed(128)
    assert ranks.any()
    ours = flow_peers.accumulated(filled, ranks, "d8", 30.0)
    np.testing.assert_array_equal(
        ours, terrain.flow_accumulation(mountains(128)[0], method="d8", resolution=30.0)
    )


def test_cases_name_their_peers_once() -> None:
    for case in FLOW:
        names = [peer.name for peer in case.peers]
        assert len(set(names)) == len(names)
