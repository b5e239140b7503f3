"""CutMix: a box of each image comes from another sample."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from jzsl.errors import require_positive
from jzsl.keys import stream
from jzsl.training.augment.mixture import Mix, Mixture, partners, require_images


@dataclass(frozen=True)
class CutMix:
    """One box for the minibatch, of the image's aspect and the share 1 - lambda of its area, lambda ~ Beta(alpha,
    alpha).

    Its centre is uniform over the image; the part of it outside is cut off, and labels take the share of what is left.
    """

    alpha: float = 1.0
    """of the Beta distribution"""

    def __post_init__(self):
        require_positive(self, "alpha")

    def build(self) -> Mix:
        def mix(key: Key[Array, ""], images: Float[Array, "b *s"], valid: Num[Array, " b"]) -> Mixture:
            require_images(images, "CutMix")
            side = jnp.sqrt(1 - jax.random.beta(stream(key, "share"), self.alpha, self.alpha))
            size = jnp.array(images.shape[1:3])
            box = jnp.floor(side * size).astype(jnp.int32)
            first = jax.random.randint(stream(key, "centre"), (2,), 0, size) - box // 2
            rows, columns = (jnp.arange(length) - start for length, start in zip(images.shape[1:3], first, strict=True))
            inside = ((rows >= 0) & (rows < box[0]))[:, None] & ((columns >= 0) & (columns < box[1]))
            partner = partners(stream(key, "partner"), valid)
            mixed = jnp.where(inside[..., None], images[partner], images)
            share = jnp.mean(inside.astype(images.dtype))
            shares = jnp.stack([jnp.full(valid.shape, 1 - share), jnp.full(valid.shape, share)])
            return Mixture(mixed, jnp.stack([jnp.arange(len(images)), partner]), shares)

        return mix
