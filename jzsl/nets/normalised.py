"""A network whose images are normalised channel by channel first: in training, prediction and every stage alike."""

from dataclasses import dataclass

import jax.numpy as jnp

from jzsl.errors import InputError
from jzsl.nets.network import Network, NetworkConfig, as_float
from jzsl.nets.resnet import ResNet


@dataclass(frozen=True)
class Normalised:
    """(x - mean) / std of the pixels in [0, 1], then the network."""

    network: NetworkConfig = ResNet()
    """of the normalised images"""
    mean: tuple[float, ...] = (0.5,)
    """of each channel; one number: of all"""
    std: tuple[float, ...] = (0.5,)
    """of each channel; one number: of all"""

    def __post_init__(self):
        if not self.std or min(self.std) <= 0:
            raise InputError(f"std: {self.std} found, expected positive numbers")
        if len(self.mean) != len(self.std):
            raise InputError(f"mean: {len(self.mean)} numbers found, expected {len(self.std)}, as many as in std")

    def build(self) -> Network:
        return normalised(self.network.build(), self.mean, self.std)


def normalised(network: Network, mean: tuple[float, ...], std: tuple[float, ...]) -> Network:
    """The network of images that are normalised first; `mean` and `std` of each channel, or one number of all."""

    def scaled(x):
        pixels = as_float(x)
        if len(std) not in (1, pixels.shape[-1]):
            raise InputError(f"std: {len(std)} numbers found, expected 1 or {pixels.shape[-1]}, the channels")
        return (pixels - jnp.array(mean)) / jnp.array(std)

    def init(key, x, /):
        return network.init(key, scaled(x))

    def apply(variables, x, policy, valid, /, key=None):
        return network.apply(variables, scaled(x), policy, valid, key=key)

    def run(variables, x, first, last, policy, valid, /, key=None):
        if first == network.blocks[0]:
            x = scaled(x)
        return network.run(variables, x, first, last, policy, valid, key=key)

    return network._replace(init=init, apply=apply, run=run)
