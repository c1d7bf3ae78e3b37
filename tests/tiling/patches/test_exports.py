"""What others read of an export: boxes, masks, images, and counts of all that is not in it."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from patches_in_memory import BANDS, dataset, split

from insarfeat.errors import InvalidArgument, OutputExists
from insarfeat.tiling.patches.stores.geotiff import GeoTIFFFiles
from insarfeat.tiling.patches.training.exports import write_coco, write_yolo
from insarfeat.tiling.patches.training.outlines import outlines_of, run_lengths
from insarfeat.tiling.patches.training.softening import label_distances, soften

PARTS = ("train", "validation", "test")
HEIGHT, WIDTH = 16, 24


def expected_boxes(patches: Any, number: int, min_visible: float = 0.3) -> list[Any]:
    rows = patches.boxes[patches.boxes["patch"] == number]
    return list(rows[rows["visible"] >= min_visible].itertuples())


class TestYOLO:
    def test_lines_are_boxes_as_shares_of_the_patch(self, tmp_path: Path) -> None:
        patches = split(dataset(20))
        write_yolo(patches, tmp_path / "out")
        for part in PARTS:
            files = sorted((tmp_path / "out/labels" / part).iterdir())
            numbers = patches.numbers_of(part)
            assert [one.stem for one in files] == sorted(patches.table["name"][numbers])
            for number in numbers:
                text = (tmp_path / "out/labels" / part / f"{patches.table['name'][number]}.txt").read_text()
                lines = [[float(word) for word in line.split()] for line in text.splitlines()]
                boxes = expected_boxes(patches, number)
                assert len(lines) == len(boxes)
                for (kind, cx, cy, w, h), box in zip(lines, boxes, strict=True):
                    assert {0: "CF", 1: "CS"}[int(kind)] == box[2]
                    found = np.array([cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2])
                    found *= [HEIGHT, WIDTH, HEIGHT, WIDTH]
                    np.testing.assert_allclose(found, [box.row0, box.col0, box.row1, box.col1], atol=1e-4)

    def test_patches_without_boxes_have_an_empty_file(self, tmp_path: Path) -> None:
        write_yolo(dataset(6), tmp_path / "out", part="all")
        sizes = [one.stat().st_size for one in sorted((tmp_path / "out/labels/all").iterdir())]
        assert [size > 0 for size in sizes] == [
            False,
            True,
            True,
            False,
            False,
            True,
        ]  # the fifth is hardly seen

    def test_images_are_the_patches_in_their_places(self, tmp_path: Path) -> None:
        patches = split(dataset(20))
        patches.values[:, 1, 2, 3] = np.nan
        write_yolo(patches, tmp_path / "out")
        for part in PARTS:
            for number in patches.numbers_of(part):
                row = patches.table.iloc[number]
                with rasterio.open(tmp_path / "out/images" / part / f"{row['name']}.tif") as file:
                    np.testing.assert_array_equal(file.read(), patches.values[number])
                    assert list(file.transform)[:6] == row["transform"]
                    assert file.crs.to_epsg() == 32632
                    assert file.descriptions == BANDS

    def test_nodata_can_be_filled(self, tmp_path: Path) -> None:
        patches = dataset(2)
        patches.values[:, 1, 2, 3] = np.nan
        write_yolo(patches, tmp_path / "out", part="all", fill=-9.0)
        with rasterio.open(tmp_path / "out/images/all" / f"{patches.table['name'][1]}.tif") as file:
            found = file.read()
        assert found[1, 2, 3] == -9
        assert np.isfinite(found).all()
        assert np.isnan(patches.values[1, 1, 2, 3])

    def test_the_description_names_parts_and_classes(self, tmp_path: Path) -> None:
        write_yolo(split(dataset(10)), tmp_path / "out")
        told = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
        assert told["names"] == {0: "CF", 1: "CS"}
        assert told["channels"] == 3
        root = Path(told["path"])
        assert root.is_absolute()
        for key, part in (("train", "train"), ("val", "validation"), ("test", "test")):
            assert (root / told[key]).samefile(tmp_path / "out/images" / part)
            # Trainers find the labels of an image by this one word.
            assert Path(str(root / told[key]).replace("images", "labels")).is_dir()

    def test_classes_can_be_chosen_and_numbered(self, tmp_path: Path) -> None:
        patches = dataset(20)
        report = write_yolo(patches, tmp_path / "out", part="all", classes=["CS"], min_visible=0)
        lines = [
            line for one in (tmp_path / "out/labels/all").iterdir() for line in one.read_text().splitlines()
        ]
        counts = patches.boxes["class"].value_counts()
        assert len(lines) == counts["CS"] == report.boxes["all"]
        assert {line.split()[0] for line in lines} == {"0"}
        assert report.left_out == {"boxes of class CF, which is not wanted": counts["CF"]}
        assert yaml.safe_load((tmp_path / "out/data.yaml").read_text())["names"] == {0: "CS"}

    def test_images_of_a_dataset_of_geotiffs_are_linked(self, tmp_path: Path) -> None:
        patches = dataset(3)
        own = tmp_path / "dataset"
        (own / "images").mkdir(parents=True)
        patches.path = own
        for name in patches.table["name"]:
            (own / "images" / f"{name}.tif").write_bytes(b"any")
        write_yolo(patches, tmp_path / "out", part="all")
        for name in patches.table["name"]:
            made = tmp_path / "out/images/all" / f"{name}.tif"
            assert made.samefile(own / "images" / f"{name}.tif")
        assert GeoTIFFFiles().name == "geotiff"


@pytest.mark.parametrize("write", [write_yolo, write_coco])
class TestBoth:
    def test_nothing_is_dropped_in_silence(self, write: Any, tmp_path: Path) -> None:
        patches = split(dataset(40))
        patches.boxes.loc[5, "col1"] = patches.boxes.loc[5, "col0"]
        patches.boxes.loc[5, "visible"] = 1.0
        report = write(patches, tmp_path / "out", images=False)
        shown = [number for part in PARTS for number in patches.numbers_of(part)]
        total = patches.boxes["patch"].isin(shown).sum()
        hardly = (patches.boxes["patch"].isin(shown) & (patches.boxes["visible"] < 0.3)).sum()
        assert report.patches == {part: len(patches.numbers_of(part)) for part in PARTS}
        assert report.left_out == {
            "boxes of which less than 0.3 is in the patch": hardly,
            "boxes without area in their patch": 1,
            "patches that are in no part that was asked for": 4,
        }
        assert sum(report.boxes.values()) == total - hardly - 1
        assert f"left out: {hardly} boxes of which less than 0.3" in str(report)
        assert not (tmp_path / "out/images").exists()

    def test_a_box_that_is_just_visible_enough_is_kept(self, write: Any, tmp_path: Path) -> None:
        patches = dataset(3)
        patches.boxes["visible"] = np.float32(0.3)
        report = write(patches, tmp_path / "out", part="all", min_visible=0.3, images=False)
        assert report.boxes == {"all": len(patches.boxes)}

    def test_one_part_can_be_taken(self, write: Any, tmp_path: Path) -> None:
        patches = split(dataset(20))
        report = write(patches, tmp_path / "out", part="test", images=False)
        assert report.patches == {"test": 2}
        assert report.left_out["patches that are in no part that was asked for"] == 18

    def test_a_selection_is_written_under_its_own_names(self, write: Any, tmp_path: Path) -> None:
        patches = split(dataset(20))
        some = patches.selected(np.arange(19, 4, -3))
        report = write(some, tmp_path / "out", part="all", min_visible=0)
        assert report.boxes["all"] == patches.boxes["patch"].isin(some.table["patch"]).sum()
        for number in some.table["patch"]:
            with rasterio.open(tmp_path / "out/images/all" / f"{patches.table['name'][number]}.tif") as file:
                np.testing.assert_array_equal(file.read(), patches.values[number])
            label = tmp_path / "out/labels/all" / f"{patches.table['name'][number]}.txt"
            if write is write_yolo:
                assert len(label.read_text().splitlines()) == (patches.boxes["patch"] == number).sum()
        if write is write_coco:
            told = json.loads((tmp_path / "out/annotations/all.json").read_text())
            assert [one["id"] for one in told["images"]] == some.table["patch"].tolist()

    def test_a_dataset_without_split_asks_for_one(self, write: Any, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match=r"tiling.split\(patches\).save\(\)"):
            write(dataset(3), tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_what_is_there_is_kept_unless_it_may_go(self, write: Any, tmp_path: Path) -> None:
        write(dataset(9), tmp_path / "out", part="all")
        (tmp_path / "out/notes.txt").write_text("mine")
        before = {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
        with pytest.raises(OutputExists, match="overwrite=True"):
            write(dataset(3), tmp_path / "out", part="all")
        assert {path for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
        write(dataset(3), tmp_path / "out", part="all", overwrite=True)
        assert (tmp_path / "out/notes.txt").read_text() == "mine"
        assert len(list((tmp_path / "out/images/all").iterdir())) == 3

    def test_the_dataset_itself_is_not_written_over(self, write: Any, tmp_path: Path) -> None:
        patches = dataset(3)
        patches.path = tmp_path
        (tmp_path / "images").mkdir()
        with pytest.raises(InvalidArgument, match="dataset itself"):
            write(patches, tmp_path, part="all", overwrite=True)
        assert (tmp_path / "images").is_dir()

    @pytest.mark.parametrize("more", [{"classes": ["XX"]}, {"classes": ["CF", "CF"]}, {"min_visible": 3}])
    def test_arguments_that_cannot_be_followed_are_refused(
        self, write: Any, more: dict[str, Any], tmp_path: Path
    ) -> None:
        with pytest.raises(InvalidArgument):
            write(dataset(3), tmp_path / "out", part="all", **more)
        assert not (tmp_path / "out").exists()

    def test_a_dataset_without_patches_or_masks_is_no_trouble(self, write: Any, tmp_path: Path) -> None:
        assert write(dataset(0), tmp_path / "none", part="all").patches == {"all": 0}
        patches = dataset(5)
        patches.masks, patches.labels = (), patches.labels[:, :0]
        report = write(patches, tmp_path / "out", part="all")
        assert report.boxes["all"] == 3


def decoded(segmentation: dict[str, Any]) -> np.ndarray:
    """A mask from its run lengths, pixel by pixel."""
    height, width = segmentation["size"]
    flat, inside = [], 0
    for length in segmentation["counts"]:
        flat += [inside] * length
        inside = 1 - inside
    assert len(flat) == height * width
    return np.array(flat, bool).reshape(width, height).T


class TestCOCO:
    def test_annotations_are_the_boxes_and_their_pixels(self, tmp_path: Path) -> None:
        patches = split(dataset(40))
        write_coco(patches, tmp_path / "out")
        for part in PARTS:
            told = json.loads((tmp_path / "out/annotations" / f"{part}.json").read_text())
            assert set(told) == {"images", "annotations", "categories"}
            assert told["categories"] == [{"id": 1, "name": "CF"}, {"id": 2, "name": "CS"}]
            assert [one["id"] for one in told["images"]] == patches.numbers_of(part).tolist()
            for image in told["images"]:
                assert (image["height"], image["width"]) == (HEIGHT, WIDTH)
                assert (tmp_path / "out/images" / part / image["file_name"]).is_file()
            assert [one["id"] for one in told["annotations"]] == list(range(1, len(told["annotations"]) + 1))
            expected = [
                (number, box)
                for number in patches.numbers_of(part)
                for box in expected_boxes(patches, number)
            ]
            assert len(told["annotations"]) == len(expected)
            for one, (number, box) in zip(told["annotations"], expected, strict=True):
                assert (one["image_id"], one["category_id"], one["iscrowd"]) == (number, box.value, 0)
                assert one["bbox"] == [box.col0, box.row0, box.col1 - box.col0, box.row1 - box.row0]
                # Slides are rectangles here, so that masks and boxes say the same.
                mask = np.zeros((HEIGHT, WIDTH), bool)
                mask[int(box.row0) : int(box.row1), int(box.col0) : int(box.col1)] = True
                np.testing.assert_array_equal(decoded(one["segmentation"]), mask)
                assert one["area"] == mask.sum()

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own
    def test_pycocotools_reads_and_scores_it(self, tmp_path: Path) -> None:
        coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
        from pycocotools.cocoeval import COCOeval

        patches = dataset(40)
        write_coco(patches, tmp_path / "out", part="all", min_visible=0)
        with contextlib.redirect_stdout(io.StringIO()):
            truth = coco.COCO(str(tmp_path / "out/annotations/all.json"))
            masks = {key: truth.annToMask(one) for key, one in truth.anns.items()}
            found = [
                {**{key: one[key] for key in ("image_id", "category_id", "bbox")}, "score": 0.9}
                for one in truth.anns.values()
            ]
            scored = COCOeval(truth, truth.loadRes(found), "bbox")
            scored.evaluate()
            scored.accumulate()
            scored.summarize()
        assert scored.stats[0] == pytest.approx(1)
        for key, mask in masks.items():
            x, y, w, h = map(int, truth.anns[key]["bbox"])
            expected = np.zeros((HEIGHT, WIDTH), bool)
            expected[y : y + h, x : x + w] = True
            np.testing.assert_array_equal(mask, expected)

    def test_a_box_without_pixels_is_its_own_outline(self, tmp_path: Path) -> None:
        patches = dataset(3)
        patches.labels[:, 0] = 0
        write_coco(patches, tmp_path / "out", part="all", images=False, min_visible=0)
        told = json.loads((tmp_path / "out/annotations/all.json").read_text())
        assert told["annotations"]
        for one in told["annotations"]:
            x, y, w, h = one["bbox"]
            assert one["segmentation"] == [[x, y, x + w, y, x + w, y + h, x, y + h]]
            assert one["area"] == w * h

    def test_a_mask_that_is_not_of_labels_is_not_taken_for_them(self, tmp_path: Path) -> None:
        patches = dataset(3)
        patches.masks = ("valid_mask", "shadow_layover")
        write_coco(patches, tmp_path / "out", part="all", images=False, min_visible=0)
        told = json.loads((tmp_path / "out/annotations/all.json").read_text())
        assert all(isinstance(one["segmentation"], list) for one in told["annotations"])


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_run_lengths_are_undone_pixel_by_pixel(outline: np.ndarray) -> None:
    lengths = run_lengths(outline)
    assert all(length > 0 for length in lengths[1:])
    np.testing.assert_array_equal(decoded({"size": outline.shape, "counts": lengths}), outline)


class TestOutlines:
    LABELS = np.zeros((10, 12), np.uint8)
    LABELS[1:4, 1:4] = 1
    LABELS[1:3, 6:9] = 1
    LABELS[4:6, 4:5] = 2  # touches the first by a corner, but is of another class
    LABELS[7:9, 1:11] = 1

    def test_pieces_go_to_the_box_that_holds_them(self) -> None:
        first, second = outlines_of(self.LABELS, [(1, (1.0, 1.0, 4.0, 4.0)), (1, (1.0, 6.0, 3.0, 9.0))])
        assert first is not None
        assert second is not None
        assert first.sum() == 9
        assert second.sum() == 6
        assert not (first & second).any()

    def test_of_two_boxes_the_smaller_one_gets_a_piece(self) -> None:
        large, small = outlines_of(self.LABELS, [(1, (0.0, 0.0, 6.0, 12.0)), (1, (1.0, 6.0, 3.0, 9.0))])
        assert large is not None
        assert small is not None
        assert (large.sum(), small.sum()) == (9, 6)

    def test_a_piece_that_reaches_from_box_to_box_is_cut(self) -> None:
        left, right = outlines_of(self.LABELS, [(1, (7.0, 1.0, 9.0, 5.0)), (1, (7.0, 5.0, 9.0, 11.0))])
        assert left is not None
        assert right is not None
        assert (left.sum(), right.sum()) == (8, 12)
        assert not (left & right).any()

    def test_edges_of_boxes_need_not_be_whole(self) -> None:
        (found,) = outlines_of(self.LABELS, [(1, (1.4, 1.3, 3.6, 3.7))])
        assert found is not None
        assert found.sum() == 9

    def test_classes_do_not_mix(self) -> None:
        (other,) = outlines_of(self.LABELS, [(2, (0.0, 0.0, 10.0, 12.0))])
        assert other is not None
        assert other.sum() == 2
        assert outlines_of(self.LABELS, [(3, (0.0, 0.0, 10.0, 12.0))]) == [None]


class TestSoftening:
    def test_distances_are_those_of_a_search_over_all_slide_pixels(self) -> None:
        random = np.random.default_rng(0)
        mask = (random.random((20, 30)) < 0.02).astype(np.uint8) * 3
        mask[0, :4] = 255
        rows, columns = np.nonzero(mask == 3)
        found = label_distances(mask)
        for row in range(20):
            for column in range(30):
                if mask[row, column] == 255:
                    assert np.isnan(found[row, column])
                else:
                    nearest = np.hypot(rows - row, columns - column).min()
                    assert found[row, column] == pytest.approx(nearest, abs=1e-5)

    @pytest.mark.parametrize("sigma", [0.5, 3, 5])
    def test_labels_fade_as_a_gaussian_of_the_distance(self, sigma: float) -> None:
        mask = np.zeros((1, 40), np.uint8)
        mask[0, :3] = 1
        expected = [math.exp(-(max(k - 2, 0) ** 2) / (2 * sigma**2)) for k in range(40)]
        found = soften(mask, sigma)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0], expected, atol=1e-6)

    def test_patches_of_a_batch_do_not_see_each_other(self) -> None:
        masks = np.zeros((2, 1, 8, 8), np.uint8)
        masks[0, 0, 4, 4] = 1
        found = soften(masks, 2)
        np.testing.assert_array_equal(found[0, 0], soften(masks[0, 0], 2))
        assert (found[1] == 0).all()
        assert np.isinf(label_distances(masks)[1]).all()

    def test_what_is_not_valid_is_nodata_but_its_slide_counts(self) -> None:
        mask = np.array([[0, 0, 1, 0, 0]], np.uint8)
        valid = np.array([[1, 1, 0, 1, 255]], np.uint8)
        np.testing.assert_array_equal(label_distances(mask, valid=valid), [[2, 1, np.nan, 1, np.nan]])

    def test_arguments_that_cannot_be_followed_are_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="sigma"):
            soften([[1]], 0)
        with pytest.raises(InvalidArgument, match="rows and columns"):
            soften([1], 2)
        with pytest.raises(InvalidArgument, match="shape of mask"):
            label_distances([[1, 0]], valid=[[1]])
