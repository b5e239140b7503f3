"""Random horizontal flips."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, Num

from jzsl.errors import require_share
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class RandomFlip:
    """Left and right exchanged; any dtype."""

    probability: float = 0.5
    """of each image"""

    def __post_init__(self):
        require_share(self, "probability")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Num[Array, "b h w c"]) -> Num[Array, "b h w c"]:
            flipped = jax.random.bernoulli(key, self.probability, (len(images), 1, 1, 1))
            return jnp.where(flipped, images[:, :, ::-1], images)

        return augment
