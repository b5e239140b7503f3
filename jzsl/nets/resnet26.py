"""ResNet-26 with residual adapters: filters that domains share, and parts of each domain (thesis, chapters 3 and 4).

The shared filters are the collection "shared"; adapters, batch normalisation and head of a domain are "params" and
"batch_stats". The variables of another domain are the same "shared" beside its own two.
"""

import enum
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from jzsl.errors import InputError, require_positive
from jzsl.keys import stream
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.conv import Conv, convolve
from jzsl.nets.network import Network
from jzsl.nets.residual import plain_shortcut

_CHANNELS = (64, 128, 256)


class Adapter(enum.Enum):
    """What each 3 x 3 convolution of a domain has beside the shared filters."""

    none = "none"
    """batch normalisation alone: BN(y), y the convolution"""
    series = "series"
    """u = y + A BN1(y), then BN2(u)"""
    parallel = "parallel"
    """BN(y + A x), A a 1 x 1 convolution of the same stride"""


class AdapterStart(enum.Enum):
    """How the adapters A start."""

    zero = "zero"
    """so that the network starts as the shared one"""
    he_normal = "he_normal"
    """from noise, as the published code does"""


@dataclass(frozen=True)
class ResNet26:
    """A stem of 32 channels without ReLU, three stages of 64, 128 and 256; the first block of each has stride 2."""

    adapter: Adapter = Adapter.parallel
    """of every convolution, the stem's too"""
    start: AdapterStart = AdapterStart.zero
    """of the adapters"""
    dropout: float = 0.0
    """share of an adapter's inputs that training drops"""
    blocks: int = 4
    """of each stage, of two convolutions"""
    width: float = 1.0
    """factor of all channels"""
    classes: int | None = None
    """of the domain's own head; None: no head"""

    def __post_init__(self):
        require_positive(self, "blocks", "width")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout: {self.dropout} found, expected a share from 0 to below 1")

    def build(self) -> Network:
        def scaled(channels: int) -> int:
            return max(1, round(self.width * channels))

        blocks: dict[str, nn.Module] = {"stem": _Stem(self, scaled(32))}
        for stage, channels in enumerate(map(scaled, _CHANNELS)):
            for block in range(self.blocks):
                name = f"stage{stage + 1}_block{block + 1}"
                blocks[name] = _Block(self, channels, 1 if block else 2)
        blocks["top"] = _Top()
        return chain(blocks, self.classes)


class _Stem(nn.Module):
    config: ResNet26
    channels: int

    @nn.compact
    def __call__(self, x, policy, valid, key):
        return _DomainConv(self.config, self.channels, 1, name="conv")(x, policy, valid, key)


class _Block(nn.Module):
    config: ResNet26
    channels: int
    stride: int

    @nn.compact
    def __call__(self, x, policy, valid, key):
        keys = (None, None) if key is None else (stream(key, "conv1"), stream(key, "conv2"))
        inside = _DomainConv(self.config, self.channels, self.stride, name="conv1")(x, policy, valid, keys[0])
        inside = _DomainConv(self.config, self.channels, 1, name="conv2")(nn.relu(inside), policy, valid, keys[1])
        return nn.relu(inside + plain_shortcut(x, self.stride, self.channels))


class _Top(nn.Module):
    @nn.compact
    def __call__(self, x, policy, valid, key):
        return nn.relu(BatchNorm(name="norm")(x, policy, valid))


class _DomainConv(nn.Module):
    """A 3 x 3 convolution by shared filters, with the adapter and batch normalisation of a domain."""

    config: ResNet26
    channels: int
    stride: int

    @nn.compact
    def __call__(self, x, policy, valid, key):
        shape = (3, 3, x.shape[-1], self.channels)
        kernel = self.variable("shared", "kernel", lambda: nn.initializers.he_normal()(self.make_rng("params"), shape))
        y = convolve(x, kernel.value, self.stride, ((1, 1), (1, 1)))
        if self.config.adapter is Adapter.none:
            return BatchNorm(name="norm")(y, policy, valid)
        if self.config.adapter is Adapter.parallel:
            return BatchNorm(name="norm")(y + self._adapted(x, self.stride, key), policy, valid)
        u = y + self._adapted(BatchNorm(name="norm1")(y, policy, valid), 1, key)
        return BatchNorm(name="norm2")(u, policy, valid)

    def _adapted(self, x, stride, key):
        start = nn.initializers.zeros if self.config.start is AdapterStart.zero else nn.initializers.he_normal()
        rate = self.config.dropout
        if key is not None and rate > 0:
            kept = jax.random.bernoulli(key, 1 - rate, x.shape)
            x = jnp.where(kept, x / (1 - rate), 0)
        return Conv(self.channels, 1, stride, start=start, name="adapter")(x)
