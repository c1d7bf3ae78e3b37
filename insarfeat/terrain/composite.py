"""A composite: fitted weights that turn layers into principal components, anywhere, and its file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insarfeat.dispatch import Operator, Raster, Result
from insarfeat.errors import InvalidArgument, MissingInput, UnreadableInput, WriteFailed
from insarfeat.terrain._kernels import components as _kernels

_FORMAT = "insarfeat composite 1"


class _Projection(NamedTuple):
    """What the kernel is told, hashable: one operator for each."""

    means: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    layers: tuple[str, ...]
    title: str


def _arguments(projection: _Projection) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(projection.means), np.array(projection.weights)


_PROJECT = Operator(
    "insarfeat.terrain.components",
    _kernels.project,
    inputs=[Raster("layers", many=True)],
    outputs=lambda projection: [Result(layer, title=projection.title) for layer in projection.layers],
    prepare=_arguments,
)


COMPOSITE_ATTRIBUTES = ("loadings", "explained_variance_ratio")
"""What layers of composites say of themselves, to be kept wherever their other attributes are made anew."""


@dataclass(frozen=True, slots=True)
class Composite:
    """Principal components of some layers, ready to be applied to others of the same names.

    Attributes
    ----------
    names
        Of the layers.
    means, scales
        Each layer is taken as its deviation from the mean, over the scale (standard deviation; 1 if not scaled).
    loadings
        One row per component: its unit vector in the space of the scaled layers.
    variances
        Of each component, and of all components that there are: the first over their sum is its share.
    total_variance
        Sum of the variances of all components, kept or not.
    pixels
        That it was fitted on.
    title
        What histories call it.
    source
        What it was fitted on, in words.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    loadings: tuple[tuple[float, ...], ...]
    variances: tuple[float, ...]
    total_variance: float
    pixels: int
    title: str = "fitted"
    source: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        count = len(self.names)
        if not count or {len(self.means), len(self.scales), *map(len, self.loadings)} != {count}:
            raise InvalidArgument("means, scales and loadings of a composite must have one number per layer")
        if not self.loadings or len(self.loadings) != len(self.variances):
            raise InvalidArgument(
                "a composite must have one variance per component, and at least one component"
            )

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each component in the total variance."""
        return tuple(variance / self.total_variance for variance in self.variances)

    def apply(self, layers: Sequence[Any], names: Sequence[str] | None = None) -> Any:
        """Components of layers given in the order of ``self.names``: one raster, a tuple of them or a Dataset.

        NumPy, Dask and xarray alike; NaN where any of the layers is. ``names`` call the results.
        """
        if len(layers) != len(self.names):
            raise InvalidArgument(
                f"this composite takes {len(self.names)} layers ({', '.join(self.names)}); got {len(layers)}"
            )
        weights = tuple(
            tuple(loading / scale for loading, scale in zip(row, self.scales, strict=True))
            for row in self.loadings
        )
        called = tuple(names or (f"pc{number}" for number in range(1, len(weights) + 1)))
        title = f"terrain.components({self.title!r})"
        made = _PROJECT(*layers, parameters=_Projection(self.means, weights, called, title))
        results = made.data_vars.values() if hasattr(made, "data_vars") else [made]
        for number, layer in enumerate(results):
            if hasattr(layer, "attrs"):
                layer.attrs |= self.told(number)
        return made

    def told(self, number: int) -> dict[str, Any]:
        """What a layer of one component says of it: its loadings, as JSON, and its share in the variance."""
        row = dict(zip(self.names, (round(loading, 6) for loading in self.loadings[number]), strict=True))
        return dict(zip(COMPOSITE_ATTRIBUTES, (json.dumps(row), round(self.shares[number], 6)), strict=True))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, to be read by people and by :meth:`load`; whole or not at all."""
        out = Path(path)
        temporary = out.with_name(f".{out.name}.{os.getpid()}")
        content = json.dumps({"format": _FORMAT, **asdict(self)}, indent=2) + "\n"
        try:
            temporary.write_text(content, encoding="utf-8")
            temporary.replace(out)
        except OSError as error:
            raise WriteFailed(f"{out} could not be written: {error.strerror or error}") from error
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Composite:
        """Read one that was saved."""
        given = Path(path)
        try:
            content = json.loads(given.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise MissingInput(f"there is no composite at {given}") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UnreadableInput(f"{given} is not a composite: it is no JSON ({error})") from error
        try:
            if content.pop("format") != _FORMAT:
                raise KeyError("format")
            content["names"] = tuple(str(name) for name in content["names"])
            for key in ("means", "scales", "variances"):
                content[key] = _numbers(content[key])
            content["loadings"] = tuple(_numbers(row) for row in content["loadings"])
            return cls(**content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UnreadableInput(
                f"{given} is not a composite that this version reads ({_FORMAT!r}): {error}"
            ) from error


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if not np.isfinite(numbers).all():
        raise ValueError(f"numbers must be finite; got {values}")
    return numbers
