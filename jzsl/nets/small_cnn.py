"""A small convolutional network for small images: blocks of convolution, batch normalisation and pooling."""

from dataclasses import dataclass

from jzsl.errors import InputError
from jzsl.nets.network import Network
from jzsl.nets.vgg import VGG


@dataclass(frozen=True)
class SmallCNN:
    """A block per entry of `channels`: 3 x 3 convolution, batch normalisation, ReLU, 2 x 2 max-pooling."""

    channels: tuple[int, ...] = (32, 64)
    """channels of each block; each but the last halves height and width"""

    def __post_init__(self):
        if not self.channels or min(self.channels) < 1:
            raise InputError(f"channels: {self.channels} found, expected one positive number per block")

    def build(self) -> Network:
        return VGG(self.channels, (1,) * len(self.channels)).build()
