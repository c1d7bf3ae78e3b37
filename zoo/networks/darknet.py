"""Darknet-53 as a backbone, of any width and depth."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.networks.blocks import ConvNorm

STRIDES = (4, 8, 16, 32)
"""Of the maps that the backbone gives, finest first."""

LEAK = 0.1
"""Slope of the activations below zero."""

_STEM_WIDTH = 32
_WIDTHS = (64, 128, 256, 512, 1024)
_DEPTHS = (1, 2, 8, 8, 4)


class Darknet(nn.Module):
    """Backbone: maps at strides of 4, 8, 16 and 32; ``widths`` are their channels.

    Parameters
    ----------
    channels
        Channels of the input.
    width, depth
        Factors on the channels of all layers, and on the blocks of the stages (at least 1 of each). 1 and 1 are
        Darknet-53, 40.6 M parameters.

    References
    ----------
    Redmon & Farhadi (2018), YOLOv3: an incremental improvement, arXiv:1804.02767.
    """

    def __init__(self, channels: int, width: float, depth: float) -> None:
        super().__init__()
        stem, *widths = (_scaled(each, width) for each in (_STEM_WIDTH, *_WIDTHS))
        self.widths = tuple(widths[1:])
        self.stem = leaky_conv(channels, stem, 3)
        stages: list[nn.Module] = []
        for before, after, blocks in zip((stem, *widths[:-1]), widths, _DEPTHS, strict=True):
            kept = (_Block(after) for _ in range(max(1, round(blocks * depth))))
            stages.append(nn.Sequential(leaky_conv(before, after, 3, stride=2), *kept))
        self.stages = nn.ModuleList(stages)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Channels (n, channels, y, x) to four maps, finest first."""
        deeper: Tensor = self.stem(images)
        maps: list[Tensor] = []
        for stage in self.stages:
            deeper = stage(deeper)
            maps.append(deeper)
        return maps[1:]


class _Block(nn.Module):
    """A narrow and a wide convolution, added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(leaky_conv(width, width // 2, 1), leaky_conv(width // 2, width, 3))

    def forward(self, maps: Tensor) -> Tensor:
        added: Tensor = maps + self.branch(maps)
        return added


def leaky_conv(channels: int, width: int, kernel: int, stride: int = 1) -> ConvNorm:
    """Convolution, batch norm and leaky rectifier."""
    return ConvNorm(channels, width, kernel, stride=stride, activation=nn.LeakyReLU(LEAK))


def _scaled(width: int, factor: float) -> int:
    """Channels of a layer; even, since blocks halve them."""
    return max(2, 2 * round(width * factor / 2))
