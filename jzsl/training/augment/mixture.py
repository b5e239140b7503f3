"""Images composed of several samples of a minibatch, and what that makes of their labels."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.errors import InputError


class Mixture(NamedTuple):
    """Composed images.

    Attributes:
        images: as the minibatch's.
        sources: the samples of the minibatch that each image is made of.
        shares: how much of each image each source is; they sum to 1 over the first axis.
    """

    images: Float[Array, "b *s"]
    sources: Int[Array, "m b"]
    shares: Float[Array, "m b"]

    def mixed(self, values: Float[Array, "b ..."]) -> Float[Array, "b ..."]:
        """The sum of the values of the sources, such as one-hot labels, by their shares."""
        shares = self.shares.reshape(*self.shares.shape, *(1,) * (values.ndim - 1))
        return jnp.sum(shares * values[self.sources], 0)


def unmixed(images: Float[Array, "b *s"]) -> Mixture:
    """Each image as the mixture of itself alone."""
    numbers = jnp.arange(len(images))[None]
    return Mixture(images, numbers, jnp.ones(numbers.shape, images.dtype))


@runtime_checkable
class Mix(Protocol):
    def __call__(self, key: Key[Array, ""], images: Float[Array, "b *s"], valid: Num[Array, " b"], /) -> Mixture:
        """The minibatch with its samples composed; its padding, where `valid` is 0, enters no valid image."""
        ...


@runtime_checkable
class MixConfig(Protocol):
    """A frozen dataclass that makes a function of composition."""

    def build(self) -> Mix: ...


def partners(key: Key[Array, ""], valid: Num[Array, " b"]) -> Int[Array, " b"]:
    """A uniformly random permutation of the valid samples, and one of the others."""
    absent = valid <= 0
    shuffled = jnp.argsort(jax.random.uniform(key, valid.shape) + absent)  # valid samples first, in random order
    slots = jnp.argsort(absent, stable=True)  # valid samples first, in order
    return jnp.zeros_like(shuffled).at[slots].set(shuffled)


def require_images(samples: Num[Array, "b *s"], name: str) -> None:
    """Raises an InputError unless samples are images, for a mixture of regions called `name`."""
    if samples.ndim != 4:
        raise InputError(f"mix: {name} composes images, height x width x channels; expected MixUp for vectors")
