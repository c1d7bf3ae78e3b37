"""Residual networks as encoders: ResNet-18 and ResNet-34."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from zoo.networks.blocks import ConvNorm, initialise_kaiming

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Blocks of the four stages, by the number of layers."""

WIDTHS = (64, 64, 128, 256, 512)
"""Channels of the five maps, finest first."""


class ResNet(nn.Module):
    """Encoder: maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution.

    Parameters
    ----------
    channels
        Channels of the input.
    layers
        18 or 34: 11.2 M or 21.3 M parameters at 3 channels.

    References
    ----------
    He et al. (2016), Deep residual learning for image recognition, CVPR.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.stem = ConvNorm(channels, WIDTHS[0], 7, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        stages: list[nn.Module] = []
        for before, width, depth in zip(WIDTHS[:-1], WIDTHS[1:], DEPTHS[layers], strict=True):
            # The first stage follows the pooling, which has halved the size already.
            first = _Block(before, width, stride=2 if stages else 1)
            stages.append(nn.Sequential(first, *(_Block(width, width) for _ in range(depth - 1))))
        self.stages = nn.ModuleList(stages)
        initialise_kaiming(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Channels (n, channels, y, x) to five maps, finest first."""
        maps: list[Tensor] = [self.stem(images)]
        deeper: Tensor = self.pool(maps[0])
        for stage in self.stages:
            deeper = stage(deeper)
            maps.append(deeper)
        return maps


class _Block(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            ConvNorm(channels, width, 3, stride=stride), ConvNorm(width, width, 3, activation=nn.Identity())
        )
        same = channels == width and stride == 1
        self.shortcut = (
            nn.Identity() if same else ConvNorm(channels, width, 1, stride=stride, activation=nn.Identity())
        )

    def forward(self, maps: Tensor) -> Tensor:
        return functional.relu(self.branch(maps) + self.shortcut(maps))
