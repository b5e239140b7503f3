"""Convolution in the form that is fast for its shape: inside a compiled loop XLA's gradients are slow on a CPU."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

Padding = tuple[tuple[int, int], tuple[int, int]]
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_MANY_CHANNELS = 128
"""From so many channels on a product of patches gives the gradient of the filters faster than a convolution."""


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k g o"], stride: int, padding: Padding, groups: int = 1
) -> Float[Array, "b i j o"]:
    """The convolution of images or maps with filters, zeros around the image; to be differentiated backwards.

    On an accelerator it and its gradients are XLA's. On a CPU, XLA has fast kernels for one layout only, and rewrites
    other layouts to it, those of gradients among them, outside of compiled loops alone; so here

    - 1 x 1 filters are a product,
    - depthwise filters are a sum of shifted images times entries, and so are their gradients,
    - other filters are a convolution in that layout, and so is the gradient of the image; that of the filters is one
      too, with samples in the place of channels, or where there are many channels a product of patches.

    Args:
        x: images or feature maps.
        kernel: filters; g = c / groups.
        stride: of rows and columns.
        padding: zeros before and after the rows, and the columns; less than the size of the filters.
        groups: 1, or c for depthwise filters.
    """
    if groups != 1 and not groups == x.shape[-1] == kernel.shape[-1]:
        return of_xla(x, kernel, stride, padding)
    return _convolve(x, kernel, stride, padding, groups > 1)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _convolve(x, kernel, stride, padding, depthwise):
    def on_cpu(x, kernel):
        return _forward(x, kernel, stride, padding, depthwise)

    def elsewhere(x, kernel):
        return of_xla(x, kernel, stride, padding)

    return jax.lax.platform_dependent(x, kernel, cpu=on_cpu, default=elsewhere)


def _kept(x, kernel, stride, padding, depthwise):
    return _convolve(x, kernel, stride, padding, depthwise), (x, kernel)


def _gradients(stride, padding, depthwise, kept, g):
    def on_cpu(x, kernel, g):
        of_image = _image_gradient(g, kernel, x.shape[1:3], stride, padding, depthwise)
        return of_image, _filter_gradient(x, g, kernel, stride, padding, depthwise)

    def elsewhere(x, kernel, g):
        return jax.vjp(lambda x, kernel: of_xla(x, kernel, stride, padding), x, kernel)[1](g)

    return jax.lax.platform_dependent(*kept, g, cpu=on_cpu, default=elsewhere)


_convolve.defvjp(_kept, _gradients)


def of_xla(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k g o"], stride: int, padding: Padding
) -> Float[Array, "b i j o"]:
    """XLA's convolution; the number of groups is c / g."""
    groups = x.shape[-1] // kernel.shape[2]
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=_LAYOUT, feature_group_count=groups
    )


def _forward(x, kernel, stride, padding, depthwise):
    if depthwise:
        parts = _shifted(x, kernel.shape[0], stride, padding)
        return sum(
            (part * entry for part, entry in zip(parts[1:], kernel.reshape(-1, x.shape[-1])[1:], strict=True)),
            parts[0] * kernel[0, 0, 0],
        )
    if kernel.shape[0] == 1:
        return _shifted(x, 1, stride, padding)[0] @ kernel[0, 0]
    return of_xla(x, kernel, stride, padding)


def _image_gradient(g, kernel, shape, stride, padding, depthwise):
    """The convolution of g, zeros between its entries where there is a stride, with the filters turned around."""
    spread = jax.lax.pad(g, jnp.zeros((), g.dtype), ((0, 0, 0), (0, 0, stride - 1), (0, 0, stride - 1), (0, 0, 0)))
    size = kernel.shape[0]
    before = [size - 1 - low for low, _ in padding]
    after = [length + size - 1 - have - low for length, have, low in zip(shape, spread.shape[1:3], before, strict=True)]
    turned = kernel[::-1, ::-1]
    if not depthwise:
        turned = turned.swapaxes(2, 3)
    return _forward(spread, turned, 1, tuple(zip(before, after, strict=True)), depthwise)


def _filter_gradient(x, g, kernel, stride, padding, depthwise):
    size, channels = kernel.shape[0], x.shape[-1]
    if depthwise:
        entries = [jnp.sum(part * g, (0, 1, 2)) for part in _shifted(x, size, stride, padding)]
        return jnp.stack(entries).reshape(kernel.shape)
    if size == 1 or channels >= _MANY_CHANNELS:
        parts = jnp.concatenate(_shifted(x, size, stride, padding), -1)
        return (parts.reshape(-1, parts.shape[-1]).T @ g.reshape(-1, g.shape[-1])).reshape(kernel.shape)
    # Rows and columns that the stride never reaches are cut off, so that the result has the size of the filters.
    reached = [size + stride * (length - 1) for length in g.shape[1:3]]
    padding = [
        (low, length - low - have) for (low, _), length, have in zip(padding, reached, x.shape[1:3], strict=True)
    ]
    gradient = jax.lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        g.transpose(1, 2, 0, 3),
        (1, 1),
        padding,
        rhs_dilation=(stride, stride),
        dimension_numbers=_LAYOUT,
    )
    return gradient.transpose(1, 2, 0, 3)


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
