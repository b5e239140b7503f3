"""Random crops of padded images, and reflected translations."""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, Num

from jzsl.errors import InputError
from jzsl.training.augment.augment import Augment


@dataclass(frozen=True)
class PaddedCrop:
    """A crop of the image's own size at a uniformly random position of the image with zeros around it; any dtype."""

    padding: int = 4
    """pixels on each side"""

    def __post_init__(self):
        _require(self.padding, "padding")

    def build(self) -> Augment:
        return _shifting(self.padding, "constant")


@dataclass(frozen=True)
class ReflectedTranslation:
    """A translation by whole pixels, uniform in both directions; the image is mirrored at its border; any dtype."""

    most: int = 2
    """pixels in each direction"""

    def __post_init__(self):
        _require(self.most, "most")

    def build(self) -> Augment:
        return _shifting(self.most, "reflect")


def crops(images: Num[Array, "b h w c"], corners: Int[Array, "b 2"], size: tuple[int, int]) -> Num[Array, "b i j c"]:
    """The part of each image that begins at its corner (row, column)."""

    def one(image, corner):
        return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), (*size, image.shape[-1]))

    return jax.vmap(one)(images, corners)


def _shifting(most: int, mode: Literal["constant", "reflect"]) -> Augment:
    def augment(key: Key[Array, ""], images: Num[Array, "b h w c"]) -> Num[Array, "b h w c"]:
        padded = jnp.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode)
        corners = jax.random.randint(key, (len(images), 2), 0, 2 * most + 1)
        return crops(padded, corners, (images.shape[1], images.shape[2]))

    return augment


def _require(value: int, field: str) -> None:
    if value < 0:
        raise InputError(f"{field}: {value} found, expected a number of pixels, 0 or more")
