"""Random changes of brightness, contrast, saturation and hue."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jzsl.errors import InputError, require_share
from jzsl.keys import stream
from jzsl.training.augment.augment import Augment
from jzsl.training.augment.grey import luminance


@dataclass(frozen=True)
class ColourJitter:
    """Brightness, contrast and saturation times a factor, and hue moved, each uniform; then clipped to [0, 1].

    Factors are drawn for each image, in [1 - field, 1 + field], the shift of the hue in [-hue, hue]; the order of the
    four is drawn for the minibatch. Images of three channels are RGB; those of one have neither saturation nor hue.
    """

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    """of a full turn of the colour wheel, at most 0.5"""

    def __post_init__(self):
        require_share(self, "brightness", "contrast", "saturation")
        if not 0 <= self.hue <= 0.5:
            raise InputError(f"hue: {self.hue} found, expected a share from 0 to 0.5")

    def build(self) -> Augment:
        changes = (brightened, contrasted, saturated, hue_shifted)
        centres = jnp.array([1.0, 1.0, 1.0, 0.0])
        spreads = jnp.array([self.brightness, self.contrast, self.saturation, self.hue])

        def augment(key: Key[Array, ""], images: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
            shape = (4, len(images))
            drawn = jax.random.uniform(stream(key, "factors"), shape, minval=-1.0, maxval=1.0)
            amounts = centres[:, None] + spreads[:, None] * drawn
            order = jax.random.permutation(stream(key, "order"), 4)

            def change(number, images):
                which = order[number]
                return jax.lax.switch(which, changes, images, amounts[which])

            return jax.lax.fori_loop(0, 4, change, images)

        return augment


def brightened(images: Float[Array, "b h w c"], factors: Float[Array, " b"]) -> Float[Array, "b h w c"]:
    """Each image times its factor, clipped."""
    return _blended(images, jnp.zeros_like(images), factors)


def contrasted(images: Float[Array, "b h w c"], factors: Float[Array, " b"]) -> Float[Array, "b h w c"]:
    """The deviation from the image's mean luminance times its factor, clipped."""
    return _blended(images, jnp.mean(luminance(images), (1, 2, 3), keepdims=True), factors)


def saturated(images: Float[Array, "b h w c"], factors: Float[Array, " b"]) -> Float[Array, "b h w c"]:
    """The deviation from each pixel's luminance times its factor, clipped."""
    return _blended(images, luminance(images), factors)


def hue_shifted(images: Float[Array, "b h w c"], shifts: Float[Array, " b"]) -> Float[Array, "b h w c"]:
    """The hue of each image moved by its share of the colour wheel; saturation and value (HSV) stay."""
    if images.shape[-1] == 1:
        return images
    high, low = images.max(-1), images.min(-1)
    chroma = high - low
    red, green, blue = jnp.moveaxis(images, -1, 0)
    safe = jnp.where(chroma > 0, chroma, 1)
    sector = jnp.where(
        high == red,
        (green - blue) / safe,
        jnp.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    moved = sector + 6 * shifts[:, None, None]
    # In HSV each channel is the value less chroma times a trapezoid of the hue.
    position = jnp.mod(moved[..., None] + jnp.array([5.0, 3.0, 1.0]), 6)
    return high[..., None] - chroma[..., None] * jnp.clip(jnp.minimum(position, 4 - position), 0, 1)


def _blended(images, others, factors):
    factors = factors[:, None, None, None]
    return jnp.clip(factors * images + (1 - factors) * others, 0, 1)
