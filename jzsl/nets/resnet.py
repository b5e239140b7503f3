"""ResNet for small images: a 3 x 3 stem without pooling, and shortcuts without parameters."""

from dataclasses import dataclass

from flax import linen as nn

from jzsl.errors import InputError, require_positive
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.conv import Conv
from jzsl.nets.network import Network
from jzsl.nets.residual import BasicBlock

_CHANNELS = (64, 128, 256, 512)


@dataclass(frozen=True)
class ResNet:
    """ResNet-18 of AutoNovel and LSD-C; each stage but the first halves height and width.

    A shortcut that changes the shape averages 2 x 2 pixels and adds channels of zeros. The features are the pooled
    output of the last block, which is not negative.
    """

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    """blocks of each stage, of 64, 128, 256 and 512 channels; fewer stages make a network for smaller images"""
    width: float = 1.0
    """factor of all channels"""
    classes: int | None = None
    """of its own head; None: no head"""

    def __post_init__(self):
        require_positive(self, "width")
        if not 1 <= len(self.blocks) <= len(_CHANNELS) or min(self.blocks) < 1:
            raise InputError(f"blocks: {self.blocks} found, expected one to four positive numbers")

    def build(self) -> Network:
        channels = [max(1, round(self.width * full)) for full in _CHANNELS]
        blocks: dict[str, nn.Module] = {"stem": _Stem(channels[0])}
        for stage, count in enumerate(self.blocks):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks[f"stage{stage + 1}_block{block + 1}"] = BasicBlock(channels[stage], stride)
        return chain(blocks, self.classes)


class _Stem(nn.Module):
    channels: int

    @nn.compact
    def __call__(self, x, policy, valid, key):
        return nn.relu(BatchNorm(name="norm")(Conv(self.channels, name="conv")(x), policy, valid))
