"""SegFormer weights that other software has trained."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

import torch
from torch import Tensor

from insarfeat.errors import InvalidArgument
from zoo.networks.segformer import MixTransformer, SegFormer

Layer = Literal["first", "last"]

# The names in published files, and those that transformers has given the same layers since.
_RENAMES = (
    (r"^segformer\.", "encoder."),
    (r"^encoder\.encoder\.", "encoder."),
    (r"^stages\.", "encoder.stages."),
    (r"^encoder\.patch_embeddings\.(\d+)\.", r"encoder.stages.\1.patch_embeddings."),
    (r"^encoder\.block\.(\d+)\.", r"encoder.stages.\1.blocks."),
    (r"^encoder\.layer_norm\.(\d+)\.", r"encoder.stages.\1.norm."),
    (r"^(encoder\.stages\.\d+)\.layer_norm\.", r"\1.norm."),
    (r"\.patch_embeddings\.proj\.", ".embed."),
    (r"\.patch_embeddings\.layer_norm\.", ".embed_norm."),
    (r"\.attention\.(?:self\.query|q_proj)\.", ".attention.query."),
    (r"\.attention\.(?:self\.key|k_proj)\.", ".attention.key."),
    (r"\.attention\.(?:self\.value|v_proj)\.", ".attention.value."),
    (r"\.attention\.(?:output\.dense|o_proj)\.", ".attention.out."),
    (r"\.attention\.(?:self\.sr|sequence_reduction\.sequence_reduction)\.", ".attention.reduce."),
    (r"\.attention\.(?:self|sequence_reduction)\.layer_norm\.", ".attention.reduce_norm."),
    (r"\.(?:layer_norm_1|layernorm_before)\.", ".attention_norm."),
    (r"\.(?:layer_norm_2|layernorm_after)\.", ".mix_norm."),
    (r"\.mlp\.(?:dense1|fc1)\.", ".mix.widen."),
    (r"\.mlp\.dwconv\.dwconv\.", ".mix.depthwise."),
    (r"\.mlp\.(?:dense2|fc2)\.", ".mix.narrow."),
    (r"^decode_head\.linear_(?:c|projections)\.(\d+)\.proj\.", r"decoder.projections.\1."),
    (r"^decode_head\.linear_fuse\.", "decoder.fuse."),
    (r"^decode_head\.batch_norm\.", "decoder.norm."),
    (r"^decode_head\.classifier\.", "decoder.classify."),
)
_FIRST = "encoder.stages.0.embed."
_LAST = "decoder.classify."
_WORDS: dict[str, Layer] = {_FIRST: "first", _LAST: "last"}


def import_transformers(
    network: SegFormer | MixTransformer,
    state_dict: Mapping[str, Tensor],
    *,
    leave_out: Collection[Layer] = (),
) -> None:
    """Give a network the weights of a SegFormer of the ``transformers`` library, of the same size.

    Nothing is changed unless all of it fits.

    Parameters
    ----------
    network
        A SegFormer, or its ``encoder`` alone: then what a checkpoint has besides the encoder is left aside, as
        the head of a classifier.
    state_dict
        Tensors by the names of the library (of published files, or of its newer versions).
    leave_out
        Layers that keep the network's own weights: "first", whose shape depends on the channels, and "last",
        whose shape depends on the classes.

    Raises
    ------
    InvalidArgument
        A layer is missing, is not known, or has another shape.
    """
    unknown_layers = sorted(set(leave_out) - {"first", "last"})
    if unknown_layers:
        raise InvalidArgument(f'leave_out takes "first" and "last"; got {unknown_layers}')
    whole = isinstance(network, SegFormer)
    prefix = "" if whole else "encoder."
    names = {_renamed(name): name for name in state_dict}
    if whole and "decoder.fuse.weight" not in names and "encoder.stages.0.norm.weight" in names:
        raise InvalidArgument(
            "state_dict has an encoder and no decoder (a checkpoint for classification, it seems); fill the encoder "
            "alone: import_transformers(network.encoder, state_dict)"
        )
    if not whole:
        names = {ours: name for ours, name in names.items() if ours.startswith(prefix)}
    left_out = tuple(layer for layer, word in _WORDS.items() if word in leave_out)
    own = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    _refuse_strangers(names, own)
    wanted = {name: tensor for name, tensor in own.items() if not name.startswith(left_out or ("\0",))}
    missing = [name for name in wanted if name not in names and not name.endswith("num_batches_tracked")]
    if missing:
        raise InvalidArgument(
            f"state_dict lacks {_some(missing)}; it must come from a SegFormer of the same size (B0 to B3)"
        )
    found = {name: state_dict[names[name]] for name in wanted if name in names}
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise InvalidArgument(_misfit(names[name], name, tensor, wanted[name]))
    with torch.no_grad():
        for name, tensor in found.items():
            wanted[name].copy_(tensor)


def _renamed(name: str) -> str:
    """Our name of a tensor; an unknown one comes back as it is, or nearly."""
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _refuse_strangers(names: Mapping[str, str], own: Mapping[str, Tensor]) -> None:
    strange = [name for ours, name in names.items() if ours not in own]
    if strange:
        raise InvalidArgument(
            f"state_dict has {_some(strange)}, which this network does not have; it must come from a SegFormer of "
            "the same size (B0 to B3) of the transformers library"
        )


def _misfit(name: str, ours: str, tensor: Tensor, wanted: Tensor) -> str:
    """What is wrong with a tensor's shape, and what to do."""
    came, need = tuple(tensor.shape), tuple(wanted.shape)
    if ours.startswith(_FIRST) and came[0] == need[0] and came[2:] == need[2:]:
        return (
            f"state_dict is for {came[1]} input channels, the network has {need[1]}; build the network with "
            f'{came[1]}, or keep its own first layer with leave_out=["first"]'
        )
    if ours.startswith(_LAST) and came[1:] == need[1:]:
        return (
            f"state_dict is for {came[0]} classes, the network has {need[0]}; build the network with {came[0]}, or "
            'keep its own last layer with leave_out=["last"]'
        )
    return f"{name} in state_dict has the shape {came}, the network needs {need}: it is of another size"


def _some(names: list[str]) -> str:
    """Up to three names, and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
