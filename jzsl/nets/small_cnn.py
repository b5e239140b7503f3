"""A small convolutional network for small images: blocks of convolution, batch normalisation and pooling."""

from dataclasses import dataclass

from flax import linen as nn

from jzsl.errors import InputError
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.conv import Conv
from jzsl.nets.network import Network


@dataclass(frozen=True)
class SmallCNN:
    """A block per entry of `channels`: 3 x 3 convolution, batch normalisation, ReLU, 2 x 2 max-pooling."""

    channels: tuple[int, ...] = (32, 64)
    """channels of each block; each but the last halves height and width"""

    def __post_init__(self):
        if not self.channels or min(self.channels) < 1:
            raise InputError(f"channels: {self.channels} found, expected one positive number per block")

    def build(self) -> Network:
        last = len(self.channels) - 1
        blocks = {f"block{i + 1}": _Block(channels, i < last) for i, channels in enumerate(self.channels)}
        return chain(blocks, None)


class _Block(nn.Module):
    channels: int
    pooled: bool

    @nn.compact
    def __call__(self, x, policy, valid, key):
        x = nn.relu(BatchNorm(name="norm")(Conv(self.channels, name="conv")(x), policy, valid))
        return nn.max_pool(x, (2, 2), (2, 2)) if self.pooled else x
