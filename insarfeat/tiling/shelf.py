"""Arrays that a tile puts aside between the passes of a step: packed quickly, whole or not there."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import UnreadableInput

_MOST = 1 << 29  # Blosc takes no more than 2 GB at once


def put(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays under one name; what stood there is replaced when the new ones are whole."""
    packed = {name: (array.dtype.str, array.shape, _pack(array)) for name, array in arrays.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("wb") as file:
        pickle.dump(packed, file, protocol=5)
    temporary.replace(path)


def get(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays back."""
    try:
        packed = pickle.loads(path.read_bytes())
        return {name: _unpack(*parts) for name, parts in packed.items()}
    except Exception as error:  # what a damaged pickle ends in is not known
        raise UnreadableInput(f"intermediate result {path.name} is missing or damaged: {error}") from error


def drop(path: Path) -> None:
    """Forget arrays, if they are there."""
    path.unlink(missing_ok=True)


def _codec(itemsize: int) -> Any:
    from numcodecs import Blosc

    return Blosc(cname="lz4", clevel=1, shuffle=Blosc.SHUFFLE if itemsize > 1 else Blosc.NOSHUFFLE)


def _pack(array: NDArray[Any]) -> list[bytes]:
    flat = np.ascontiguousarray(array).reshape(-1)
    step = _MOST // flat.itemsize
    codec = _codec(flat.itemsize)
    return [codec.encode(flat[start : start + step]) for start in range(0, flat.size, step)]


def _unpack(dtype: str, shape: tuple[int, ...], pieces: list[bytes]) -> NDArray[Any]:
    array = np.empty(shape, dtype)
    flat = array.reshape(-1)
    step = _MOST // array.itemsize
    codec = _codec(array.itemsize)
    for number, piece in enumerate(pieces):
        codec.decode(piece, out=flat[number * step : (number + 1) * step])
    return array
