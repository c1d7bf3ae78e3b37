"""Batches of patches: each patch once, the same by seed, shard by shard, or drawn by weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from patches_in_memory import dataset, split

from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.tiling.patches.training.batches import BUCKETS, batches, bucket_weights


def order_of(patches: Any, size: int = 4, **more: Any) -> list[int]:
    return np.concatenate([one.numbers for one in batches(patches, size, **more)]).tolist()


def test_without_more_words_all_patches_come_in_their_order() -> None:
    patches = dataset(22)
    found = list(batches(patches, 5))
    assert [len(one) for one in found] == [5, 5, 5, 5, 2]
    assert np.concatenate([one.numbers for one in found]).tolist() == list(range(22))
    for one in found:
        np.testing.assert_array_equal(one.values, patches.values[one.numbers])
        np.testing.assert_array_equal(one.masks, patches.labels[one.numbers])


def test_a_last_batch_that_is_not_full_can_be_left_out() -> None:
    assert [len(one) for one in batches(dataset(22), 5, drop_last=True)] == [5, 5, 5, 5]
    assert list(batches(dataset(3), 5, drop_last=True)) == []
    assert list(batches(dataset(0), 5)) == []
    assert list(batches(dataset(0), 5, shuffle=True)) == []


def test_boxes_are_those_of_each_patch() -> None:
    patches = dataset(12)
    for one in batches(patches, 5, shuffle=True):
        for number, boxes in zip(one.numbers, one.boxes, strict=True):
            rows = patches.boxes[patches.boxes["patch"] == number]
            corners = rows[["row0", "col0", "row1", "col1"]].to_numpy()
            np.testing.assert_array_equal(boxes.corners, corners.reshape(-1, 4))
            assert boxes.values.tolist() == rows["value"].tolist()
            assert boxes.slides.tolist() == rows["slide"].tolist()


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 7), st.integers(0, 5))
def test_shuffled_patches_come_once_each_and_the_same_by_seed(
    count: int, per_shard: int, size: int, seed: int
) -> None:
    patches = dataset(count, per_shard=per_shard, size=(14, 2 * 13))
    found = [one.numbers for one in batches(patches, size, shuffle=True, seed=seed)]
    listed = np.concatenate([np.empty(0, int), *found]).tolist()
    assert sorted(listed) == list(range(count))
    again = [one.numbers for one in batches(patches, size, shuffle=True, seed=seed)]
    assert listed == np.concatenate([np.empty(0, int), *again]).tolist()
    assert sorted(number for one in patches.reads for number in one) == sorted(2 * list(range(count)))


def test_another_seed_is_another_order() -> None:
    patches = dataset(40)
    orders = {tuple(order_of(patches, shuffle=True, seed=seed)) for seed in range(8)}
    assert len(orders) == 8
    assert tuple(range(40)) not in orders


def test_few_shards_are_mixed_at_a_time_and_all_of_their_patches() -> None:
    patches = dataset(80, per_shard=4)
    order = np.array(order_of(patches, shuffle=True, seed=3))
    mixed = (order // 4).reshape(-1, 16)  # four shards of four patches each
    assert [len(set(row)) for row in mixed.tolist()] == [4] * 5
    assert len({tuple(sorted(set(row))) for row in mixed.tolist()}) == 5
    # Not shard after shard within them: neighbours are mostly of different ones.
    assert (np.diff(mixed) != 0).mean() > 0.5
    # Shards are not mixed with their neighbours only.
    assert (np.ptp(mixed, axis=1) > 3).all()


def test_every_place_in_the_order_is_as_likely() -> None:
    patches = dataset(12, per_shard=3)
    where = np.array([np.argsort(order_of(patches, shuffle=True, seed=seed)) for seed in range(600)])
    # Mean of 600 draws from 0 to 11: deviation 3.45 / sqrt(600) = 0.14.
    np.testing.assert_allclose(where.mean(axis=0), 5.5, atol=0.6)


def test_a_part_gives_its_patches_only() -> None:
    patches = split(dataset(40))
    for part in ("train", "validation", "test"):
        expected = np.flatnonzero(patches.parts == part).tolist()
        assert order_of(patches, part=part) == expected
        assert sorted(order_of(patches, part=part, shuffle=True)) == expected


def test_weights_draw_with_replacement_in_their_proportions() -> None:
    patches = split(dataset(40))
    numbers = patches.numbers_of("train")
    weights = np.zeros(40)
    weights[numbers[:2]] = 1, 3
    counts = np.zeros(40)
    for seed in range(100):
        order = order_of(patches, part="train", weights=weights, seed=seed)
        assert len(order) == len(numbers)
        counts += np.bincount(order, minlength=40)
    assert counts.sum() == counts[numbers[:2]].sum()
    assert counts[numbers[1]] / counts.sum() == pytest.approx(0.75, abs=0.03)
    own = weights[numbers]  # one per patch of the part means the same
    assert order_of(patches, part="train", weights=own) == order_of(patches, part="train", weights=weights)


def test_buckets_draw_their_shares() -> None:
    patches = split(dataset(200, size=(16, 24)))
    numbers = patches.numbers_of("train")
    buckets = bucket_weights(patches.table.loc[numbers])
    assert min(buckets.counts) > 0
    drawn = np.concatenate(
        [order_of(patches, part="train", weights=buckets, seed=seed) for seed in range(60)]
    )
    of = dict(zip(numbers.tolist(), buckets.bucket.tolist(), strict=True))
    shares = np.bincount([of[number] for number in drawn.tolist()], minlength=4) / drawn.size
    np.testing.assert_allclose(shares, (0.1, 0.5, 0.3, 0.1), atol=0.02)


def test_buckets_are_cut_at_the_quartiles_of_patches_with_labels() -> None:
    random = np.random.default_rng(0)
    pixels = np.where(random.random(500) < 0.4, 0, random.integers(1, 5000, 500))
    buckets = bucket_weights(pd.DataFrame({"label_pixels": pixels}))
    low, high = np.percentile(pixels[pixels > 0], [25, 75])
    assert buckets.limits == (low, high)
    expected = [0 if n == 0 else 1 if n < low else 2 if n <= high else 3 for n in pixels]
    assert buckets.bucket.tolist() == expected
    assert buckets.weights.sum() == pytest.approx(1)
    for bucket, share in enumerate((0.1, 0.5, 0.3, 0.1)):
        chosen = buckets.weights[buckets.bucket == bucket]
        assert chosen.sum() == pytest.approx(share)
        assert np.ptp(chosen) == 0


def test_limits_can_be_given() -> None:
    table = pd.DataFrame({"label_pixels": [0, 119, 120, 1043, 1044]})
    assert bucket_weights(table, limits=(120, 1043)).bucket.tolist() == [0, 1, 2, 2, 3]


def test_the_share_of_an_empty_bucket_goes_to_the_others_and_is_told() -> None:
    buckets = bucket_weights(pd.DataFrame({"label_pixels": [5, 50, 50, 500]}), limits=(10, 100))
    assert buckets.counts == (0, 1, 2, 1)
    np.testing.assert_allclose(buckets.shares, np.array([0, 5, 3, 1]) / 9)
    assert buckets.weights.sum() == pytest.approx(1)
    assert "no patch is in none" in str(buckets)
    assert "asked for 50.0%" in str(buckets)
    assert all(name in str(buckets) for name in BUCKETS)


def test_patches_without_any_label_are_drawn_evenly() -> None:
    buckets = bucket_weights(pd.DataFrame({"label_pixels": [0, 0, 0, 0]}))
    assert buckets.weights.tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"size": 0}, InvalidArgument, "size must be"),
        ({"size": True}, InvalidArgument, "size must be"),
        ({"seed": -1, "shuffle": True}, InvalidArgument, "seed must be"),
        ({"weights": [1, 2]}, InvalidArgument, "one per patch: 10 of the part, or 10 of the dataset"),
        ({"weights": [0] * 10}, InvalidArgument, "not all 0"),
        ({"weights": [-1] + 9 * [1]}, InvalidArgument, "not negative"),
        ({"weights": [np.nan] * 10}, InvalidArgument, "finite"),
        ({"weights": ["many"] * 10}, InvalidType, "must be numbers"),
    ],
)
def test_arguments_that_cannot_be_followed_are_refused_at_once(
    more: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        batches(dataset(10), **{"size": 2, **more})


def test_buckets_of_other_patches_are_refused() -> None:
    patches = split(dataset(40))
    buckets = bucket_weights(patches.table.loc[patches.numbers_of("train")])
    with pytest.raises(InvalidArgument, match="for other patches"):
        batches(patches, 4, part="test", weights=buckets)


@pytest.mark.parametrize(
    "more", [{"shares": (1, 2, 3)}, {"shares": (0, 0, 0, 0)}, {"shares": (-1, 1, 1, 1)}, {"limits": (5, 2)}]
)
def test_shares_and_limits_that_make_no_sense_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        bucket_weights(pd.DataFrame({"label_pixels": [0, 3]}), **more)


def test_shares_that_leave_nothing_to_draw_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="all patches are in buckets whose share is 0"):
        bucket_weights(pd.DataFrame({"label_pixels": [0, 0]}), shares=(0, 1, 1, 1))


def test_of_a_selection_the_patches_keep_their_numbers_boxes_and_weights() -> None:
    patches = split(dataset(40))
    some = patches.selected(np.arange(39, 9, -2))
    for more in ({}, {"shuffle": True}, {"weights": bucket_weights(some.table)}):
        for one in batches(some, 4, **more):
            np.testing.assert_array_equal(one.values, patches.values[one.numbers])
            assert set(one.numbers.tolist()) <= set(range(39, 9, -2))
            for number, boxes in zip(one.numbers.tolist(), one.boxes, strict=True):
                rows = patches.boxes[patches.boxes["patch"] == number]
                assert boxes.slides.tolist() == rows["slide"].tolist()
    assert order_of(some, part="train") == [n for n in range(39, 9, -2) if patches.parts[n] == "train"]
    weights = np.where(some.table["patch"] == 21, 1.0, 0.0)
    assert set(order_of(some, weights=weights)) == {21}
