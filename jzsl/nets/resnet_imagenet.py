"""ResNet-18, -50 and -101 in the layout of torchvision, for its weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
from flax import linen as nn

from jzsl.data.weights import Weights, read_weights
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.conv import Conv
from jzsl.nets.network import HEAD, Network, Variables
from jzsl.nets.pretrained import ImageInput, Layers, from_torch, starting_from
from jzsl.nets.residual import BasicBlock, Bottleneck
from jzsl.problem.pretraining import Pretraining
from jzsl.problem.problem import Backbone

_CHANNELS = (64, 128, 256, 512)
INPUT = ImageInput(shorter_side=256, crop=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""Of the first ImageNet weights of torchvision."""


@dataclass(frozen=True)
class ResNet18:
    """Eight blocks of two 3 x 3 convolutions; features of 512 channels."""

    classes: int | None = 1000
    """of its own head; None: no head"""

    def build(self) -> Network:
        return _resnet((2, 2, 2, 2), False, self.classes)


@dataclass(frozen=True)
class ResNet50:
    """Sixteen bottlenecks, the stride in their 3 x 3 convolution; features of 2,048 channels."""

    classes: int | None = 1000
    """of its own head; None: no head"""

    def build(self) -> Network:
        return _resnet((3, 4, 6, 3), True, self.classes)


@dataclass(frozen=True)
class ResNet101:
    """Thirty-three bottlenecks, the stride in their 3 x 3 convolution; features of 2,048 channels."""

    classes: int | None = 1000
    """of its own head; None: no head"""

    def build(self) -> Network:
        return _resnet((3, 4, 23, 3), True, self.classes)


@dataclass(frozen=True)
class PretrainedResNet:
    """A ResNet that starts from weights of torchvision; pixels are normalised as in its pre-training."""

    weights: Path
    """file of them"""
    layers: Literal[18, 50, 101] = 101
    """of the network"""
    backbone: Backbone = Backbone.unstated
    """whether the weights were learned on the unseen classes, too; results record it"""

    def build(self) -> Network:
        layout = _LAYOUTS[self.layers](classes=None)

        def read():
            weights = read_weights(self.weights)
            pretraining = Pretraining(f"resnet{self.layers}", weights.sha256, self.backbone)
            return resnet_variables(layout, weights), pretraining

        return starting_from(layout.build(), read, INPUT)


_LAYOUTS = {18: ResNet18, 50: ResNet50, 101: ResNet101}


def resnet_variables(config: ResNet18 | ResNet50 | ResNet101, weights: Weights) -> Variables:
    """The variables of one of these networks, from weights under torchvision's names.

    Raises:
        InputError: naming the tensor that does not fit.
    """
    network = config.build()
    layers: Layers = {("stem", "conv"): "conv1", ("stem", "norm"): "bn1", (HEAD,): "fc"}
    for name in network.blocks[1:]:
        stage, block = name.removeprefix("stage").split("_block")
        theirs = f"layer{stage}.{int(block) - 1}"
        for number in (1, 2, 3):
            layers[name, f"conv{number}"] = f"{theirs}.conv{number}"
            layers[name, f"norm{number}"] = f"{theirs}.bn{number}"
        layers[name, "shortcut"] = f"{theirs}.downsample.0"
        layers[name, "shortcut_norm"] = f"{theirs}.downsample.1"
    return from_torch(network, layers, weights)


def _resnet(counts: tuple[int, ...], bottlenecks: bool, classes: int | None) -> Network:
    blocks: dict[str, nn.Module] = {"stem": _Stem()}
    for stage, (count, channels) in enumerate(zip(counts, _CHANNELS, strict=True)):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            module = Bottleneck(channels, stride) if bottlenecks else BasicBlock(channels, stride, projected=True)
            blocks[f"stage{stage + 1}_block{block + 1}"] = module
    return chain(blocks, classes)


class _Stem(nn.Module):
    @nn.compact
    def __call__(self, x, policy, valid, key):
        x = nn.relu(BatchNorm(name="norm")(Conv(64, 7, 2, name="conv")(x), policy, valid))
        # The border counts as minus infinity, which after a ReLU is the same as zero.
        return nn.max_pool(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), (2, 2))
