"""MixUp: convex combinations of two samples."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from jzsl.errors import require_positive
from jzsl.keys import stream
from jzsl.training.augment.mixture import Mix, Mixture, partners


@dataclass(frozen=True)
class MixUp:
    """lambda x_i + (1 - lambda) x_j, j a random partner; one lambda ~ Beta(alpha, alpha) for the minibatch."""

    alpha: float = 0.3
    """of the Beta distribution"""

    def __post_init__(self):
        require_positive(self, "alpha")

    def build(self) -> Mix:
        def mix(key: Key[Array, ""], images: Float[Array, "b *s"], valid: Num[Array, " b"]) -> Mixture:
            share = jax.random.beta(stream(key, "share"), self.alpha, self.alpha)
            partner = partners(stream(key, "partner"), valid)
            shares = jnp.stack([jnp.full(valid.shape, share), jnp.full(valid.shape, 1 - share)])
            mixed = share * images + (1 - share) * images[partner]
            return Mixture(mixed, jnp.stack([jnp.arange(len(images)), partner]), shares)

        return mix
