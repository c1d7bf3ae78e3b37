"""All scores in one go, image by image: the same as all at once, and nothing else than the single functions give."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from insarfeat.errors import InvalidArgument
from zoo.scores import (
    ON_SYNTHETIC,
    BoxTally,
    Counts,
    MaskTally,
    ScoredBoxes,
    SizeClasses,
    TruthBoxes,
    average_precision,
    match_boxes,
    pixel_counts,
)

CLASSES = ("CF", "CS", "AR")
PIXEL = (15.0, 15.0)


def box_tally(**changes: object) -> BoxTally:
    settings = {
        "apart": ["AR"],
        "strata": {"area": (0.0, 300.0, math.inf), "kind": None},
        "on_synthetic": True,
    }
    return BoxTally(CLASSES, **{**settings, **changes})  # type: ignore[arg-type]


def images(number: int = 12) -> list[tuple[TruthBoxes, ScoredBoxes]]:
    random = np.random.default_rng(2)
    made = []
    for place in range(number):
        many = 0 if place % 4 == 0 else 4
        corners = random.uniform(0, 100, (many, 2))
        boxes = np.hstack([corners, corners + random.uniform(8, 30, (many, 2))])
        classes = random.integers(3, size=many)
        noise = random.uniform(0, 100, (3, 2))
        found = np.vstack([boxes + random.normal(0, 2, boxes.shape), np.hstack([noise, noise + 15])])
        called = np.concatenate([classes, random.integers(3, size=3)])
        made.append((TruthBoxes(boxes, classes), ScoredBoxes(found, called, random.random(len(found)))))
    return made


def add(tally: BoxTally, truth: TruthBoxes, found: ScoredBoxes, group: str | None = None) -> None:
    sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
    kinds = np.where(truth.classes == 0, "coherent", "incoherent")
    tally.add(truth, found, strata={"area": sides.prod(axis=1), "kind": kinds}, area_km2=5.76, group=group)


def tiles(number: int = 8) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(3)
    made = []
    for place in range(number):
        label = np.zeros((40, 40), np.uint8)
        if place % 4:
            label[5 : 10 + place, 5:20] = 1
            label[30:34, 30 : 30 + place] = 1
        told = np.clip(0.2 + 0.5 * label + random.normal(0, 0.15, label.shape), 0, 1).astype(np.float32)
        valid = (random.random(label.shape) > 0.1).astype(np.uint8)
        kinds = np.where(label == 1, np.where(np.arange(40) < 12, 1, 2), 0)
        made.append({"probability": told, "label": label, "valid": valid, "kinds": kinds})
    return made


def test_class_scores_are_those_of_the_single_functions() -> None:
    tally = box_tally()
    for one in images():
        add(tally, *one)
    scores = tally.scores(0.3, resamples=50)
    matches = [match_boxes(*one) for one in images()]
    known = [average_precision(matches, number) for number in range(3)]
    assert list(scores.average_precision[0.5].values()) == known
    # Artefacts are told, but are no part of the mean or of the total.
    assert scores.mean_average_precision[0.5].value == pytest.approx((known[0] + known[1]) / 2)
    assert scores.total.counts == scores.counts["CF"] + scores.counts["CS"]
    assert scores.mean_average_precision[0.3].value >= scores.mean_average_precision[0.5].value
    span = scores.mean_average_precision[0.5]
    assert span.low < span.value < span.high


def test_artefacts_apart_are_background_to_slides_and_no_alarms_of_their_own() -> None:
    tally = BoxTally(CLASSES, apart=["AR"], on_synthetic=True)
    artefact = TruthBoxes([[0, 0, 10, 10]], [2])
    found = ScoredBoxes([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]], [2, 0, 2], [0.9, 0.8, 0.7])
    tally.add(artefact, found, area_km2=50.0)
    scores = tally.scores(0.5, resamples=10)
    assert scores.counts["AR"] == Counts(tp=1, fp=1)
    # One slide was told where only an artefact is: one false alarm on 50 km2 without slides.
    assert scores.total.counts == Counts(fp=1)
    assert scores.false_alarms.value == 2.0
    assert scores.without_truth == ("CF", "CS")
    assert math.isnan(scores.mean_average_precision[0.5].value)


def test_false_alarms_count_only_where_neither_slides_nor_ignored_ground_is() -> None:
    tally = BoxTally(CLASSES, on_synthetic=True)
    wrong = ScoredBoxes([[50, 50, 60, 60], [70, 70, 80, 80]], [0, 1], [0.9, 0.2])
    tally.add(TruthBoxes([], []), wrong, area_km2=40.0)
    tally.add(TruthBoxes([[0, 0, 10, 10]], [0]), wrong, area_km2=10.0)
    tally.add(TruthBoxes([[0, 0, 10, 10]], [0], [True]), wrong, area_km2=10.0)
    assert tally.scores(0.5, resamples=10).false_alarms.value == 2.5
    assert tally.scores(0.1, resamples=10).false_alarms.value == 5.0


def test_ignored_ground_is_ignored_for_slides_even_where_it_is_an_artefact() -> None:
    tally = BoxTally(CLASSES, apart=["AR"], on_synthetic=True)
    truth = TruthBoxes([[0, 0, 40, 40], [60, 60, 70, 70]], [2, 0], [True, False])
    tally.add(truth, ScoredBoxes([[5, 5, 15, 15], [60, 60, 70, 70]], [0, 0], [0.9, 0.8]))
    scores = tally.scores(0.5, resamples=10)
    assert scores.total.counts == Counts(tp=1)
    assert scores.any_class[0.5].value == 1.0


def test_strata_tell_the_recall_of_slides_whatever_they_were_called() -> None:
    tally = BoxTally(CLASSES, apart=["AR"], strata={"baseline": None}, on_synthetic=True)
    truth = TruthBoxes([[0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]], [0, 1, 2])
    tally.add(truth, ScoredBoxes([[0, 0, 10, 10]], [1], [0.9]), strata={"baseline": [6, 12, 12]})
    strata = tally.scores(0.5, resamples=10).recall["baseline"]
    assert [(part.name, part.found, part.total) for part in strata] == [("6", 1, 1), ("12", 0, 1)]


def test_parts_of_the_images_merge_to_the_scores_of_all() -> None:
    whole, first, second = box_tally(), box_tally(), box_tally()
    for place, one in enumerate(images()):
        add(whole, *one, group=f"dem {place // 3}")
        add(first if place < 5 else second, *one, group=f"dem {place // 3}")
    first.merge(second)
    assert first.scores(0.4, resamples=50).as_dict() == whole.scores(0.4, resamples=50).as_dict()
    with pytest.raises(InvalidArgument, match="same"):
        first.merge(box_tally(iou=(0.5,)))


def test_the_best_confidence_is_that_of_slides_only() -> None:
    # The slide is found at 0.6; artefacts at 0.2 would be best with a lower confidence.
    tally = BoxTally(CLASSES, apart=["AR"], on_synthetic=True)
    truth = TruthBoxes([[0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 49, 49]], [0, 2, 2])
    found = ScoredBoxes(truth.boxes[[0, 1, 2, 0]] + [[0], [0], [0], [60]], [0, 2, 2, 0], [0.6, 0.2, 0.2, 0.4])
    tally.add(truth, found)
    assert tally.best_confidence() == 0.6
    assert tally.curve().thresholds.tolist() == [0.6, 0.4]
    assert tally.curve("AR", iou=0.3).thresholds.tolist() == [0.2]


def test_box_scores_are_json_and_a_table_that_say_what_they_are_not() -> None:
    tally = box_tally()
    for one in images():
        add(tally, *one)
    scores = tally.scores(0.3, resamples=20)
    found = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert found["note"] == ON_SYNTHETIC
    assert found["average_precision"]["0.5"]["CF"] == scores.average_precision[0.5]["CF"]
    assert found["confusion"]["names"] == ["CF", "CS", "AR", "background"]
    table = str(scores)
    assert table.splitlines()[1].split() == [
        "class",
        "AP@0.5",
        "AP@0.3",
        "precision",
        "recall",
        "F1",
        "boxes",
    ]
    assert "AR (apart)" in table
    assert table.endswith(ON_SYNTHETIC)
    real = BoxTally(CLASSES, on_synthetic=False)
    real.add(*images()[1])
    assert ON_SYNTHETIC not in str(real.scores(0.3, resamples=10))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BoxTally(["CF"], apart=["XX"], on_synthetic=True), "only names of classes"),
        (lambda: BoxTally(["CF"], apart=["CF"], on_synthetic=True), "at least one that is not apart"),
        (lambda: BoxTally(["CF"], iou=(), on_synthetic=True), "iou is empty"),
        (lambda: box_tally().scores(0.5), "no image was added"),
        (lambda: box_tally().curve("XX"), "name is 'XX'"),
        (lambda: box_tally().add(TruthBoxes([], []), ScoredBoxes([], [], [])), "strata has the names"),
        (
            lambda: box_tally(strata=None).add(TruthBoxes([[0, 0, 1, 1]], [3]), ScoredBoxes([], [], [])),
            "a box has the class 3",
        ),
        (lambda: MaskTally(0.5, on_synthetic=True).scores(), "no tile was added"),
        (lambda: MaskTally(0.33333, on_synthetic=True), "round it"),
    ],
)
def test_what_no_tally_can_do_is_refused(call, words) -> None:
    with pytest.raises(InvalidArgument, match=words):
        call()


def test_mask_scores_are_those_of_the_single_functions() -> None:
    tally, known = MaskTally(0.45, on_synthetic=True), []
    for tile in tiles():
        tally.add(**tile, pixel=PIXEL)
        known.append(pixel_counts(tile["probability"], tile["label"], threshold=0.45, valid=tile["valid"]))
    scores = tally.scores(resamples=100)
    assert scores.pixels.counts == sum(known, Counts())
    # Tiles without slides have no recall, and no IoU unless something was found there.
    assert scores.per_tile["recall"] == pytest.approx(np.nanmean([part.recall for part in known]))
    assert scores.per_tile["iou"] == pytest.approx(np.nanmean([part.iou for part in known]))
    span = scores.pixels.intervals["iou"]
    assert span.low < scores.pixels.counts.iou < span.high
    assert scores.best_iou >= scores.pixels.counts.iou
    assert scores.reliability.counts.sum() == sum(int(tile["valid"].sum()) for tile in tiles())


def test_hits_and_misses_of_sizes_and_of_kinds_add_up_to_those_of_all() -> None:
    tally = MaskTally(0.45, sizes=SizeClasses(20 * 225.0, 100 * 225.0), on_synthetic=True)
    for tile in tiles():
        tally.add(**tile, pixel=PIXEL)
    scores = tally.scores(resamples=10)
    for parts in (scores.sizes, scores.kinds):
        total = sum((part.counts for part in parts.values()), Counts())
        assert (total.tp, total.fn) == (scores.pixels.counts.tp, scores.pixels.counts.fn)
        # False alarms of the two tiles without slides belong to none.
        assert total.fp < scores.pixels.counts.fp
    # The smaller slides of 4 x 1 to 4 x 3 pixels are small, 4 x 5 to 4 x 7 medium.
    small = scores.sizes["small"].counts
    valid = [
        tile["valid"][30:34, 30 : 30 + place] for place, tile in enumerate(tiles()) if place in (1, 2, 3)
    ]
    assert small.tp + small.fn == sum(int(part.sum()) for part in valid)


def test_parts_of_the_tiles_merge_to_the_scores_of_all() -> None:
    whole, first, second = (MaskTally(0.5, on_synthetic=True) for _ in range(3))
    for place, tile in enumerate(tiles()):
        whole.add(**tile, pixel=PIXEL, group=place % 3 or None)
        (first if place < 3 else second).add(**tile, pixel=PIXEL, group=place % 3 or None)
    first.merge(second)
    merged, known = (tally.scores(resamples=50).as_dict() for tally in (first, whole))
    calibration, known_calibration = merged.pop("reliability"), known.pop("reliability")
    assert merged == known
    # Sums of numbers that are not whole depend on their order, in the last digit.
    assert calibration["brier"] == pytest.approx(known_calibration["brier"], rel=1e-12)
    with pytest.raises(InvalidArgument, match="same"):
        first.merge(MaskTally(0.4, on_synthetic=True))


def test_the_distance_of_outlines_is_the_median_over_objects_of_all_tiles() -> None:
    # Rows of ten pixels, found without the last 1, 2 and 5: outlines of 15 m pixels are 15, 30 and 75 m apart.
    tally = MaskTally(0.5, on_synthetic=True)
    for short in (1, 2, 5):
        probability = np.where(np.arange(12) < 10 - short, 0.9, 0.1)[np.newaxis]
        tally.add(probability, np.arange(12)[np.newaxis] < 10, pixel=PIXEL)
    scores = tally.scores(resamples=10)
    assert scores.objects.counts == Counts(tp=3)
    assert scores.hausdorff.largest == 30.0


def test_a_perfect_mask_has_perfect_scores() -> None:
    tally = MaskTally(0.5, on_synthetic=True)
    for tile in tiles():
        tally.add(tile["label"].astype(np.float32), tile["label"], pixel=PIXEL, kinds=tile["kinds"])
    scores = tally.scores(resamples=20)
    assert scores.average_precision == scores.pixels.counts.iou == scores.objects.counts.f1 == 1.0
    assert scores.hausdorff.largest == scores.reliability.expected_calibration_error == 0.0
    assert scores.pixels.intervals["iou"].low == 1.0


def test_pixels_without_a_prediction_do_not_count_where_they_are_not_valid() -> None:
    tile = tiles()[1]
    hole = np.where(tile["valid"] == 1, tile["probability"], np.nan)
    scores = []
    for probability in (tile["probability"], hole):
        tally = MaskTally(0.45, on_synthetic=True)
        tally.add(probability, tile["label"], valid=tile["valid"], pixel=PIXEL)
        scores.append(tally.scores(resamples=10).pixels.counts)
    assert scores[0] == scores[1]


def test_mask_scores_are_json_and_a_table_that_say_what_they_are_not() -> None:
    tally = MaskTally(0.5, on_synthetic=True)
    for tile in tiles(2):
        tally.add(tile["probability"], tile["label"], pixel=PIXEL)
    scores = tally.scores(resamples=20)
    found = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert found["note"] == ON_SYNTHETIC
    assert found["pixels"]["iou"] == scores.pixels.counts.iou
    assert found["kinds"]["coherent"]["iou"] is None  # no tile told the kinds
    table = str(scores).splitlines()
    assert table[1].split()[:4] == ["precision", "recall", "F1", "IoU"]
    assert [row.split("  ")[0] for row in table[2:10]] == [
        "all pixels", "mean of tiles", "small", "medium", "large", "coherent", "incoherent", "objects",
    ]  # fmt: skip
    assert table[-1] == ON_SYNTHETIC


def test_a_mask_of_everything_is_scored_too() -> None:
    """A network that learned nothing does best by it, and its validation says so by a threshold of 0."""
    tally = MaskTally(0.0, on_synthetic=True)
    tally.add(np.full((2, 4), 0.3), np.array([[1, 0, 0, 0], [1, 0, 0, 0]]), pixel=PIXEL)
    assert tally.scores().pixels.counts == Counts(tp=2, fp=6, fn=0, tn=0)
