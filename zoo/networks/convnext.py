"""ConvNeXt-tiny as an encoder."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.networks.blocks import ChannelNorm, StochasticDepth, depth_rates, initialise_truncated

WIDTHS = (96, 192, 384, 768)
"""Channels of the four maps, finest first."""

_DEPTHS = (3, 3, 9, 3)
_EPSILON = 1e-6
_STOCHASTIC_DEPTH = 0.1
_BRANCH_SCALE = 1e-6


class ConvNeXt(nn.Module):
    """Encoder of 27.8 M parameters: maps at 1/4, 1/8, 1/16 and 1/32 of the resolution, each normalised.

    Parameters
    ----------
    channels
        Channels of the input.

    References
    ----------
    Liu et al. (2022), A ConvNet for the 2020s, CVPR.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        rates = depth_rates(_STOCHASTIC_DEPTH, _DEPTHS)
        entries: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(channels, WIDTHS[0], 4, stride=4), ChannelNorm(WIDTHS[0], eps=_EPSILON))
        ]
        for before, width in itertools.pairwise(WIDTHS):
            entries.append(
                nn.Sequential(ChannelNorm(before, eps=_EPSILON), nn.Conv2d(before, width, 2, stride=2))
            )
        self.stages = nn.ModuleList(
            nn.Sequential(entry, *(_Block(width, rate) for rate in stage))
            for entry, width, stage in zip(entries, WIDTHS, rates, strict=True)
        )
        self.norms = nn.ModuleList(ChannelNorm(width, eps=_EPSILON) for width in WIDTHS)
        initialise_truncated(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Channels (n, channels, y, x) to four maps, finest first."""
        maps: list[Tensor] = []
        for stage, norm in zip(self.stages, self.norms, strict=True):
            images = stage(images)
            maps.append(norm(images))
        return maps


class _Block(nn.Module):
    """A wide depthwise convolution and two linear layers, scaled and added to what came in."""

    def __init__(self, width: int, rate: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), _BRANCH_SCALE))
        self.skip = StochasticDepth(rate)

    def forward(self, maps: Tensor) -> Tensor:
        # Linear layers want the channels last.
        pixels = self.norm(self.depthwise(maps).permute(0, 2, 3, 1))
        branch = self.scale * self.narrow(functional.gelu(self.widen(pixels)))
        added: Tensor = maps + self.skip(branch.permute(0, 3, 1, 2))
        return added
