"""A model's network put together: the stem that takes its bands, then the network that its description names."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from zoo.description import ModelDescription
from zoo.networks import build_network
from zoo.networks.blocks import ConvNorm
from zoo.networks.stem import BandStem


def assembled(description: ModelDescription) -> nn.Module:
    """The network of a description, with weights as it is trained from; raw bands (n, bands, y, x) go in."""
    stem = BandStem(description.bands, description.pixel)
    network = build_network(
        description.architecture, stem.channels, len(description.classes), **description.options
    )
    return nn.Sequential(stem, network)


def streamlined(network: nn.Module) -> nn.Module:
    """A copy that gives the same faster, for prediction only.

    Batch norms go into the weights of the convolutions before them, activations work in place, and the maps of
    convolutional networks lie in memory with all channels of a pixel beside each other.
    """
    made: nn.Module = copy.deepcopy(network).eval().requires_grad_(False)
    for block in [module for module in made.modules() if isinstance(module, ConvNorm)]:
        block[0] = fuse_conv_bn_eval(block[0], block[1])
        block[1] = nn.Identity()
        if hasattr(block[2], "inplace"):
            block[2].inplace = True
    if any(isinstance(module, nn.LayerNorm) for module in made.modules()):
        return made  # a transformer's maps are turned for its norms anyway
    return made.to(memory_format=torch.channels_last)
