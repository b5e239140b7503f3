"""Random resized crops (Inception)."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError
from jzsl.keys import stream
from jzsl.training.augment.augment import Augment

_TRIES = 10


@dataclass(frozen=True)
class RandomResizedCrop:
    """A box of random area and aspect, resized bilinearly and with antialiasing.

    The share of the area is uniform, the logarithm of the aspect too; of ten such boxes the first that fits into the
    image is taken, and the whole image where none does. Positions are uniform and need not be whole pixels.
    """

    area: tuple[float, float] = (0.08, 1.0)
    """least and largest share of the image's area"""
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """least and largest width / height"""
    size: tuple[int, int] | None = None
    """height and width of the result; None: those of the images"""

    def __post_init__(self):
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise InputError(f"area: {self.area} found, expected two shares in ascending order, above 0 and at most 1")
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise InputError(f"aspect: {self.aspect} found, expected two positive numbers in ascending order")

    def build(self) -> Augment:
        def augment(key: Key[Array, ""], images: Float[Array, "b h w c"]) -> Float[Array, "b i j c"]:
            height, width = images.shape[1:3]
            boxes = jax.vmap(lambda key: self.box(key, height, width))(jax.random.split(key, len(images)))
            return resized(images, boxes, self.size or (height, width))

        return augment

    def box(self, key: Key[Array, ""], height: int, width: int) -> Float[Array, "4"]:
        """Top, left, height and width in pixels."""
        area = (
            height
            * width
            * jax.random.uniform(stream(key, "area"), (_TRIES,), minval=self.area[0], maxval=self.area[1])
        )
        low, high = jnp.log(jnp.array(self.aspect))
        aspect = jnp.exp(jax.random.uniform(stream(key, "aspect"), (_TRIES,), minval=low, maxval=high))
        heights, widths = jnp.sqrt(area / aspect), jnp.sqrt(area * aspect)
        fits = (heights <= height) & (widths <= width)
        first = jnp.argmax(fits)
        whole = ~fits.any()
        tall = jnp.where(whole, height, heights[first])
        wide = jnp.where(whole, width, widths[first])
        corner = jax.random.uniform(stream(key, "place"), (2,))
        return jnp.stack([corner[0] * (height - tall), corner[1] * (width - wide), tall, wide])


def resized(
    images: Float[Array, "b h w c"], boxes: Float[Array, "b 4"], size: tuple[int, int]
) -> Float[Array, "b i j c"]:
    """The box (top, left, height, width) of each image at another size, bilinearly and with antialiasing.

    Pixels outside the box count where the filter reaches them, as in Pillow's `resize` with `box`.
    """

    def one(image, box):
        scale = jnp.array(size) / box[2:]
        shape = (*size, image.shape[-1])
        return jax.image.scale_and_translate(image, shape, (0, 1), scale, -box[:2] * scale, "linear", antialias=True)

    return jax.vmap(one)(images, boxes)
