"""A plain network in the manner of VGG: stages of 3 x 3 convolutions with batch normalisation, pooling between them."""

from dataclasses import dataclass

from flax import linen as nn

from jzsl.errors import InputError
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.conv import Conv
from jzsl.nets.network import Network


@dataclass(frozen=True)
class VGG:
    """Each stage but the first begins with 2 x 2 max-pooling; global average pooling replaces VGG's dense layers."""

    channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    """channels of each stage"""
    convolutions: tuple[int, ...] = (1, 1, 2, 2, 2)
    """convolutions of each stage; the default is VGG-11"""
    classes: int | None = None
    """of its own head; None: no head"""

    def __post_init__(self):
        for field in ("channels", "convolutions"):
            values = getattr(self, field)
            if not values or min(values) < 1:
                raise InputError(f"{field}: {values} found, expected one positive number per stage")
        if len(self.channels) != len(self.convolutions):
            raise InputError(
                f"convolutions: {len(self.convolutions)} stages found, expected {len(self.channels)} as in channels"
            )

    def build(self) -> Network:
        blocks: dict[str, nn.Module] = {}
        for stage, (channels, count) in enumerate(zip(self.channels, self.convolutions, strict=True)):
            for block in range(count):
                blocks[f"stage{stage + 1}_block{block + 1}"] = _Block(channels, stage > 0 and block == 0)
        return chain(blocks, self.classes)


class _Block(nn.Module):
    channels: int
    pooled: bool

    @nn.compact
    def __call__(self, x, policy, valid, key):
        if self.pooled:
            x = nn.max_pool(x, (2, 2), (2, 2))
        return nn.relu(BatchNorm(name="norm")(Conv(self.channels, name="conv")(x), policy, valid))
