from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

torch = pytest.importorskip("torch")

from insarfeat import synth, tiling
from insarfeat.errors import InvalidArgument, MissingInput
from insarfeat.tiling import Sampling, SmallCopies
from zoo.training.labelled import BoxLabels, Mark, Samples, Truth, labelled, softened
from zoo.training.samples import PatchSamples, SyntheticOptions, SyntheticSamples

BANDS = ("wrapped_phase", "coherence", "elevation")


def same(one: Samples, other: Samples) -> bool:
    return (
        torch.equal(torch.nan_to_num(one.raw, nan=-99.0), torch.nan_to_num(other.raw, nan=-99.0))
        and torch.equal(one.mask, other.mask)
        and torch.equal(one.valid, other.valid)
        and torch.equal(one.kind, other.kind)
        and all(torch.equal(a.boxes, b.boxes) for a, b in zip(one.boxes, other.boxes, strict=True))
    )


# Truth as a set of classes sees it


def truth() -> Truth:
    """One tile: an earthflow above, an event below, something hidden at the left, an artefact at the right."""
    blank = torch.zeros(1, 12, 12)
    landslide, artefact, kind, valid = blank.clone(), blank.clone(), blank.clone(), blank + 1
    landslide[0, 1:4, 5:8] = 1
    kind[0, 1:4, 5:8] = 1
    landslide[0, 8:11, 5:7] = 1
    kind[0, 8:11, 5:7] = 2
    kind[0, 2:6, 0:2] = 3
    valid[0, 2:6, 0:2] = 0
    artefact[0, 5:8, 9:12] = 1
    marks = [
        Mark("CF", (1.0, 5.0, 4.0, 8.0), False),
        Mark("EV", (8.0, 5.0, 11.0, 7.0), False),
        Mark("AR", (5.0, 9.0, 8.0, 12.0), False),
    ]
    return Truth(landslide > 0, valid > 0, artefact > 0, kind.to(torch.uint8), [marks])


def rows(found: BoxLabels) -> list[tuple[list[float], int, bool]]:
    return list(zip(found.boxes.tolist(), found.classes.tolist(), found.ignore.tolist(), strict=True))


def test_all_slides_are_landslides_and_what_is_hidden_is_ignored() -> None:
    found = labelled(torch.zeros(1, 1, 12, 12), truth(), ("landslide",))
    assert rows(found.boxes[0]) == [
        ([1.0, 5.0, 4.0, 8.0], 0, False),
        ([8.0, 5.0, 11.0, 7.0], 0, False),
        ([2.0, 0.0, 6.0, 2.0], 0, True),
    ]
    assert int(found.mask.sum()) == 9 + 6
    assert int((~found.valid).sum()) == 8
    assert found.kind.unique().tolist() == [0, 1, 2]


def test_artefacts_are_a_class_where_asked_and_slides_of_other_classes_are_ignored() -> None:
    found = labelled(torch.zeros(1, 1, 12, 12), truth(), ("AR", "CF"))
    assert rows(found.boxes[0]) == [
        ([1.0, 5.0, 4.0, 8.0], 1, False),
        ([8.0, 5.0, 11.0, 7.0], 0, True),
        ([5.0, 9.0, 8.0, 12.0], 0, False),
        ([2.0, 0.0, 6.0, 2.0], 0, True),
    ]
    assert found.mask.sum((0, 2, 3)).tolist() == [9.0, 9.0]
    assert not found.valid[0, 8:11, 5:7].any()
    assert int((~found.valid).sum()) == 8 + 6


def test_a_slide_cut_off_by_the_edge_is_ignored() -> None:
    from insarfeat.synth.placing import Feature, Shape
    from insarfeat.synth.slides import Sighting
    from insarfeat.windows import Window

    shape = Shape(0.0, 0.0, 10.0, 5.0, 1.0, 0.0, 0.0, 0.0, "ellipse", 0.3, (0.0, 0.0, 0.0, 0.0))

    def mark(box: Window | None) -> Mark | None:
        return Mark.of(Sighting(0, Feature("CF", shape), "coherent", 0.5, 90_000.0, 0.1, box), 15.0)

    # 90,000 m2, half of which shows: 200 pixels of 15 m. A box of 60 could hold 30 percent of them.
    assert mark(Window(0, 3, 3, 20)) == Mark("CF", (0.0, 3.0, 3.0, 23.0), False)
    assert mark(Window(0, 3, 59, 1)) == Mark("CF", (0.0, 3.0, 59.0, 4.0), True)
    assert mark(None) is None


def test_softened_masks_follow_the_distance_to_the_slide() -> None:
    mask = torch.zeros(1, 1, 9, 9)
    mask[0, 0, 4, 4] = 1.0
    blank = torch.zeros(1, 9, 9)
    given = Samples(blank[:, None], mask, blank == 0, blank.byte(), (BoxLabels.of([]),))
    found = softened(given, 2.0).mask[0, 0]
    for row, col in ((4, 4), (4, 6), (1, 8), (0, 0)):
        distance = math.hypot(row - 4, col - 4)
        assert float(found[row, col]) == pytest.approx(math.exp(-(distance**2) / 8), rel=1e-5)
    assert softened(given, 0.0) is given


def test_without_a_slide_softened_masks_are_zero() -> None:
    blank = torch.zeros(1, 9, 9)
    given = Samples(blank[:, None], blank[:, None], blank == 0, blank.byte(), (BoxLabels.of([]),))
    assert not softened(given, 3.0).mask.any()


# Tiles of the generator


def synthetic(**changes: Any) -> SyntheticSamples:
    settings = {"size": 48, "pixel": 15.0, "batch": 3, "length": 2, "seed": 4, **changes}
    options = settings.pop("options", SyntheticOptions(tiles_a_place=4))
    return SyntheticSamples(
        settings.pop("bands", BANDS), settings.pop("classes", ("landslide",)), options=options, **settings
    )


def test_an_epoch_is_as_long_as_asked_and_has_the_bands_in_their_order() -> None:
    source = synthetic(bands=("elevation", "coherence"))
    found = list(source.epoch(0))
    assert [each.raw.shape for each in found] == [(3, 2, 48, 48)] * 2 == [(3, 2, 48, 48)] * source.length
    assert float(found[0].raw[:, 0].mean()) > 10.0
    assert 0.0 <= float(found[0].raw[:, 1].min()) <= float(found[0].raw[:, 1].max()) <= 1.0
    assert [each.mask.shape for each in found] == [(3, 1, 48, 48)] * 2
    assert found[0].valid.dtype == torch.bool
    assert len(found[0]) == len(found[0].boxes) == 3


def test_an_epoch_is_the_same_each_time_and_another_is_not() -> None:
    (one,), (again,), (other,), (elsewhere,) = (
        list(synthetic(length=1, seed=seed).epoch(number))
        for seed, number in ((4, 1), (4, 1), (4, 2), (5, 1))
    )
    assert same(one, again)
    assert not torch.equal(one.raw, other.raw)
    assert not torch.equal(one.raw, elsewhere.raw)


def test_every_box_that_counts_holds_slide_pixels_of_its_class() -> None:
    classes = ("CF", "CS", "FS", "AR")
    options = SyntheticOptions(
        style=synth.PLAIN.with_(slides=4.0, artefacts=2.0, regions="apennines"), slides=("CF", "CS", "FS")
    )
    found = 0
    for each in synthetic(classes=classes, batch=8, length=2, size=96, options=options).epoch(0):
        for mask, labels in zip(each.mask, each.boxes, strict=True):
            kept = labels.counted()
            for box, number in zip(kept.boxes.int().tolist(), kept.classes.tolist(), strict=True):
                assert mask[number, box[0] : box[2], box[1] : box[3]].any()
                found += 1
    assert found > 10


def test_tiles_of_other_pixel_sizes_are_as_steep_as_their_ground() -> None:
    options = SyntheticOptions(pixels=(30.0,))
    (made,) = synthetic(bands=("elevation",), length=1, options=options, pixel=30.0).epoch(0)
    (told,) = synthetic(bands=("elevation",), length=1, options=options, pixel=20.0).epoch(0)
    # Metres a pixel of 20 m are to metres a pixel of 30 m as the pixels are.
    assert torch.allclose(told.raw / 20.0, made.raw / 30.0, rtol=1e-6)


def test_pixel_sizes_take_turns() -> None:
    options = SyntheticOptions(pixels=(15.0, 30.0))
    found = list(synthetic(bands=("terrain_pc1",), length=4, batch=1, size=32, options=options).epoch(0))
    # The composite is made at 15 m only.
    assert [bool(each.raw.isnan().all()) for each in found] == [False, True, False, True]


def test_tiles_larger_than_a_cell_are_drawn_like_those_of_the_frozen_test_sets() -> None:
    options = SyntheticOptions()
    small, large = options.style_of(160, 15.0), options.style_of(256, 30.0)
    assert small == synth.PLAIN
    assert large.cell == 256 * 30.0
    assert large.slides == synth.frozen.FROZEN["segmenter-plain"].style.slides


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": ("coherance",)}, "did you mean 'coherence'"),
        ({"classes": ("CF", "XX")}, "classes has 'XX'"),
        ({"classes": ("landslide", "CF")}, "classes has 'landslide'"),
        ({"bands": ()}, "must name at least one"),
        ({"bands": ("terrain_pc1",), "pixel": 30.0}, "terrain_pc1 is made at"),
        ({"batch": 0}, "batch is 0"),
    ],
)
def test_what_the_generator_does_not_have_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        synthetic(**changes)


# Patches of a user's own


def stack(rows: int = 128, cols: int = 128, *, valid: bool = False, pixel: float = 15.0) -> xr.Dataset:
    """Two bands with a hole each, and slides of two classes."""
    random = np.random.default_rng(0)
    coords = {"y": 5e6 - pixel * np.arange(rows), "x": 6e5 + pixel * np.arange(cols)}
    layers = {
        "wrapped_phase": random.uniform(-3, 3, (rows, cols)).astype("f4"),
        "coherence": random.uniform(0, 1, (rows, cols)).astype("f4"),
    }
    layers["coherence"][2:4, 2:4] = np.nan
    labels = np.zeros((rows, cols), "u1")
    labels[10:20, 12:30] = 1
    labels[80:90, 40:48] = 2
    labels[100:104, 100:104] = 255
    layers["landslide"] = labels
    if valid:
        layers["valid_mask"] = np.ones((rows, cols), "u1")
        layers["valid_mask"][:, :6] = 0
    data = xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()}, coords)
    data["landslide"].attrs = {
        "flag_values": np.array([1, 2], "u1"), "flag_meanings": "CF CS", "_FillValue": np.uint8(255),
    }  # fmt: skip
    return data.assign_coords(spatial_ref=xr.Variable((), 0, CRS.from_epsg(32632).to_cf()))


def patches(folder: Path, data: xr.Dataset, **options: Any) -> Any:
    return tiling.extract_patches(data, folder / "patches", size=64, min_valid=0.0, **options)


def whole(source: PatchSamples) -> Samples:
    (found,) = source.epoch(0)
    return found


def test_patches_come_with_their_labels_boxes_and_pixel_size(tmp_path: Path) -> None:
    given = patches(tmp_path, stack())
    source = PatchSamples(given, ("coherence", "wrapped_phase"), tuple(given.classes), batch=4)
    assert (source.pixel, source.size, source.length) == (15.0, 64, 1)
    assert source.classes == ("CF", "CS")
    found = whole(source)
    order = [int(np.flatnonzero((given.read(np.arange(4)).values[:, 0] == one[1]).all((1, 2)))[0])
             for one in found.raw.numpy()]  # fmt: skip
    assert sorted(order) == [0, 1, 2, 3]
    for place, number in enumerate(order):
        labels = given[number].masks[0]
        assert np.array_equal(found.mask[place, 0], labels == 1)
        assert np.array_equal(found.mask[place, 1], labels == 2)
        told = given[number].boxes
        assert found.boxes[place].boxes.tolist() == told[["row0", "col0", "row1", "col1"]].to_numpy().tolist()
        assert found.boxes[place].classes.tolist() == (told["value"] - 1).tolist()
        known = np.isfinite(given[number].values).all(0) & (labels != 255)
        assert np.array_equal(found.valid[place], known)
    assert int((~found.valid).sum()) == 4 + 16
    assert not found.kind.any()


def test_all_labels_are_one_class_where_one_is_asked_for(tmp_path: Path) -> None:
    found = whole(PatchSamples(patches(tmp_path, stack()), ("coherence",), ("landslide",), batch=4))
    assert int(found.mask.sum()) == 180 + 80
    assert sorted(int(number) for one in found.boxes for number in one.classes) == [0, 0]


def test_labels_of_classes_that_are_not_asked_for_are_ignored(tmp_path: Path) -> None:
    found = whole(PatchSamples(patches(tmp_path, stack()), ("wrapped_phase",), ("CS",), batch=4))
    assert int(found.mask.sum()) == 80
    assert int((~found.valid).sum()) == 180 + 16
    assert sorted(rows(one)[0][2] for one in found.boxes if len(one)) == [False, True]


def test_pixels_that_the_valid_mask_leaves_out_do_not_count(tmp_path: Path) -> None:
    given = patches(tmp_path, stack(valid=True))
    found = whole(PatchSamples(given, ("wrapped_phase",), ("landslide",), batch=4))
    assert int((~found.valid).sum()) == 128 * 6 + 16


def test_bands_that_may_be_missing_are_nodata_and_cost_no_labels(tmp_path: Path) -> None:
    given = patches(tmp_path, stack())
    source = PatchSamples(
        given, ("wrapped_phase", "coherence", "sensitivity"), ("landslide",), batch=4,
        optional=("coherence", "sensitivity"),
    )  # fmt: skip
    found = whole(source)
    assert found.raw[:, 2].isnan().all()
    assert int(found.raw[:, 1].isnan().sum()) == 4
    assert int((~found.valid).sum()) == 16


def test_around_a_cropped_copy_is_nodata_that_does_not_count(tmp_path: Path) -> None:
    given = patches(tmp_path, stack(), sampling=Sampling(copies=SmallCopies(below=100, crop=32)))
    (copy,) = np.flatnonzero(given.table["copy"])
    # The rim of the copy holds zeros in the dataset.
    assert (given[int(copy)].values[:, 0] == 0).all()
    found = whole(PatchSamples(given, ("wrapped_phase",), ("landslide",), batch=8))
    (place,) = [number for number, one in enumerate(found.raw) if one.isnan().any()]
    assert int(found.valid[place].sum()) == 32 * 32
    assert found.raw[place, 0, 16:48, 16:48].isfinite().all()
    assert int(found.raw[place].isnan().sum()) == 64 * 64 - 32 * 32
    assert int(found.mask[place].sum()) == 80


def test_every_patch_comes_once_in_an_epoch_in_batches_of_nearly_one_size(tmp_path: Path) -> None:
    given = patches(tmp_path, stack(), stride=32)
    source = PatchSamples(given, ("wrapped_phase",), ("landslide",), batch=5)
    sizes, corners = [], []
    for each in source.epoch(3):
        sizes.append(len(each))
        corners += each.raw[:, 0, 5, 5].tolist()
    assert len(given) == 9
    assert sizes == [5, 4]
    assert sorted(corners) == sorted(given.read(np.arange(9)).values[:, 0, 5, 5].tolist())


def test_epochs_have_orders_of_their_own_that_come_again(tmp_path: Path) -> None:
    given = patches(tmp_path, stack(), stride=16)
    source = PatchSamples(given, ("wrapped_phase",), ("landslide",), batch=64)
    one, again, other = (whole_of(source, number) for number in (0, 0, 1))
    assert one == again != other
    assert sorted(one) == sorted(other)


def whole_of(source: PatchSamples, number: int) -> list[float]:
    return [value for each in source.epoch(number) for value in each.raw[:, 0, 5, 5].tolist()]


def test_shares_of_buckets_decide_what_is_drawn(tmp_path: Path) -> None:
    given = patches(tmp_path, stack(), stride=16)
    labelled_ones = PatchSamples(
        given, ("wrapped_phase",), ("landslide",), batch=64, weights=(0.0, 0.5, 0.3, 0.2)
    )
    assert all(each.mask.flatten(1).any(1).all() for each in labelled_ones.epoch(0))
    background = PatchSamples(given, ("wrapped_phase",), ("landslide",), batch=64, weights=(1, 0, 0, 0))
    assert not any(each.mask.any() for each in background.epoch(0))


@pytest.mark.parametrize(
    ("bands", "classes", "error", "message"),
    [
        (("coherance",), ("landslide",), MissingInput, "did you mean 'coherence'"),
        (("coherence",), ("CF", "FS"), InvalidArgument, "classes has 'FS'"),
    ],
)
def test_what_patches_do_not_have_is_refused(
    tmp_path: Path, bands: Any, classes: Any, error: type[Exception], message: str
) -> None:
    given = patches(tmp_path, stack())
    with pytest.raises(error, match=message):
        PatchSamples(given, bands, classes, batch=2)


def test_patches_without_labels_are_refused(tmp_path: Path) -> None:
    given = patches(tmp_path, stack().drop_vars("landslide"))
    with pytest.raises(MissingInput, match="no labels"):
        PatchSamples(given, ("coherence",), ("landslide",), batch=2)


def test_patches_without_a_map_have_no_pixel_size(tmp_path: Path) -> None:
    bare = stack().drop_vars(["spatial_ref", "x", "y"])
    given = patches(tmp_path, bare)
    with pytest.raises(InvalidArgument, match="without a map"):
        PatchSamples(given, ("coherence",), ("landslide",), batch=2)
