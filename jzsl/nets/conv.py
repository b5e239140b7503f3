"""Convolution as an explicit matrix product of patches: inside a compiled loop XLA's own is slow on a CPU."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float


def patches(x: Float[Array, "b h w c"], size: int) -> Float[Array, "b h w p"]:
    """The `size` x `size` neighbourhood of every pixel, zeros outside the image; p = size * size * c, row by row.

    Args:
        x: images or feature maps.
        size: odd.
    """
    height, width, reach = x.shape[1], x.shape[2], size // 2
    padded = jnp.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    shifted = [padded[:, row : row + height, column : column + width] for row in range(size) for column in range(size)]
    return jnp.concatenate(shifted, -1)


class Conv(nn.Module):
    """A convolution of stride 1 that keeps height and width, without bias; weights [size, size, c, channels]."""

    channels: int
    size: int = 3

    @nn.compact
    def __call__(self, x):
        shape = (self.size, self.size, x.shape[-1], self.channels)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        return patches(x, self.size) @ kernel.reshape(-1, self.channels)
