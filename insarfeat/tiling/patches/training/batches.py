"""Patches in batches, as NumPy arrays: in order, shuffled by shard, or drawn by weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, InvalidType

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.int64]

BUCKETS = ("none", "small", "medium", "large")

_SHARDS_AT_ONCE = 4  # patches of so many shards are shuffled together


@dataclass(frozen=True, slots=True, eq=False)
class LabelBoxes:
    """The label boxes of one patch.

    Attributes
    ----------
    corners
        One row of (row0, col0, row1, col1) per box, in pixels from the patch's outer corner, cut at its edges.
    values
        Class of each box, as its number in the mask.
    slides
        Which slide each is; the same slide in several patches or pairs has one number.
    visible
        Share of each whole box that is in the patch.
    """

    corners: NDArray[np.float64]
    values: NDArray[np.uint8]
    slides: NDArray[np.int64]
    visible: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.corners)

    def __getitem__(self, which: Any) -> LabelBoxes:
        return LabelBoxes(self.corners[which], self.values[which], self.slides[which], self.visible[which])


class BoxesByPatch:
    """All label boxes of a dataset, to be looked up by patch."""

    def __init__(self, table: pd.DataFrame) -> None:
        order = np.argsort(table["patch"].to_numpy(np.int64), kind="stable")
        self._patches = table["patch"].to_numpy(np.int64)[order]
        corners = [table[name].to_numpy(np.float64) for name in ("row0", "col0", "row1", "col1")]
        self._boxes = LabelBoxes(
            np.stack(corners, axis=-1),
            table["value"].to_numpy(np.uint8),
            table["slide"].to_numpy(np.int64),
            table["visible"].to_numpy(np.float32),
        )[order]

    def __getitem__(self, patch: int) -> LabelBoxes:
        first, stop = np.searchsorted(self._patches, [patch, patch + 1])
        return self._boxes[first:stop]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some patches.

    Attributes
    ----------
    values
        float32 (patch, band, y, x); NaN is nodata.
    masks
        uint8 (patch, mask, y, x); 255 is nodata.
    numbers
        Which patches they are: ``patch`` in the table.
    boxes
        Label boxes of each.
    """

    values: NDArray[np.float32]
    masks: NDArray[np.uint8]
    numbers: Numbers
    boxes: tuple[LabelBoxes, ...]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """How often to draw each patch, by how much of it is labelled; what :func:`bucket_weights` gives.

    Attributes
    ----------
    weights
        Probability of each patch to be drawn next; they sum to 1.
    patches
        Numbers of the patches that the weights are for.
    bucket
        Of each patch: 0 none, 1 small, 2 medium, 3 large.
    limits
        Labelled pixels where medium begins, and where it ends.
    asked, shares
        Share of each bucket as asked for, and with those of empty buckets handed to the others.
    """

    weights: NDArray[np.float64]
    patches: Numbers
    bucket: NDArray[np.int8]
    limits: tuple[float, float]
    asked: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Patches in each bucket."""
        return tuple(np.bincount(self.bucket, minlength=len(BUCKETS)).tolist())

    def __str__(self) -> str:
        low, high = self.limits
        lines = [f"labelled pixels: small under {low:g}, medium to {high:g}, large above"]
        for name, count, asked, share in zip(BUCKETS, self.counts, self.asked, self.shares, strict=True):
            moved = "" if abs(asked - share) < 1e-12 else f" (asked for {asked:.1%})"
            lines.append(f"{name:6}  {count} patches, {share:.1%} of what is drawn{moved}")
        empty = [
            name
            for name, count, asked in zip(BUCKETS, self.counts, self.asked, strict=True)
            if asked and not count
        ]
        if empty:
            lines.append(f"no patch is in {', '.join(empty)}: that share went to the others, in proportion")
        return "\n".join(lines)


def bucket_weights(
    table: pd.DataFrame,
    shares: Sequence[float] = (0.1, 0.5, 0.3, 0.1),
    limits: tuple[float, float] | None = None,
) -> Buckets:
    r"""Weights by which patches without, with few, with some and with many labelled pixels are drawn.

    .. math:: w_i = s_{b(i)} / n_{b(i)}

    with the share s of bucket b and the n patches in it, so that large slides do not drown the small ones, and
    background neither.

    Parameters
    ----------
    table
        Rows of a dataset's table: those of the training part (``label_pixels`` is looked at).
    shares
        Of patches with no labelled pixel, and with a small, medium and large number of them.
    limits
        Labelled pixels from which a patch is medium, and up to which; the 25th and 75th percentile of the patches
        that have any where nothing is said.

    Returns
    -------
    Buckets
        ``weights`` for :func:`batches`; ``print`` it to see what is in the buckets. Shares of empty buckets go to the
        others, in proportion.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"label_pixels": [0, 0, 100, 200, 300, 900]})
    >>> found = bucket_weights(table)
    >>> found.limits, found.counts
    ((175.0, 450.0), (2, 1, 2, 1))
    >>> found.weights
    array([0.05, 0.05, 0.5 , 0.15, 0.15, 0.1 ])
    """
    asked = np.asarray(shares, np.float64)
    if asked.shape != (len(BUCKETS),) or not np.isfinite(asked).all() or (asked < 0).any() or not asked.sum():
        raise InvalidArgument(
            f"shares must be four numbers, for {', '.join(BUCKETS)}, none negative and not all 0; got {shares!r}"
        )
    pixels = table["label_pixels"].to_numpy(np.float64)
    if not pixels.size:
        raise InvalidArgument("the table has no patches to weigh")
    labelled = pixels[pixels > 0]
    if limits is None:
        limits = tuple(np.percentile(labelled, [25, 75]).tolist()) if labelled.size else (0.0, 0.0)
    low, high = limits
    if not 0 <= low <= high:
        raise InvalidArgument(f"limits must be two numbers of pixels, the lower one first; got {limits!r}")
    bucket = np.where(pixels == 0, 0, np.where(pixels < low, 1, np.where(pixels <= high, 2, 3))).astype(
        np.int8
    )
    counts = np.bincount(bucket, minlength=len(BUCKETS))
    asked = asked / asked.sum()
    got = np.where(counts > 0, asked, 0.0)
    if not got.sum():
        raise InvalidArgument(
            f"all patches are in buckets whose share is 0: {dict(zip(BUCKETS, counts.tolist(), strict=True))}"
        )
    got /= got.sum()
    patches = table.get("patch", table.index)
    return Buckets(
        (got / np.maximum(counts, 1))[bucket],
        patches.to_numpy(np.int64),
        bucket,
        (float(low), float(high)),
        tuple(asked.tolist()),
        tuple(got.tolist()),
    )


def batches(
    patches: Any,
    size: int,
    *,
    part: str | None = None,
    shuffle: bool = False,
    seed: int = 0,
    weights: Any = None,
    drop_last: bool = False,
) -> Iterator[Batch]:
    """Go through patches in batches.

    Parameters
    ----------
    patches
        A dataset of patches.
    size
        Patches to a batch.
    part
        Of the saved split; all patches where nothing is said.
    shuffle
        Whether in random order: shards come in random order, and the patches of every four shards in a row are
        shuffled together, so that few files are open at once. Each patch comes once.
    seed
        The same seed gives the same order; take another one for each epoch.
    weights
        What :func:`bucket_weights` gives, or how likely each patch of the dataset, or of the part, is to be drawn.
        As many patches as the part has are drawn, with replacement: some come several times, others not at all.
    drop_last
        Whether to leave out a last batch that is not full.

    Yields
    ------
    Batch
        The next patches.
    """
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise InvalidArgument(f"size must be a whole number of patches, at least 1; got {size!r}")
    places = np.asarray(patches.numbers_of(part), np.int64)
    if weights is not None:
        random = _random(seed)
        order = drawn(places, probabilities(weights, places, patches.table), random)
    else:
        order = in_order(places, patches.table, _random(seed) if shuffle else None)
    count = len(order) // size if drop_last else -(-len(order) // size)
    boxes = BoxesByPatch(patches.boxes)
    numbers = patches.table["patch"].to_numpy(np.int64)

    def each() -> Iterator[Batch]:
        for batch in range(count):
            chosen = order[batch * size : (batch + 1) * size]
            arrays = patches.read(chosen)
            found = tuple(boxes[number] for number in numbers[chosen].tolist())
            yield Batch(arrays.values, arrays.masks, numbers[chosen], found)

    return each()


def in_order(places: Numbers, table: pd.DataFrame, random: np.random.Generator | None) -> Numbers:
    """Rows of the table as they are to be read: as they are, or with a generator of chance, shuffled by shard."""
    if random is None or not places.size:
        return places
    shards = table["shard"].to_numpy(np.int64)[places]
    order = np.argsort(shards, kind="stable")
    cuts = np.split(places[order], np.flatnonzero(np.diff(shards[order])) + 1)
    cuts = [cuts[one] for one in random.permutation(len(cuts))]
    groups = [cuts[first : first + _SHARDS_AT_ONCE] for first in range(0, len(cuts), _SHARDS_AT_ONCE)]
    return np.concatenate([random.permutation(np.concatenate(group)) for group in groups])


def drawn(places: Numbers, chances: NDArray[np.float64], random: np.random.Generator) -> Numbers:
    """As many rows of the table as there are, drawn with replacement."""
    return random.choice(places, len(places), p=chances) if places.size else places


def probabilities(weights: Any, places: Numbers, table: pd.DataFrame) -> NDArray[np.float64]:
    """The chance of each of some rows of the table to be drawn, from weights for them, or for all rows."""
    if isinstance(weights, Buckets):
        order = np.argsort(weights.patches)
        numbers = table["patch"].to_numpy(np.int64)[places]
        found = np.minimum(np.searchsorted(weights.patches[order], numbers), len(order) - 1)
        missing = weights.patches[order[found]] != numbers
        if missing.any():
            raise InvalidArgument(
                f"weights are for other patches: {missing.sum()} of {len(places)} have none; "
                "make them from the rows of the same part"
            )
        chosen = weights.weights[order[found]]
    else:
        try:
            given = np.asarray(weights, np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidType(
                f"weights must be numbers, one per patch; got {type(weights).__name__}"
            ) from error
        if given.shape not in ((len(table),), places.shape):
            raise InvalidArgument(
                f"weights must be one per patch: {len(places)} of the part, or {len(table)} of the dataset; "
                f"got the shape {given.shape}"
            )
        chosen = given[places] if len(given) == len(table) else given
    if not np.isfinite(chosen).all() or (chosen < 0).any() or (chosen.size and not chosen.sum()):
        raise InvalidArgument("weights must be finite and not negative, and not all 0")
    return chosen / chosen.sum()  # type: ignore[no-any-return]


def _random(seed: int) -> np.random.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidArgument(f"seed must be a whole number, not negative; got {seed!r}")
    return np.random.default_rng(int(seed))
