"""UPerNet with a ConvNeXt-tiny as its encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.networks.blocks import ConvNorm, MaskNetwork, initialise_kaiming, initialise_output, upsampled
from zoo.networks.convnext import WIDTHS, ConvNeXt

_WIDTH = 256
_POOLS = (1, 2, 3, 6)


class UPerNet(MaskNetwork):
    """UPerNet with a ConvNeXt-tiny encoder, 37.1 M parameters at 3 channels and 1 class.

    The coarsest map is mixed with means over 1, 2 x 2, 3 x 3 and 6 x 6 parts of the image; a pyramid goes up from
    it with the encoder's finer maps added; all of its levels are brought to a quarter of the resolution and mixed.
    The decoder is 256 wide, from which the published count follows: 512, which is common too, would give 60 M.

    Training needs two images in a batch or more, since the mean over an image has one value for each to
    normalise.

    Parameters
    ----------
    channels, classes
        Channels of the input, logits of the output.

    References
    ----------
    Xiao et al. (2018), Unified perceptual parsing for scene understanding, ECCV.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.encoder = ConvNeXt(channels)
        *finer, coarsest = WIDTHS
        self.pools = nn.ModuleList(ConvNorm(coarsest, _WIDTH, 1) for _ in _POOLS)
        self.top = ConvNorm(coarsest + len(_POOLS) * _WIDTH, _WIDTH, 3)
        self.laterals = nn.ModuleList(ConvNorm(width, _WIDTH, 1) for width in finer)
        self.levels = nn.ModuleList(ConvNorm(_WIDTH, _WIDTH, 3) for _ in finer)
        self.mix = ConvNorm(len(WIDTHS) * _WIDTH, _WIDTH, 3)
        self.classify = nn.Conv2d(_WIDTH, classes, 1)
        for part in (self.pools, self.top, self.laterals, self.levels, self.mix):
            initialise_kaiming(part)
        initialise_output(self.classify)

    def padded_logits(self, images: Tensor) -> Tensor:
        """Logits of images whose sides are multiples of 32."""
        *finer, coarsest = self.encoder(images)
        means = [
            upsampled(pool(functional.adaptive_avg_pool2d(coarsest, parts)), coarsest)
            for parts, pool in zip(_POOLS, self.pools, strict=True)
        ]
        path: Tensor = self.top(torch.cat([coarsest, *means], dim=1))
        pyramid = [path]
        for maps, lateral, level in reversed(list(zip(finer, self.laterals, self.levels, strict=True))):
            path = lateral(maps) + upsampled(path, maps)
            pyramid.append(level(path))
        mixed = self.mix(torch.cat([upsampled(each, finer[0]) for each in pyramid], dim=1))
        return upsampled(self.classify(mixed), images)
