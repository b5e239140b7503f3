"""Convolution in one of three forms, chosen by shape: inside a compiled loop XLA's own is slow on a CPU."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

Padding = tuple[tuple[int, int], tuple[int, int]]
_LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k g o"], stride: int, padding: Padding, groups: int = 1
) -> Float[Array, "b i j o"]:
    """The convolution of images or maps with filters, zeros around the image.

    On an accelerator it is XLA's convolution. On a CPU, where that runs as naive loops when it is depthwise or in a
    compiled loop, depthwise filters are a sum of shifted products, and others one product with all patches.

    Args:
        x: images or feature maps.
        kernel: filters; g = c / groups.
        stride: of rows and columns.
        padding: zeros before and after the rows, and the columns.
        groups: 1, or c for depthwise filters.
    """
    if groups == 1:
        on_cpu = of_patches
    elif groups == x.shape[-1] == kernel.shape[-1]:
        on_cpu = of_shifts
    else:
        on_cpu = of_xla

    def form(function):
        return lambda x, kernel: function(x, kernel, stride, padding)

    return jax.lax.platform_dependent(x, kernel, cpu=form(on_cpu), default=form(of_xla))


def of_xla(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k g o"], stride: int, padding: Padding
) -> Float[Array, "b i j o"]:
    """XLA's convolution; the number of groups is c / g."""
    groups = x.shape[-1] // kernel.shape[2]
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=_LAYOUT, feature_group_count=groups
    )


def of_patches(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k c o"], stride: int, padding: Padding
) -> Float[Array, "b i j o"]:
    """A product of the patches under the filter with the filters (im2col)."""
    parts = _shifted(x, kernel.shape[0], stride, padding)
    return jnp.concatenate(parts, -1) @ kernel.reshape(-1, kernel.shape[-1])


def of_shifts(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k 1 c"], stride: int, padding: Padding
) -> Float[Array, "b i j c"]:
    """The sum over the entries of depthwise filters of the shifted image times the entry."""
    parts = _shifted(x, kernel.shape[0], stride, padding)
    total = parts[0] * kernel[0, 0, 0]
    for part, entry in zip(parts[1:], kernel.reshape(-1, kernel.shape[-1])[1:], strict=True):
        total += part * entry
    return total


def _shifted(x: Float[Array, "b h w c"], size: int, stride: int, padding: Padding) -> list[Float[Array, "b i j c"]]:
    """For each entry of a filter, row by row, the pixels that it meets."""
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    ends = [length - size + 1 for length in padded.shape[1:3]]
    return [
        padded[:, row : row + ends[0] : stride, column : column + ends[1] : stride]
        for row in range(size)
        for column in range(size)
    ]


def same_padding(shape: tuple[int, int], size: int, stride: int) -> Padding:
    """TensorFlow's SAME: the output has ceil(length / stride) entries, and the odd zero comes last."""

    def one(length: int) -> tuple[int, int]:
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        return total // 2, total - total // 2

    return one(shape[0]), one(shape[1])


class Conv(nn.Module):
    """A convolution without bias; weights [size, size, c / groups, channels].

    Attributes:
        channels: of its output.
        size: of the filters, odd.
        stride: of rows and columns.
        padding: "symmetric", (size - 1) / 2 zeros on each side, as PyTorch's networks have it, or TensorFlow's "SAME".
            They differ where the stride is 2.
        groups: 1, or the channels of the input for depthwise filters.
        start: the initial weights.
    """

    channels: int
    size: int = 3
    stride: int = 1
    padding: str = "symmetric"
    groups: int = 1
    start: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x):
        shape = (self.size, self.size, x.shape[-1] // self.groups, self.channels)
        kernel = self.param("kernel", self.start, shape)
        reach = self.size // 2
        padding = ((reach, reach), (reach, reach))
        if self.padding == "SAME":
            padding = same_padding(x.shape[1:3], self.size, self.stride)
        return convolve(x, kernel, self.stride, padding, self.groups)
