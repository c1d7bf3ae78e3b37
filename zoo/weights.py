"""Weight files: one safetensors each, with everything about the model in its header, and no pickle anywhere.

``segformer-b0-synth-v1.safetensors`` holds the numbers (float16, statistics of batch norms in float32) and the
model's :class:`~zoo.description.ModelDescription` with a hash over both. What is damaged, or renamed, or of another
format is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from insarfeat.errors import InvalidArgument, MissingInput, OutputExists, UnreadableInput, file_nearby
from insarfeat.io.delivery import check_folder
from zoo.description import ModelDescription

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".safetensors"

_DESCRIPTION, _HASH = "insarfeat_model", "sha256"
_LONGEST_HEADER = 1 << 24
_STATISTICS = ("running_mean", "running_var")
_COUNTERS = "num_batches_tracked"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A weight file whose header was read.

    Attributes
    ----------
    path
        Where it lies.
    description
        What the model is.
    size
        Bytes of the file.
    digest
        Hash of the description and of all numbers, as the header tells it.
    """

    path: Path
    description: ModelDescription
    size: int
    digest: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> WeightFile:
        """Read the header; the numbers are not looked at."""
        file = Path(path)
        if file.suffix != SUFFIX:
            raise InvalidArgument(f"weights are in files that end in {SUFFIX}; got {file.name!r}")
        if not file.is_file():
            raise MissingInput(f"{file} does not exist{file_nearby(file)}, or is no file")
        told = _metadata(file)
        if _DESCRIPTION not in told:
            raise UnreadableInput(
                f"{file.name} is a safetensors file, but its header describes no model of this zoo; weights of other "
                "programs have to be brought into a network of zoo.networks first"
            )
        try:
            found = json.loads(told[_DESCRIPTION])
        except ValueError as error:
            raise UnreadableInput(f"{file.name} is damaged: its description is no JSON") from error
        if not isinstance(found, dict):
            raise UnreadableInput(f"{file.name} is damaged: its description is no JSON object")
        description = ModelDescription.read(found, file.name)
        if description.name != file.stem:
            raise UnreadableInput(
                f"{file.name} holds the model {description.name!r}: it was renamed, and its results would go by a "
                f"wrong name; call it {description.name}{SUFFIX} again"
            )
        return cls(file, description, file.stat().st_size, str(told.get(_HASH, "")))

    def arrays(self) -> Arrays:
        """The numbers by name, as stored; refused where they are not those that were written."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            found: Arrays = load(self.path.read_bytes())
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            raise UnreadableInput(
                f"{self.path.name} is damaged or cut short ({error}); fetch it again"
            ) from error
        if _digest(self.description, found) != self.digest:
            raise UnreadableInput(
                f"{self.path.name} is damaged: its contents do not give the hash in its header; fetch it again"
            )
        return found


def save_weights(
    path: str | os.PathLike[str],
    state: Mapping[str, Tensor],
    description: ModelDescription,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a network's state and its description; the file appears when it is whole.

    Parameters
    ----------
    path
        ``<name>.safetensors``, with the description's name.
    state
        ``network.state_dict()``: numbers become float16, those of batch norms' statistics float32; counters of
        batches are left out.
    description
        What is to be known about the model.
    overwrite
        Whether to replace a file.
    """
    from safetensors.numpy import save

    file = Path(path)
    if file.name != description.name + SUFFIX:
        raise InvalidArgument(
            f"the weights of {description.name!r} must be called {description.name}{SUFFIX}; got {file.name!r}"
        )
    check_folder(file.absolute())
    if file.exists() and not overwrite:
        raise OutputExists(f"{file} exists; pass overwrite=True, or choose another folder")
    arrays = {
        name: _stored(name, tensor.detach().cpu().numpy())
        for name, tensor in state.items()
        if not name.endswith(_COUNTERS)
    }
    told = {_DESCRIPTION: description.model_dump_json(), _HASH: _digest(description, arrays)}
    temporary = file.with_name(f"{file.name}.new")
    temporary.write_bytes(save(arrays, told))
    temporary.replace(file)
    return file


def _stored(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Numbers as they are stored."""
    if not np.isfinite(array).all():
        raise InvalidArgument(f"{name} holds numbers that are not finite: the training has failed")
    kind = np.float32 if name.endswith(_STATISTICS) else np.float16
    with np.errstate(over="ignore"):
        found: NDArray[Any] = np.ascontiguousarray(array, kind)
    if not np.isfinite(found).all():
        raise InvalidArgument(
            f"{name} holds numbers beyond those of float16 (65504): the training has failed"
        )
    return found


def _digest(description: ModelDescription, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash of the description and of all numbers, in the order of their names."""
    found = hashlib.sha256(json.dumps(description.model_dump(mode="json"), sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _metadata(file: Path) -> dict[str, str]:
    """The texts in a safetensors header: eight bytes that tell its length, then JSON."""
    with file.open("rb") as opened:
        first = opened.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        text = opened.read(length) if 0 < length <= _LONGEST_HEADER else b""
    try:
        if len(text) != length or not text:
            raise ValueError("no header")
        header = json.loads(text)
        told = header.get("__metadata__", {})
        return {str(name): str(one) for name, one in told.items()}
    except (ValueError, AttributeError) as error:
        raise UnreadableInput(
            f"{file.name} is no safetensors file, whatever its name says, or it was cut short; fetch it again"
        ) from error
