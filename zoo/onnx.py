"""Models for other programs: one ONNX file with everything in it, from raw bands to probabilities or boxes."""

from __future__ import annotations

import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from insarfeat.errors import InvalidArgument, InvalidType, OutputExists, missing_extra
from insarfeat.io.delivery import check_folder
from zoo.networks import NETWORKS

if TYPE_CHECKING:
    from torch import nn

    from zoo.description import ModelDescription

OPSET = 17
"""Version of the operators that are written."""

_INPUT = "raw"
_OUTPUTS = {"masks": ("probability",), "boxes": ("boxes", "scores")}


def export(model: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a model as ONNX.

    The file takes ``raw``, float32 (n, bands, y, x): the bands of the model's description in their order and their
    own units, NaN for nodata, a band that is missing NaN everywhere. Any number of patches goes in; their rows and
    columns may be any multiples of 32, but for SegFormers, which take the size of the model's training patches alone.

    Of models for masks it gives ``probability`` (n, classes, y, x), calibrated, also where there is nodata: cut that
    out. Of detectors it gives ``boxes`` (n, m, 4) as row0, col0, row1, col1 in pixels and ``scores`` (n, m, classes):
    all candidates, calibrated; keep those of at least the threshold, and one for each thing. The description lies in
    the file's metadata as JSON under ``description``, and what must be said wherever results are shown under
    ``statement``.

    Parameters
    ----------
    model
        What :func:`zoo.load` gives.
    path
        File that ends in .onnx.
    overwrite
        Whether to replace a file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingExtra
        onnx is not installed.
    """
    file = Path(path)
    if file.suffix != ".onnx":
        raise InvalidArgument(f"path must end in .onnx; got {file.name!r}")
    if not hasattr(model, "description") or not hasattr(model, "network"):
        raise InvalidType(f"model must be what zoo.load gives; got {type(model).__name__}")
    try:
        import onnx
    except ImportError as error:
        raise missing_extra("ONNX files", "onnx") from error
    check_folder(file.absolute())
    if file.exists() and not overwrite:
        raise OutputExists(f"{file} exists; pass overwrite=True, or choose another name")
    written = onnx.load_model_from_string(_traced(model.network, model.description))
    told: ModelDescription = model.description
    onnx.helper.set_model_props(
        written, {"description": told.model_dump_json(), "statement": told.statement, "model": told.name}
    )
    onnx.checker.check_model(written, full_check=True)
    temporary = file.with_name(f"{file.name}.new")
    temporary.write_bytes(written.SerializeToString())
    temporary.replace(file)
    return file


def _traced(network: nn.Module, description: ModelDescription) -> bytes:
    """The network and what follows it, as ONNX."""
    import torch

    whole = _whole(network, description)
    side = -(-description.patch // NETWORKS[description.architecture].multiple)
    side *= NETWORKS[description.architecture].multiple
    example = torch.zeros(2, len(description.bands), side, side)
    outputs = _OUTPUTS[description.task]
    axes: dict[str, dict[int, str]] = {name: {0: "n"} for name in (_INPUT, *outputs)}
    if not description.architecture.startswith("segformer"):
        axes[_INPUT] |= {2: "y", 3: "x"}
        for name in outputs:
            axes[name] |= {2: "y", 3: "x"} if description.task == "masks" else {1: "candidates"}
    written = BytesIO()
    with warnings.catch_warnings():
        # The exporter that needs no further packages is told to be old, and tracing warns of every test of a shape:
        # shapes that may vary are the named axes, and the outputs are compared with those of torch in the tests.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module="torch.onnx")
        torch.onnx.export(
            whole,
            (example,),
            written,
            dynamo=False,
            opset_version=OPSET,
            input_names=[_INPUT],
            output_names=list(outputs),
            dynamic_axes=axes,
        )
    return written.getvalue()


def _whole(network: nn.Module, description: ModelDescription) -> nn.Module:
    """A copy of a network on the CPU, with what turns its outputs into probabilities or boxes."""
    import copy

    from zoo.wrapping import Boxes, Masks

    own = copy.deepcopy(network).float().cpu().eval()
    kind = Boxes if description.task == "boxes" else Masks
    return kind(own, description.temperature).eval()
