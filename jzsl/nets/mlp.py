"""A multilayer perceptron: hidden layers on feature vectors, or on the pixels of images in one vector."""

from dataclasses import dataclass

import jax
from flax import linen as nn

from jzsl.errors import InputError
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.network import Network


@dataclass(frozen=True)
class MLP:
    """A block `layer1`, `layer2`, ... per hidden layer: dense, batch normalisation, ReLU, dropout.

    The features are the output of the last one, which is not negative.
    """

    hidden: tuple[int, ...] = (512,)
    """units of each layer"""
    normalised: bool = True
    """whether there is batch normalisation"""
    dropout: float = 0.0
    """share of the units that are 0 in training"""

    def __post_init__(self):
        if not self.hidden or min(self.hidden) < 1:
            raise InputError(f"hidden: {self.hidden} found, expected one positive number per layer")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout: {self.dropout} found, expected 0 or more and less than 1")

    def build(self) -> Network:
        blocks: dict[str, nn.Module] = {
            f"layer{number + 1}": _Layer(units, self.normalised, self.dropout)
            for number, units in enumerate(self.hidden)
        }
        return chain(blocks, None)


class _Layer(nn.Module):
    units: int
    normalised: bool
    dropout: float

    @nn.compact
    def __call__(self, x, policy, valid, key):
        x = nn.Dense(self.units, name="dense")(x.reshape(len(x), 1, 1, -1))
        if self.normalised:
            x = BatchNorm(name="norm")(x, policy, valid)
        x = nn.relu(x)
        if self.dropout and key is not None:
            x = x * jax.random.bernoulli(key, 1 - self.dropout, x.shape) / (1 - self.dropout)
        return x
