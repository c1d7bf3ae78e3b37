"""What tests of the verbs share: how a call ended, and what its file holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

import insarfeat


class Done(NamedTuple):
    code: int
    out: str
    err: str  # on one line, without the frames that are drawn about messages


Run = Callable[..., Done]


def assert_same(path: str | Path, **layers: Any) -> xr.Dataset:
    """The file holds these layers and no others, bit for bit."""
    stack = insarfeat.open_stack(path)
    assert set(stack) == set(layers)
    for name, wanted in layers.items():
        np.testing.assert_array_equal(stack[name].values, wanted.values)
    return stack
