"""Convolution in the form that is fast for its shape: inside a compiled loop XLA's gradients are slow on a CPU."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from jzsl.errors import InputError

Padding = tuple[tuple[int, int], tuple[int, int]]
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_FEW_PIXELS = 4
"""Up to so many pixels of output a product of patches gives them faster than a convolution."""
_SAMPLES = 32
"""In the gradient of the filters: so many samples at a time are faster than all at once; in at most eight parts."""


def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k g o"], stride: int, padding: Padding, groups: int = 1
) -> Float[Array, "b i j o"]:
    """The convolution of images or maps with filters, zeros around the image; to be differentiated backwards.

    On an accelerator it and its gradients are XLA's. On a CPU, XLA has fast kernels for one layout only, and rewrites
    other layouts to it, those of gradients among them, outside of compiled loops alone; so here

    - 1 x 1 filters are a product, and so are others where the output has at most four pixels, of patches,
    - depthwise filters are a sum of shifted images times entries, and so are their gradients,
    - other filters are a convolution in that layout, and so is the gradient of the image; that of the filters is one
      too, with samples in the place of channels, some samples at a time.

    Entries of the filters that meet the zeros around the image alone are left out everywhere.

    Args:
        x: images or feature maps.
        kernel: filters; g = c / groups.
        stride: of rows and columns.
        padding: zeros before and after the rows, and the columns; less than the size of the filters.
        groups: 1, or c for depthwise filters.
    """
    if groups != 1 and not groups == x.shape[-1] == kernel.shape[-1]:
        return of_xla(x, kernel, stride, padding)
    (rows, up_down), (columns, left_right) = (
        _reaching(length, kernel.shape[0], stride, zeros) for length, zeros in zip(x.shape[1:3], padding, strict=True)
    )
    return _convolve(x, kernel[rows, columns], stride, (up_down, left_right), groups > 1)


def _reaching(length: int, size: int, stride: int, zeros: tuple[int, int]) -> tuple[slice, tuple[int, int]]:
    """The entries of a filter that ever meet a pixel, and the zeros around the image that they still need."""
    low, high = zeros
    outputs = (length + low + high - size) // stride + 1
    met = [entry for entry in range(size) if any(0 <= i * stride + entry - low < length for i in range(outputs))]
    return slice(met[0], met[-1] + 1), (low - met[0], high - (size - 1 - met[-1]))


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
        parts = _shifted(x, kernel.shape[:2], stride, padding)
        return sum(
            (part * entry for part, entry in zip(parts[1:], kernel.reshape(-1, x.shape[-1])[1:], strict=True)),
            parts[0] * kernel[0, 0, 0],
        )
    parts = _shifted(x, kernel.shape[:2], stride, padding)
    if len(parts) == 1:
        return parts[0] @ kernel[0, 0]
    if parts[0].shape[1] * parts[0].shape[2] <= _FEW_PIXELS:
        return jnp.concatenate(parts, -1) @ kernel.reshape(-1, kernel.shape[-1])
    return of_xla(x, kernel, stride, padding)


def _image_gradient(g, kernel, shape, stride, padding, depthwise):
    """The convolution of g, zeros between its entries where there is a stride, with the filters turned around."""
    spread = jax.lax.pad(g, jnp.zeros((), g.dtype), ((0, 0, 0), (0, 0, stride - 1), (0, 0, stride - 1), (0, 0, 0)))
    sizes = kernel.shape[:2]
    before = [size - 1 - low for size, (low, _) in zip(sizes, padding, strict=True)]
    after = [
        length + size - 1 - have - low
        for length, size, have, low in zip(shape, sizes, spread.shape[1:3], before, strict=True)
    ]
    turned = kernel[::-1, ::-1]
    if not depthwise:
        turned = turned.swapaxes(2, 3)
    return _forward(spread, turned, 1, tuple(zip(before, after, strict=True)), depthwise)


def _filter_gradient(x, g, kernel, stride, padding, depthwise):
    sizes, channels = kernel.shape[:2], x.shape[-1]
    if depthwise:
        entries = [jnp.sum(part * g, (0, 1, 2)) for part in _shifted(x, sizes, stride, padding)]
        return jnp.stack(entries).reshape(kernel.shape)
    if sizes == (1, 1):
        parts = _shifted(x, sizes, stride, padding)[0].reshape(-1, channels)
        return (parts.T @ g.reshape(-1, g.shape[-1])).reshape(kernel.shape)
    # Rows and columns that the stride never reaches are cut off, so that the result has the size of the filters.
    reached = [size + stride * (length - 1) for size, length in zip(sizes, g.shape[1:3], strict=True)]
    padding = [
        (low, length - low - have) for (low, _), length, have in zip(padding, reached, x.shape[1:3], strict=True)
    ]

    def of(samples):
        return jax.lax.conv_general_dilated(
            x[samples].transpose(3, 1, 2, 0),
            g[samples].transpose(1, 2, 0, 3),
            (1, 1),
            padding,
            rhs_dilation=(stride, stride),
            dimension_numbers=_LAYOUT,
        )

    part = max(_SAMPLES, -(-len(x) // 8))
    gradient = sum((of(slice(i, i + part)) for i in range(part, len(x), part)), of(slice(part)))
    return gradient.transpose(1, 2, 0, 3)


def _shifted(
    x: Float[Array, "b h w c"], sizes: tuple[int, int], stride: int, padding: Padding
) -> list[Float[Array, "b i j c"]]:
    """For each entry of a filter, row by row, the pixels that it meets."""
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    ends = [length - size + 1 for length, size in zip(padded.shape[1:3], sizes, strict=True)]
    return [
        padded[:, row : row + ends[0] : stride, column : column + ends[1] : stride]
        for row in range(sizes[0])
        for column in range(sizes[1])
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
        if x.ndim != 4:
            size = " x ".join(map(str, x.shape[1:]))
            raise InputError(f"samples: of shape {size} found, expected images, height x width x channels")
        shape = (self.size, self.size, x.shape[-1] // self.groups, self.channels)
        kernel = self.param("kernel", self.start, shape)
        reach = self.size // 2
        padding = ((reach, reach), (reach, reach))
        if self.padding == "SAME":
            padding = same_padding(x.shape[1:3], self.size, self.stride)
        return convolve(x, kernel, self.stride, padding, self.groups)
