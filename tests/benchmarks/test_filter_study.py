"""The study of phase filters runs, knows what it compares, and writes where the page has a place for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import filter_scenes, filter_study
from benchmarks.filter_scenes import ByDistance, Family, Scene, held_out, slides_phase, speckled, steep_phase
from benchmarks.filter_study import CLASSIC, QUICK, VARIANTS, Variant, draw, main, study
from benchmarks.pages import renew
from benchmarks.peers import Array

PAGE = Path(__file__).parents[2] / "docs" / "phase-filters.md"
ABSENT = Variant("nonesuch", CLASSIC, package="nonesuch_filter")


@pytest.fixture(scope="module")
def tool(test_data: Path) -> ModuleType:
    try:
        return filter_scenes.load_tool(test_data.parent / "tools")
    except FileNotFoundError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def tables(tool: ModuleType, test_data: Path) -> dict[str, str]:
    return study(tool, QUICK, test_data, peers=[ABSENT])


def rows_of(table: str) -> dict[str, list[str]]:
    """Cells by the first one of their line, without the two lines of the head."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(line) for line in lines}) == 1, "all lines have the same cells"
    return {line[0]: line[1:] for line in lines[2:]}


@pytest.mark.parametrize("name", ["whole scenes", "hard scenes"])
def test_each_way_to_filter_has_its_row(tables: dict[str, str], name: str) -> None:
    rows = rows_of(tables[name])
    own = [variant.name for variant in VARIANTS]
    assert [row for row in rows if row != "its range over seeds"] == [*own, "nonesuch"]
    assert rows["nonesuch"][0] == "not installed"
    assert rows["classic"][0].endswith(" rad")
    assert all(cell for variant in own for cell in rows[variant])
    assert 0 < float(rows["**default**"][0]) < 1


def test_real_interferograms_are_foretold(tables: dict[str, str]) -> None:
    if tables["real"].startswith("Not measured"):
        pytest.skip(tables["real"])
    rows = rows_of(tables["real"])
    assert list(rows)[-1] == "noise shared with the next pixel"
    assert 'alpha "coherence"' not in rows  # only one of them has a coherence
    assert all(np.isfinite(float(cell)) for cells in rows.values() for cell in cells)


def test_missing_samples_are_named(tool: ModuleType, tmp_path: Path) -> None:
    assert filter_study.on_real(tool, QUICK, tmp_path).startswith("Not measured, as samples are missing: ")


@pytest.mark.parametrize("name", ["edges", "holes"])
def test_no_valid_pixel_is_lost_beside_edges_and_holes(tables: dict[str, str], name: str) -> None:
    rows = rows_of(tables[name])
    assert {"classic", "**default**"} <= set(rows)
    assert {cells[-1] for cells in rows.values()} == {"0"}


def test_noise_is_compared_with_itself_unfiltered(tables: dict[str, str]) -> None:
    assert next(iter(rows_of(tables["noise"]))) == "unfiltered"


def test_the_page_has_a_place_for_each_table(tables: dict[str, str]) -> None:
    page = renew(PAGE.read_text(), tables)
    assert all(table in page for table in tables.values())
    assert renew(page, tables) == page


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no place for the table 'noise': put <!-- noise: begin -->"):
        renew("<!-- noise: begin --> and no end", {"noise": ""})


def test_without_the_scenes_the_command_says_so_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--quick", "--tools", str(tmp_path)]) == 1
    assert f"no phase_scene.py in {tmp_path}: give its folder with --tools" in capsys.readouterr().err


def test_the_picture_is_small(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    draw(tmp_path / "picture.png")
    assert 20_000 < (tmp_path / "picture.png").stat().st_size < 400_000


# The scenes themselves


def test_speckle_has_the_phase_and_the_coherence_that_it_was_made_with() -> None:
    generator = np.random.default_rng(0)
    phase = np.full((256, 256), 1.0, np.float32)
    image = speckled(phase, np.full_like(phase, 0.6), np.full_like(phase, 5.0), generator)
    assert image.dtype == np.complex64
    assert np.mean(image) == pytest.approx(5 * 0.6 * np.exp(1j), rel=0.02)


def test_steep_fringes_stay_above_two_pixels() -> None:
    slope = np.hypot(*np.gradient(steep_phase(384, 0)))
    assert 2 * np.pi / 6 < slope.max() < np.pi


def test_slides_are_small_and_begin_with_a_jump() -> None:
    phase, marked = slides_phase(256, 0)
    assert 16 * np.pi * 5 * 3 < marked.sum() < 16 * np.pi * 15**2
    jumps = np.abs(np.diff(phase))
    assert jumps[marked[:, 1:] != marked[:, :-1]].mean() > 5 * jumps[~marked[:, 1:] & ~marked[:, :-1]].mean()


@pytest.mark.parametrize("make", [np.angle, np.abs], ids=["phase", "magnitude"])
def test_held_out_pixels_are_not_seen(make: Callable[[Array], Array]) -> None:
    noise = np.random.default_rng(0).standard_normal((2, 64, 64))
    image = (noise[0] + 1j * noise[1]).astype(np.complex64)

    def peek(given: Array, _coherence: Array | None) -> Array:
        held = np.abs(given) < 1e-6
        assert 0.3 < held.mean() < 0.7
        assert len(np.unique(make(given[held]))) == 1
        return given

    assert abs(held_out(peek, image, folds=2)) < 5


def test_held_out_pixels_are_foretold_from_the_others() -> None:
    y, x = np.indices((96, 96))
    fringes = np.exp(1j * (0.3 * x + 0.1 * y)).astype(np.complex64)
    assert held_out(Variant("default"), fringes, folds=4) > 99


def test_distances_are_taken_apart_and_lost_pixels_are_counted() -> None:
    sums = ByDistance.empty()
    distance = np.array([0, 1, 3, 5, 10, 20, 20])
    whole = np.ones(7)
    sums.add(distance, np.array([4, 3, 2, 1, 1, 1, 99]), whole, np.arange(7) == 6)
    assert sums.ratios() == [4, 3, 2, 1, 1, 1] == sums.radians()
    assert sums.lost == 1


def test_a_variant_is_given_what_it_asks_for() -> None:
    seen: list[tuple[Array, object]] = []

    def record(ifg: Array, **settings: object) -> Array:
        seen.append((ifg, settings.get("coherence")))
        return ifg

    image = np.array([[3 + 4j, 0]], np.complex64)
    coherence = np.ones((1, 2))
    plain = Variant("any", function=record)
    replace(plain, unit=True)(image, coherence)
    replace(plain, settings={"alpha": "coherence"})(image, coherence)
    mirrored = replace(plain, mirrored=True)(image, coherence)
    np.testing.assert_allclose(seen[0][0], [[0.6 + 0.8j, 0]])
    assert [given is coherence for _, given in seen] == [False, True, False]
    assert seen[2][0].shape == (65, 66)
    np.testing.assert_array_equal(mirrored, image)


def test_all_families_make_scenes_that_can_be_judged(tool: ModuleType) -> None:
    for family in filter_scenes.FAMILIES.values():
        assert isinstance(family, Family)
        scene = family.make(tool, 192, 0)
        assert isinstance(scene, Scene)
        exact = family.judge(tool, scene, np.exp(1j * scene.clean))
        assert all(abs(figure) < 1e-3 for figure in exact.values())
