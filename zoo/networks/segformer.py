"""SegFormer: a small hierarchical transformer with a decoder of linear layers only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from insarfeat.errors import check_choice
from zoo.networks.blocks import (
    MaskNetwork,
    StochasticDepth,
    depth_rates,
    initialise_kaiming,
    initialise_output,
    initialise_truncated,
    upsampled,
)


@dataclass(frozen=True, slots=True)
class SegFormerSize:
    """How large a SegFormer is, stage by stage.

    Attributes
    ----------
    widths
        Channels of the four stages.
    depths
        Transformer blocks of the four stages.
    decoder_width
        Channels of the decoder.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    decoder_width: int = 256


SIZES = {
    "b0": SegFormerSize((32, 64, 160, 256), (2, 2, 2, 2)),
    "b1": SegFormerSize((64, 128, 320, 512), (2, 2, 2, 2)),
    "b2": SegFormerSize((64, 128, 320, 512), (3, 4, 6, 3)),
    "b3": SegFormerSize((64, 128, 320, 512), (3, 4, 18, 3)),
}
"""The sizes of the paper. The decoder is 256 wide in all, as in the counts of 24.7 M (B2) and 44.6 M (B3)."""

_HEADS = (1, 2, 5, 8)
_REDUCTIONS = (8, 4, 2, 1)
_KERNELS = (7, 3, 3, 3)
_STRIDES = (4, 2, 2, 2)
_WIDENING = 4
_STOCHASTIC_DEPTH = 0.1
_DROPOUT = 0.1


class SegFormer(MaskNetwork):
    """SegFormer for any number of channels and classes.

    Logits come at a quarter of the resolution and are interpolated bilinearly to the image.

    Parameters
    ----------
    channels, classes
        Channels of the input, logits of the output.
    size
        One of :data:`SIZES`, or a size of one's own. Parameters at 3 channels and 1 class: b0 3.7 M, b1 13.7 M,
        b2 24.7 M, b3 44.6 M.

    References
    ----------
    Xie et al. (2021), SegFormer: simple and efficient design for semantic segmentation with transformers,
    NeurIPS.
    """

    def __init__(self, channels: int, classes: int, size: str | SegFormerSize = "b0") -> None:
        super().__init__()
        if isinstance(size, str):
            check_choice("size", size, SIZES)
            size = SIZES[size]
        self.encoder = MixTransformer(channels, size)
        self.decoder = LinearDecoder(classes, size)

    def padded_logits(self, images: Tensor) -> Tensor:
        """Logits of images whose sides are multiples of 32."""
        return upsampled(self.coarse_logits(images), images)

    def coarse_logits(self, images: Tensor) -> Tensor:
        """Logits at a quarter of the resolution."""
        logits: Tensor = self.decoder(self.encoder(images))
        return logits


class MixTransformer(nn.Module):
    """Encoder: maps at 1/4, 1/8, 1/16 and 1/32 of the resolution.

    There are no position embeddings: the depthwise convolutions with their zero borders tell where a pixel is.
    """

    def __init__(self, channels: int, size: SegFormerSize) -> None:
        super().__init__()
        rates = depth_rates(_STOCHASTIC_DEPTH, size.depths)
        inputs = (channels, *size.widths[:-1])
        self.stages = nn.ModuleList(
            _Stage(inputs[number], size.widths[number], number, rates[number])
            for number in range(len(size.widths))
        )
        initialise_truncated(self)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # As the authors do: He's rule by what leaves a convolution, in each of its groups.
                fan = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Channels (n, channels, y, x) to four maps, finest first."""
        maps: list[Tensor] = []
        for stage in self.stages:
            images = stage(images)
            maps.append(images)
        return maps


class LinearDecoder(nn.Module):
    """Decoder: each stage is projected to one width, brought to the finest size, and all are mixed.

    Written out, that is a projection P, interpolation U and mixing F for each stage, of which the mixing at full
    size is most of the work. All three are linear and U keeps constants as they are, so F U P = U (F P): the two
    small matrices are multiplied first, and maps are interpolated last. The parameters and, but for rounding, the
    results are those of the paper.
    """

    def __init__(self, classes: int, size: SegFormerSize) -> None:
        super().__init__()
        width = size.decoder_width
        self.projections = nn.ModuleList(nn.Linear(each, width) for each in size.widths)
        self.fuse = nn.Conv2d(len(size.widths) * width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(_DROPOUT)
        self.classify = nn.Conv2d(width, classes, 1)
        initialise_truncated(self)
        initialise_kaiming(self.fuse)
        initialise_output(self.classify)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Four maps, finest first, to logits at the size of the finest."""
        # The columns of the mixing matrix belong to the stages from the coarsest to the finest.
        mixing = self.fuse.weight.flatten(1).chunk(len(maps), dim=1)[::-1]
        mixed: Tensor | None = None
        for each, project, mix in zip(maps, self.projections, mixing, strict=True):
            assert isinstance(project, nn.Linear)
            part = functional.conv2d(each, (mix @ project.weight)[..., None, None], mix @ project.bias)
            mixed = part if mixed is None else mixed + upsampled(part, mixed)
        logits: Tensor = self.classify(self.dropout(functional.relu(self.norm(mixed))))
        return logits


class _Stage(nn.Module):
    """Overlapping patches become tokens, which go through transformer blocks and become a map again."""

    def __init__(self, channels: int, width: int, number: int, rates: list[float]) -> None:
        super().__init__()
        kernel = _KERNELS[number]
        self.embed = nn.Conv2d(channels, width, kernel, _STRIDES[number], padding=kernel // 2)
        self.embed_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            _Block(width, _HEADS[number], _REDUCTIONS[number], rate) for rate in rates
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.embed(maps)
        rows, columns = maps.shape[-2:]
        tokens = self.embed_norm(_tokens(maps))
        for block in self.blocks:
            tokens = block(tokens, rows, columns)
        return _maps(self.norm(tokens), rows, columns)


class _Block(nn.Module):
    """Attention, then a feed-forward part, each normalised before and added to what came in."""

    def __init__(self, width: int, heads: int, reduction: int, rate: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = _ReducedAttention(width, heads, reduction)
        self.mix_norm = nn.LayerNorm(width)
        self.mix = _MixFeedForward(width)
        self.skip = StochasticDepth(rate)

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        tokens = tokens + self.skip(self.attention(self.attention_norm(tokens), rows, columns))
        added: Tensor = tokens + self.skip(self.mix(self.mix_norm(tokens), rows, columns))
        return added


class _ReducedAttention(nn.Module):
    """Every pixel looks at all blocks of ``reduction`` x ``reduction`` pixels, so that the cost stays bearable."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.reduce = nn.Conv2d(width, width, reduction, reduction) if reduction > 1 else None
        self.reduce_norm = nn.LayerNorm(width) if reduction > 1 else None

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        seen = tokens
        if self.reduce is not None and self.reduce_norm is not None:
            seen = self.reduce_norm(_tokens(self.reduce(_maps(tokens, rows, columns))))
        found = functional.scaled_dot_product_attention(
            self._split(self.query(tokens)), self._split(self.key(seen)), self._split(self.value(seen))
        )
        out: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return out

    def _split(self, tokens: Tensor) -> Tensor:
        """Tokens (n, tokens, width) to heads (n, heads, tokens, width / heads)."""
        return tokens.reshape(tokens.shape[0], tokens.shape[1], self.heads, -1).transpose(1, 2)


class _MixFeedForward(nn.Module):
    """Two linear layers with a depthwise convolution between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = _WIDENING * width
        self.widen = nn.Linear(width, wide)
        self.depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)
        self.narrow = nn.Linear(wide, width)

    def forward(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        mixed = _tokens(self.depthwise(_maps(self.widen(tokens), rows, columns)))
        narrowed: Tensor = self.narrow(functional.gelu(mixed))
        return narrowed


def _tokens(maps: Tensor) -> Tensor:
    """Maps (n, width, y, x) to tokens (n, y * x, width)."""
    return maps.flatten(2).transpose(1, 2)


def _maps(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """Tokens (n, y * x, width) to maps (n, width, y, x)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], rows, columns)
