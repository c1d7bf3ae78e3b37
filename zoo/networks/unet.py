"""U-Net with a ResNet-34 as its encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.networks.blocks import ConvNorm, MaskNetwork, initialise_kaiming, initialise_output
from zoo.networks.resnet import WIDTHS, ResNet

DECODER_WIDTHS = (16, 32, 64, 128, 256)
"""Channels of the decoder at full, 1/2, 1/4, 1/8 and 1/16 of the resolution."""


class DecoderNode(nn.Module):
    """Coarse maps, doubled in size, and finer ones side by side, through two convolutions."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(ConvNorm(channels, width, 3), ConvNorm(width, width, 3))

    def forward(self, coarse: Tensor, *finer: Tensor) -> Tensor:
        """Maps (n, any, y, x) and (n, any, 2 y, 2 x) to (n, width, 2 y, 2 x)."""
        doubled = functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        mixed: Tensor = self.convolutions(torch.cat([doubled, *finer], dim=1))
        return mixed


class UNet(MaskNetwork):
    """U-Net with a ResNet-34 encoder, 24.4 M parameters at 3 channels and 1 class.

    The encoder's five maps go up again through nodes of two convolutions, each with the encoder's map of its size
    beside it; the last node works at full resolution, where the encoder has none.

    Parameters
    ----------
    channels, classes
        Channels of the input, logits of the output.

    References
    ----------
    Ronneberger et al. (2015), U-Net: convolutional networks for biomedical image segmentation, MICCAI. The widths
    of the decoder are those common with ImageNet encoders, from which the published count follows.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.encoder = ResNet(channels, 34)
        skips = (0, *WIDTHS[:-1])
        coarser = (*DECODER_WIDTHS[1:], WIDTHS[-1])
        self.nodes = nn.ModuleList(
            DecoderNode(below + skip, width)
            for below, skip, width in zip(coarser, skips, DECODER_WIDTHS, strict=True)
        )
        self.classify = nn.Conv2d(DECODER_WIDTHS[0], classes, 3, padding=1)
        initialise_kaiming(self.nodes)
        initialise_output(self.classify)

    def padded_logits(self, images: Tensor) -> Tensor:
        """Logits of images whose sides are multiples of 32."""
        *finer, mixed = self.encoder(images)
        for level in reversed(range(len(self.nodes))):
            mixed = self.nodes[level](mixed, *finer[level - 1 : level] if level else ())
        logits: Tensor = self.classify(mixed)
        return logits
