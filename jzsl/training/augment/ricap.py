"""RICAP: four crops of four samples around a random point."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from jzsl.errors import require_positive
from jzsl.keys import stream
from jzsl.training.augment.mixture import Mix, Mixture, partners, require_images


@dataclass(frozen=True)
class RICAP:
    """The minibatch's images are divided at one point (h, w) of coordinates ~ Beta(beta, beta) times height and width.

    Each of the four parts is a crop, at a random position that the minibatch shares, of the samples in a random order.
    """

    beta: float = 0.3
    """of the Beta distribution"""
    keep_large: bool = False
    """whether a part over more than a quarter of the image comes from the image's own sample, as in LSD-C's code"""

    def __post_init__(self):
        require_positive(self, "beta")

    def build(self) -> Mix:
        def mix(key: Key[Array, ""], images: Float[Array, "b *s"], valid: Num[Array, " b"]) -> Mixture:
            require_images(images, "RICAP")
            height, width = images.shape[1:3]
            drawn = jax.random.beta(stream(key, "point"), self.beta, self.beta, (2,))
            h, w = jnp.round(drawn * jnp.array([height, width])).astype(jnp.int32)
            # The parts from left to right, from top to bottom: first row and column, height and width.
            tops, lefts = jnp.array([0, 0, h, h]), jnp.array([0, w, 0, w])
            heights, widths = jnp.array([h, h, height - h, height - h]), jnp.array([w, width - w, w, width - w])
            shares = heights * widths / (height * width)

            numbers = jnp.arange(len(images))
            sources = jax.vmap(lambda number: partners(stream(key, "partner", number), valid))(jnp.arange(4))
            if self.keep_large:
                sources = jnp.where((shares > 0.25)[:, None], numbers, sources)

            part = 2 * (h <= jnp.arange(height))[:, None] + (w <= jnp.arange(width))
            free = jnp.stack([height - heights, width - widths], 1)
            corners = jax.random.randint(stream(key, "corner"), (4, 2), 0, free + 1)
            row = jnp.arange(height)[:, None] - tops[part] + corners[part, 0]
            column = jnp.arange(width)[None] - lefts[part] + corners[part, 1]
            composed = images[sources[part].transpose(2, 0, 1), row, column]
            return Mixture(composed, sources, jnp.broadcast_to(shares[:, None], sources.shape))

        return mix
