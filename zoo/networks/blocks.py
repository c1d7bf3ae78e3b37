"""What several networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

MULTIPLE = 32
"""Rows and columns that networks see are multiples of this: the step of their coarsest maps."""


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, activation; the size stays, or is halved by a stride of 2."""

    def __init__(
        self, channels: int, width: int, kernel: int, *, stride: int = 1, activation: nn.Module | None = None
    ) -> None:
        super().__init__(
            nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU() if activation is None else activation,
        )


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of maps (n, channels, y, x), pixel by pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class StochasticDepth(nn.Module):
    """Leaves out a residual branch for some of the samples, in training only.

    The kept ones are scaled up, so that the mean stays.

    Parameters
    ----------
    rate
        Share of the samples that go without the branch.

    References
    ----------
    Huang et al. (2016), Deep networks with stochastic depth, ECCV.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Branch (n, ...), with 0 for the samples that go without."""
        if not self.training or self.rate == 0.0:
            return branch
        kept = torch.rand(branch.shape[0], *[1] * (branch.ndim - 1), device=branch.device) >= self.rate
        return branch * kept.to(branch.dtype) / (1.0 - self.rate)


class MaskNetwork(nn.Module):
    """Network that gives one logit for each class and pixel, for images of any size.

    Images are continued by their last row and column to the next multiple of 32, and the logits cut back.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Channels (n, channels, y, x) to logits (n, classes, y, x)."""
        rows, columns = images.shape[-2:]
        return self.padded_logits(pad_to_multiple(images))[..., :rows, :columns]

    def padded_logits(self, images: Tensor) -> Tensor:
        """Logits of images whose sides are multiples of 32."""
        raise NotImplementedError


def pad_to_multiple(images: Tensor, multiple: int = MULTIPLE) -> Tensor:
    """Continue images by their last row and column, until both sides are multiples.

    >>> pad_to_multiple(torch.arange(3.0).view(1, 1, 1, 3), 2)[0, 0]
    tensor([[0., 1., 2., 2.],
            [0., 1., 2., 2.]])
    """
    below, right = (-side % multiple for side in images.shape[-2:])
    if below == 0 and right == 0:
        return images
    return functional.pad(images, (0, right, 0, below), mode="replicate")


def upsampled(maps: Tensor, like: Tensor) -> Tensor:
    """Maps at the size of others, bilinearly."""
    return functional.interpolate(maps, size=like.shape[-2:], mode="bilinear", align_corners=False)


def depth_rates(largest: float, depths: tuple[int, ...]) -> list[list[float]]:
    """Rates of stochastic depth by stage and block: from 0 at the first block to the largest at the last.

    >>> depth_rates(0.2, (1, 2))
    [[0.0], [0.1, 0.2]]
    """
    count = sum(depths)
    rates = [largest * block / max(count - 1, 1) for block in range(count)]
    ends = [sum(depths[: stage + 1]) for stage in range(len(depths))]
    return [rates[end - depth : end] for end, depth in zip(ends, depths, strict=True)]


def initialise_kaiming(network: nn.Module, negative_slope: float = 0.0) -> None:
    """Give the convolutions weights that keep the variance through (leaky) rectifiers (He et al. 2015)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=negative_slope)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_truncated(network: nn.Module) -> None:
    """Give linear layers and convolutions weights of deviation 0.02, cut off, and no bias, as transformers have."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_output(layer: nn.Conv2d) -> None:
    """Give a last layer small weights, so that training starts from even odds instead of from loud guesses."""
    nn.init.normal_(layer.weight, std=0.01)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
