"""Cutout: a random square of each image is blanked."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, Num

from jzsl.errors import require_positive
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class Cutout:
    """Pixels of a square are 0; its centre is uniform over the image, so that a part of it may lie outside.

    After normalisation, 0 is the mean colour. Any dtype.
    """

    size: int = 16
    """pixels of a side"""

    def __post_init__(self):
        require_positive(self, "size")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Num[Array, "b h w c"]) -> Num[Array, "b h w c"]:
            height, width = images.shape[1:3]
            centres = jax.random.randint(key, (len(images), 2), 0, jnp.array([height, width]))
            first = centres - self.size // 2
            rows, columns = (
                jnp.arange(length)[None] - first[:, axis, None] for axis, length in ((0, height), (1, width))
            )
            inside = ((rows >= 0) & (rows < self.size))[:, :, None] & ((columns >= 0) & (columns < self.size))[:, None]
            return jnp.where(inside[..., None], 0, images)

        return augment
