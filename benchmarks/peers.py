"""The other tools that can answer the same question, and how closely they must give the same answer."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks.results import Verdict

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A peer computes the same thing: no pixel may differ by more than the tolerance.

    Attributes
    ----------
    tolerance
        Largest allowed absolute difference, in the unit of the answer.
    border
        Pixels left out on each side, where the peer treats edges in its own way.
    """

    tolerance: float
    border: int = 0

    def judge(self, ours: Array, theirs: Array) -> Verdict:
        """Compare the answers; a pixel that is NaN in only one of them is a difference."""
        if ours.shape != theirs.shape:
            return Verdict("differs", f"by shape: {theirs.shape} instead of {ours.shape}")
        inner = tuple(slice(self.border, length - self.border) for length in ours.shape)
        ours, theirs = ours[inner], theirs[inner]
        empty = np.isnan(ours)
        if one_sided := np.count_nonzero(empty != np.isnan(theirs)):
            return Verdict("differs", f"by {one_sided} pixels that only one of the two knows")
        largest = float(np.max(np.abs(ours - theirs), where=~empty, initial=0.0))
        agrees = largest <= self.tolerance
        return Verdict("agrees" if agrees else "differs", f"by {largest:.2g}, allowed {self.tolerance:.2g}")


@dataclass(frozen=True, slots=True)
class NotComparable:
    """A peer answers the same need with another definition: only speed and memory are compared."""

    reason: str

    def judge(self, _ours: Array, _theirs: Array) -> Verdict:
        """Give the reason."""
        return Verdict("not comparable", self.reason)


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool.

    Attributes
    ----------
    package
        Name that it is imported by.
    run
        Takes the inputs and parameters of the case.
    answer
        How its answer compares with ours.
    """

    in_process: ClassVar[bool] = True  # so that its memory can be measured
    name: str
    package: str
    run: Callable[..., Array]
    answer: Agreement | NotComparable

    @property
    def installed(self) -> bool:
        """Whether the tool can be imported here."""
        return util.find_spec(self.package) is not None

    def version(self) -> str | None:
        """Version of the tool; None where it is not installed."""
        return installed_version(self.package)


@dataclass(frozen=True, slots=True)
class Program(Peer):
    """A tool that is a program of its own; ``package`` is its command.

    What is timed includes its start, and writing and reading the files that it exchanges with this process. Its
    memory is not this process's, and is not measured.
    """

    in_process: ClassVar = False

    @property
    def installed(self) -> bool:
        """Whether the program can be found here."""
        return shutil.which(self.package) is not None

    def version(self) -> str | None:
        """Version of the program; None where it is not installed."""
        return program_version(self.package)


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def installed_version(package: str) -> str | None:
    """Version of a package by the name it is imported by.

    OpenCV comes as any of four distributions, so that the name of the distribution is looked up.
    """
    names = _distributions().get(package)
    return metadata.version(names[0]) if names else None


def program_version(program: str) -> str | None:
    """Version that a program tells of itself; None where it is not installed."""
    path = shutil.which(program)
    return _told_version(path) if path else None


@cache
def _told_version(path: str) -> str | None:
    # gdaldem tells its version, and then fails for want of arguments.
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return found.group() if found else None


def numpy_interferogram(primary: Array, secondary: Array) -> Array:
    product: Array = primary * np.conj(secondary)
    return product


def _coherence(primary: Array, secondary: Array, mean: Callable[[Array], Array]) -> Array:
    power = mean(np.abs(primary) ** 2) * mean(np.abs(secondary) ** 2)
    ratio: Array = np.abs(mean(primary * np.conj(secondary))) / np.sqrt(power)
    return ratio


def scipy_coherence(primary: Array, secondary: Array, window: tuple[int, int]) -> Array:
    from scipy import ndimage

    return _coherence(primary, secondary, lambda image: ndimage.uniform_filter(image, window))


def opencv_coherence(primary: Array, secondary: Array, window: tuple[int, int]) -> Array:
    cv2: Any = importlib.import_module("cv2")
    cv2.setNumThreads(1)  # OpenCV keeps its own pool, which no environment variable reaches

    def mean(image: Array) -> Array:
        planes = image.view(np.float32).reshape(
            *image.shape, -1
        )  # OpenCV knows channels, not complex numbers
        smooth: Array = np.ascontiguousarray(cv2.boxFilter(planes, -1, window[::-1]))
        return smooth.view(image.dtype).reshape(image.shape)

    return _coherence(primary, secondary, mean)


def scipy_gaussian(ifg: Array, width: float, resolution: float) -> Array:
    from scipy import ndimage

    smooth: Array = ndimage.gaussian_filter(ifg, width / 5.3 / resolution)
    return smooth


def numpy_multilook(ifg: Array, looks: tuple[int, int]) -> Array:
    height, width = ifg.shape
    cells = ifg.reshape(height // looks[0], looks[0], width // looks[1], looks[1])
    mean: Array = cells.mean(axis=(1, 3))
    return mean
