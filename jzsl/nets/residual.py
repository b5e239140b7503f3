"""Residual blocks of two 3 x 3 convolutions and of a bottleneck, with parameter-free or projecting shortcuts."""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float

from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.conv import Conv


def plain_shortcut(x: Float[Array, "b h w c"], stride: int, channels: int) -> Float[Array, "b i j d"]:
    """The mean over `stride` x `stride` pixels, and zeros for the channels that are new; it has no parameters."""
    if stride > 1:
        x = nn.avg_pool(x, (stride, stride), (stride, stride), "SAME", count_include_pad=False)
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions, each with batch normalisation, the shortcut added before the last ReLU.

    Attributes:
        channels: of its output.
        stride: of the first convolution.
        projected: whether a shortcut that changes the shape is a 1 x 1 convolution with batch normalisation.
    """

    channels: int
    stride: int = 1
    projected: bool = False

    @nn.compact
    def __call__(self, x, policy, valid, key):
        inside = Conv(self.channels, 3, self.stride, name="conv1")(x)
        inside = nn.relu(BatchNorm(name="norm1")(inside, policy, valid))
        inside = Conv(self.channels, name="conv2")(inside)
        inside = BatchNorm(name="norm2")(inside, policy, valid)
        if not self.projected:
            return nn.relu(inside + plain_shortcut(x, self.stride, self.channels))
        return nn.relu(inside + _projection(x, self.stride, self.channels, policy, valid))


class Bottleneck(nn.Module):
    """A 1 x 1, a strided 3 x 3 and a 1 x 1 convolution to four times the channels; the shortcut is projected.

    Attributes:
        channels: of the 3 x 3 convolution.
        stride: of the 3 x 3 convolution.
    """

    channels: int
    stride: int = 1

    @nn.compact
    def __call__(self, x, policy, valid, key):
        inside = nn.relu(BatchNorm(name="norm1")(Conv(self.channels, 1, name="conv1")(x), policy, valid))
        inside = Conv(self.channels, 3, self.stride, name="conv2")(inside)
        inside = nn.relu(BatchNorm(name="norm2")(inside, policy, valid))
        inside = BatchNorm(name="norm3")(Conv(4 * self.channels, 1, name="conv3")(inside), policy, valid)
        return nn.relu(inside + _projection(x, self.stride, 4 * self.channels, policy, valid))


def _projection(x, stride, channels, policy, valid):
    """Called inside a block: its parts are submodules of that block."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    return BatchNorm(name="shortcut_norm")(Conv(channels, 1, stride, name="shortcut")(x), policy, valid)
