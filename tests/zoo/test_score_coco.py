"""Average precision against COCO's own evaluation, crowds for ignored boxes."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from zoo.scores import Curve, ScoredBoxes, TruthBoxes, average_precision, match_boxes, precision_recall_curve

coco = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")

CLASSES = 3
THRESHOLDS = (0.3, 0.5)


def scenes(seed: int) -> list[tuple[TruthBoxes, ScoredBoxes]]:
    """Images with true and ignored boxes, detections about some of them and others anywhere; no score twice."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(12):
        corners = random.uniform(0, 130, (7, 2))
        boxes = np.hstack([corners, corners + random.uniform(12, 30, (7, 2))])
        classes = random.integers(CLASSES, size=7)
        about = random.integers(7, size=12)
        near = boxes[about] + random.normal(0, 3.0, (12, 4))
        corners = random.uniform(0, 130, (6, 2))
        anywhere = np.hstack([corners, corners + random.uniform(8, 30, (6, 2))])
        called = np.where(random.random(12) < 0.7, classes[about], random.integers(CLASSES, size=12))
        found = ScoredBoxes(
            np.vstack([near, anywhere]),
            np.concatenate([called, random.integers(CLASSES, size=6)]),
            random.random(18),
        )
        made.append((TruthBoxes(boxes, classes, random.random(7) < 0.3), found))
    return made


def as_coco(box: np.ndarray) -> list[float]:
    row0, col0, row1, col1 = map(float, box)
    return [col0, row0, col1 - col0, row1 - row0]


def coco_precisions(images: list[tuple[TruthBoxes, ScoredBoxes]]) -> np.ndarray:
    """COCO's average precision, (threshold, class). Ignored ground has any class: it is a crowd of each."""
    truths, results = [], []
    for number, (truth, found) in enumerate(images, 1):
        for place in range(len(truth)):
            crowd = bool(truth.ignore[place])
            box = as_coco(truth.boxes[place])
            common = {
                "image_id": number,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": int(crowd),
            }
            kinds = range(CLASSES) if crowd else [int(truth.classes[place])]
            truths += [{**common, "category_id": kind + 1} for kind in kinds]
        results += [
            {
                "image_id": number,
                "bbox": as_coco(found.boxes[place]),
                "category_id": int(found.classes[place]) + 1,
                "score": float(found.scores[place]),
            }
            for place in range(len(found))
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco.COCO()
        known.dataset = {
            "info": {},
            "images": [{"id": number + 1} for number in range(len(images))],
            "annotations": [{"id": number, **one} for number, one in enumerate(truths, 1)],
            "categories": [{"id": kind + 1} for kind in range(CLASSES)],
        }
        known.createIndex()
        judge = cocoeval.COCOeval(known, known.loadRes(results), "bbox")
        judge.params.iouThrs = np.array(THRESHOLDS)
        judge.evaluate()
        judge.accumulate()
    return judge.eval["precision"][:, :, :, 0, -1].mean(axis=1)  # all areas, 100 detections


def at_101_recalls(curve: Curve) -> float:
    """The mean of the envelope at COCO's recalls, 0 beyond the last that was reached."""
    places = np.searchsorted(curve.recall, np.linspace(0.0, 1.0, 101), side="left")
    return float(np.append(curve.envelope, 0.0)[places].mean())


@pytest.mark.parametrize("seed", range(6))
def test_matches_curve_and_ignored_boxes_are_those_of_coco(seed: int) -> None:
    images = scenes(seed)
    known = coco_precisions(images)
    assert 0.05 < known.min() <= known.max() < 0.95
    for place, iou in enumerate(THRESHOLDS):
        matches = [match_boxes(truth, found, iou=iou) for truth, found in images]
        assert any((one.partners == -2).any() for one in matches)
        for number in range(CLASSES):
            curve = precision_recall_curve(matches, number)
            assert at_101_recalls(curve) == pytest.approx(known[place, number], abs=1e-9)
            # The area itself lies between sums of 100 strips under the falling envelope.
            assert average_precision(matches, number) == pytest.approx(known[place, number], abs=0.0101)


def test_without_ignored_flags_coco_gives_something_else() -> None:
    images = [(TruthBoxes(truth.boxes, truth.classes), found) for truth, found in scenes(0)]
    assert np.abs(coco_precisions(images) - coco_precisions(scenes(0))).max() > 0.01


def test_the_whole_sum_of_one_image_is_that_of_coco() -> None:
    one = scenes(7)[:1]
    known = coco_precisions(one)
    for place, iou in enumerate(THRESHOLDS):
        matches = [match_boxes(truth, found, iou=iou) for truth, found in one]
        found = [at_101_recalls(precision_recall_curve(matches, number)) for number in range(CLASSES)]
        # COCO marks classes without truth by -1.
        counted = known[place] >= 0.0
        np.testing.assert_allclose(np.array(found)[counted], known[place][counted], atol=1e-9)
