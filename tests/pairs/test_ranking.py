"""Rankings: order, errors that stay with their pair, files, and runs that go on where they were stopped."""

from __future__ import annotations

import csv
import datetime
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from browsing import browse, needs_browser
from pair_scenes import mountains, on_map, plane, speckled, turbulence

import insarfeat
from insarfeat.errors import InvalidArgument, InvalidType, MissingInput, OutputExists, WriteFailed
from insarfeat.pairs import Ranking, Rules, rank
from insarfeat.pairs.files import Dates
from insarfeat.pairs.journal import Journal

SIZE = 160


def pair(coherence: float, *, air: float = 0.2, north_first: bool = True) -> xr.Dataset:
    phase = plane((SIZE, SIZE), 1.0, 2.0) + turbulence(1, SIZE, air)
    image = speckled(np.random.default_rng(2), phase.shape, coherence, 4) * np.exp(1j * phase)
    steady = np.full(phase.shape, coherence, "f4")
    return on_map(interferogram=image.astype("c8"), coherence=steady, north_first=north_first)


def opened(path: Path) -> xr.Dataset:
    return insarfeat.open_stack(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pairs, of which one is damaged."""
    place = tmp_path_factory.mktemp("pairs")
    for name, coherence in (
        ("20200101_20200113", 0.8),
        ("20200113_20200206", 0.5),
        ("20200101_20200206", 0.2),
    ):
        insarfeat.write(pair(coherence), place / f"S1_{name}.nc")
    (place / "S1_20200206_20200218.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500))
    return place


def test_the_best_comes_first_and_the_unreadable_last(folder: Path) -> None:
    found = rank(folder)
    assert [row.name for row in found] == [
        "S1_20200101_20200113",
        "S1_20200113_20200206",
        "S1_20200101_20200206",
        "S1_20200206_20200218",
    ]
    assert [row.keep for row in found] == [True, True, False, False]
    assert repr(found) == "Ranking(kept 2 of 4)"
    assert found[3].error is not None
    assert "S1_20200206_20200218.nc" in found[3].error
    assert found[3].quality is None
    assert found[2].reasons[:2] == (
        "100 % of the valid pixels are decorrelated (limit 50 %)",
        "the mean coherence is 0.20 (limit 0.35)",
    )


def test_dates_and_days_come_from_the_name(folder: Path) -> None:
    row = rank(folder)[1]
    assert (row.primary, row.secondary) == (datetime.date(2020, 1, 13), datetime.date(2020, 2, 6))
    assert row.baseline_days == 24


def test_attributes_know_dates_better_than_names() -> None:
    stated = {"primary_date": "2020-03-01", "secondary_date": "2020-03-13"}
    assert Dates.of("19990101_19990202", stated).days == 12
    assert Dates.of("S1A_20200101T055500_20200113T055500", {}).primary == datetime.date(2020, 1, 1)
    assert Dates.of("20201399_20200101", {"baseline_days": 18}).days == 18
    assert Dates.of("pair 7", {}).days is None
    assert Dates.of("S1A_20230904T063730_20230904T063757", {}).days is None


def test_files_and_datasets_may_be_mixed_and_opened_by_ones_own_means(folder: Path) -> None:
    calls: list[Path] = []

    def own(path: Path) -> xr.Dataset:
        calls.append(path)
        return opened(path)

    given: list[Any] = [folder / "S1_20200101_20200113.nc", pair(0.2).assign_attrs(title="in memory")]
    found = rank(given, open=own)
    assert [row.name for row in found] == ["S1_20200101_20200113", "in memory"]
    assert calls == given[:1]


def test_other_rules_need_no_second_reading(folder: Path) -> None:
    found = rank(folder)
    strict = found.judged(Rules(mean_coherence=0.7))
    assert len(strict.kept) == 1
    assert strict.rules.mean_coherence == 0.7
    assert len(found.kept) == 2


def test_one_elevation_serves_all(folder: Path, tmp_path: Path) -> None:
    dem = on_map(elevation=mountains(1, SIZE).astype("f4"))
    insarfeat.write(dem, tmp_path / "dem.tif")
    by_file = rank(folder, elevation=tmp_path / "dem.tif")
    by_array = rank(folder, elevation=dem["elevation"])
    assert [row.quality for row in by_file] == [row.quality for row in by_array]
    assert by_file[0].quality is not None
    assert np.isfinite(by_file[0].quality.stratified)


def test_progress_is_told_before_each_pair_and_at_the_end(folder: Path) -> None:
    told: list[insarfeat.tiling.Progress] = []
    rank(folder, progress=told.append)
    assert [(one.stage, one.done, one.total) for one in told] == [("ranking", done, 4) for done in range(5)]


def test_what_was_measured_before_is_not_told_as_progress(folder: Path, tmp_path: Path) -> None:
    rank(folder, resume=tmp_path / "journal")
    told: list[insarfeat.tiling.Progress] = []
    rank(folder, resume=tmp_path / "journal", progress=told.append)
    assert [one.done for one in told] == [3, 4]  # the one that cannot be read is tried again


def test_a_run_that_was_stopped_goes_on(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "ranking.partial"
    opens: list[str] = []

    def stopping(path: Path) -> xr.Dataset:
        if len(opens) == 2:
            raise KeyboardInterrupt
        opens.append(path.name)
        return opened(path)

    with pytest.raises(KeyboardInterrupt):
        rank(folder, open=stopping, resume=journal)
    assert len(Journal(journal)) == 2
    again: list[str] = []

    def counting(path: Path) -> xr.Dataset:
        again.append(path.name)
        return opened(path)

    found = rank(folder, open=counting, resume=journal, rules=Rules(mean_coherence=0.6))
    assert not set(again) & set(opens)
    assert str(list(found)) == str(list(rank(folder, rules=Rules(mean_coherence=0.6))))
    assert found[0].sketch is not None
    assert found[0].sketch.png("wrapped_phase") == rank(folder)[0].sketch.png("wrapped_phase")  # type: ignore[union-attr]


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "20200101_20200113.nc"
    insarfeat.write(pair(0.8), path)
    first = rank([path], resume=tmp_path / "journal")[0]
    insarfeat.write(pair(0.4), path, overwrite=True)
    os.utime(path, ns=(1, 1))
    second = rank([path], resume=tmp_path / "journal")[0]
    assert first.quality is not None
    assert second.quality is not None
    assert second.quality.mean_coherence < first.quality.mean_coherence


def test_a_torn_line_of_the_journal_costs_one_pair_only(folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    rank(folder, resume=journal)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-40])
    assert len(Journal(journal)) == 2
    rank(folder, resume=journal)
    assert len(Journal(journal)) == 3


def test_a_journal_knows_elevation_from_none(folder: Path, tmp_path: Path) -> None:
    rank(folder, resume=tmp_path / "journal")
    dem = on_map(elevation=mountains(1, SIZE).astype("f4"))["elevation"]
    found = rank(folder, elevation=dem, resume=tmp_path / "journal")
    assert found[0].quality is not None
    assert np.isfinite(found[0].quality.stratified)


def test_the_table_holds_all_numbers(folder: Path, tmp_path: Path) -> None:
    found = rank(folder)
    with found.to_csv(tmp_path / "ranking.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["name"] for line in lines] == [row.name for row in found]
    assert lines[0]["keep"] == "True"
    assert float(lines[0]["mean_coherence"]) == pytest.approx(0.8)
    assert lines[0]["stratified"] == ""
    assert lines[3]["error"] != ""


def test_the_json_holds_rules_and_rows(folder: Path, tmp_path: Path) -> None:
    text = rank(folder).to_json(tmp_path / "ranking.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["rules"]["decorrelated"] == 0.5
    assert found["pairs"][0]["stratified"] is None
    assert found["pairs"][2]["reasons"]


def test_the_page_stands_alone_and_shows_every_pair(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = rank(folder).to_html(tmp_path / "ranking.html", title="Spring <2020>").read_text(encoding="utf-8")
    assert "Spring &lt;2020&gt;" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "http" not in page
    assert page.count("<tr class=") == 4
    assert page.count('<tr class="kept">') == 2
    assert page.count('<tr class="rejected">') == 1
    assert page.count('<tr class="failed">') == 1
    assert page.count("data:image/png;base64,") == 6
    assert "decorrelated pixels at most 50 %" in page


def test_the_page_lets_names_break_and_says_where_nothing_speaks_against_a_pair(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    page = rank(folder).to_html(tmp_path / "ranking.html").read_text(encoding="utf-8")
    assert "<b>S1_<wbr>20200101_<wbr>20200113</b>" in page
    kept = re.findall(r'<tr class="kept">.*?</tr>', page)
    assert ['<td class="why">nothing against it</td>' in row for row in kept] == [True, True]
    assert page.count("nothing against it") == 2


@needs_browser
def test_the_page_fits_a_window_of_1200_pixels(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    place = tmp_path / "pairs"
    place.mkdir()
    long = "S1A_IW_SLC_20200101_20200206_VV_8rlks_flat_eqa_unw_filtered"
    layers = pair(0.2, air=1.5).assign(elevation=(("y", "x"), mountains(1, SIZE).astype("f4")))
    insarfeat.write(layers, place / f"{long}.nc")
    page = rank(place).to_html(tmp_path / "ranking.html")
    asking = (
        "<script>const wide = document.querySelector('.wide');"
        "document.title = `${wide.scrollWidth} of ${wide.clientWidth}`;</script></body>"
    )
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", asking), encoding="utf-8")
    told = browse(tmp_path, "--window-size=1200,900", "--dump-dom", page.as_uri())
    needed, there = map(int, re.findall(r"<title>(\d+) of (\d+)</title>", told)[0])
    assert 1000 < there <= 1200
    assert needed <= there


def test_pictures_have_north_up() -> None:
    pictures = []
    for north_first in (True, False):
        layers = pair(0.9, north_first=north_first)
        marked = layers["coherence"].where(layers.y > layers.y.max() - 300, 0.1)
        if not north_first:
            assert marked.values[0, 0] == np.float32(0.1)
        sketch = rank([layers.assign(coherence=marked)])[0].sketch
        assert sketch is not None
        pictures.append(sketch.coherence)
    for picture in pictures:
        assert picture[0].mean() > 2 * picture[-1].mean()


def test_outputs_that_exist_are_left_alone(folder: Path, tmp_path: Path) -> None:
    found = rank(folder)
    out = tmp_path / "ranking.csv"
    out.write_text("mine")
    with pytest.raises(OutputExists):
        found.to_csv(out)
    assert out.read_text() == "mine"
    found.to_csv(out, overwrite=True)
    assert out.read_text() != "mine"
    with pytest.raises(WriteFailed):
        found.to_json(tmp_path / "nowhere" / "ranking.json")


def test_nothing_to_rank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        rank(tmp_path / "nowhere")
    with pytest.raises(InvalidArgument, match="holds no interferogram"):
        rank(tmp_path)
    with pytest.raises(InvalidArgument, match="pairs is empty"):
        rank([])
    with pytest.raises(InvalidType, match="one Dataset alone"):
        rank(pair(0.8))  # type: ignore[arg-type]
    with pytest.raises(InvalidType, match="number 1 is a int"):
        rank([3])


def test_pairs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place in ("ascending", "descending"):
        (tmp_path / place).mkdir()
        insarfeat.write(pair(0.8), tmp_path / place / "20200101_20200113.nc")
    found = rank(sorted(tmp_path.glob("*/*.nc")))
    assert {row.name for row in found} == {"ascending/20200101_20200113", "descending/20200101_20200113"}


def test_a_ranking_is_a_sequence(folder: Path) -> None:
    found = rank(folder)
    assert isinstance(found, Ranking)
    assert found[:2] == tuple(found)[:2]
    assert found[-1] in found
