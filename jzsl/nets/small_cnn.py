"""A small convolutional network for small images: blocks of convolution, batch normalisation and pooling."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from jzsl.errors import InputError
from jzsl.nets.conv import Conv
from jzsl.nets.network import Network, Variables


@dataclass(frozen=True)
class SmallCNN:
    """A block per entry of `channels`: 3 x 3 convolution, batch normalisation, ReLU, 2 x 2 max-pooling."""

    channels: tuple[int, ...] = (32, 64)
    """channels of each block; each but the last halves height and width"""

    def __post_init__(self):
        if not self.channels or min(self.channels) < 1:
            raise InputError(f"channels: {self.channels} found, expected one positive number per block")

    def build(self) -> Network:
        module = _SmallCNN(self.channels)

        def init(key, x) -> Any:
            return module.init(key, x, True, None)

        def apply(variables, x, train, valid):
            changed: Any = module.apply(variables, x, train, valid, mutable=["batch_stats"] if train else [])
            embedding, statistics = changed
            return embedding, _updated(variables, statistics)

        return Network(init, apply)


def _updated(variables: Variables, changed: Variables) -> Variables:
    return {**variables, **changed}


class _SmallCNN(nn.Module):
    channels: tuple[int, ...]

    @nn.compact
    def __call__(self, x, train, valid):
        mask = None if valid is None else valid[:, None, None, None] > 0
        for number, channels in enumerate(self.channels):
            x = Conv(channels)(x)
            # Momentum 0.9 and epsilon 1e-5 are the field's; the padding of the last minibatch enters no mean.
            normalise = nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5, use_fast_variance=False)
            x = nn.relu(normalise(x, mask=mask))
            if number + 1 < len(self.channels):
                x = nn.max_pool(x, (2, 2), (2, 2))
        return jnp.mean(x, (1, 2))
