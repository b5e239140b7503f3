"""Pre-trained networks as makers of features, by the names that the command line gives them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxtyping import Array, Float, UInt8

from jzsl.data.formats.picture import Reading
from jzsl.data.weights import Weights, read_weights
from jzsl.errors import InputError
from jzsl.nets import efficientnet_lite, resnet_imagenet
from jzsl.nets.efficientnet_lite import EfficientNetLite0, read_efficientnet_lite0
from jzsl.nets.network import BatchNormPolicy, Network
from jzsl.nets.pretrained import ImageInput
from jzsl.nets.resnet_imagenet import ResNet18, ResNet50, ResNet101, resnet_variables
from jzsl.problem.extraction import Extraction
from jzsl.problem.problem import Backbone


class FeatureNetwork(NamedTuple):
    """A network with its weights.

    Attributes:
        extraction: its name, the hash of its weights and the preprocessing, as they are recorded.
        reading: how pictures are read for it.
        variables: its weights and running statistics.
        features: variables and pixels -> one vector per picture, a pure function to be compiled.
        backbone: what is known of the classes that it was trained on.
    """

    extraction: Extraction
    reading: Reading
    variables: Any
    features: Callable[[Any, UInt8[Array, "b h w c"]], Float[Array, "b d"]]
    backbone: Backbone


def efficientnet_lite0(weights: Path | None) -> FeatureNetwork:
    """EfficientNet-Lite0: 1,280 features, the pooled maps of its last convolution, which are not negative.

    Args:
        weights: a file of them; None: those of the pip package, which were trained on ImageNet, whose 1,000 classes
            contain the unseen classes of most benchmarks, in part at least.

    Raises:
        InputError: if they are missing, or are no weights of this network.
    """
    read, variables, backbone = read_efficientnet_lite0(weights)
    network = EfficientNetLite0(classes=None).build()
    reading = reading_for(efficientnet_lite.INPUT, "bicubic")
    return feature_network(
        "efficientnet_lite0", read, reading, efficientnet_lite.INPUT, variables, _pooled(network), backbone
    )


def resnet(name: str, config: ResNet18 | ResNet50 | ResNet101) -> Callable[[Path | None], FeatureNetwork]:
    """A ResNet in torchvision's layout: the pooled maps of its last block; its weights are always given."""

    def of(weights: Path | None) -> FeatureNetwork:
        if weights is None:
            raise InputError(f"weights: none found, expected a file of torchvision's weights of {name}")
        read = read_weights(weights)
        variables, network = resnet_variables(config, read), config.build()
        reading = reading_for(resnet_imagenet.INPUT, "bilinear")
        return feature_network(
            name, read, reading, resnet_imagenet.INPUT, variables, _pooled(network), Backbone.unstated
        )

    return of


def reading_for(expected: ImageInput, interpolation: Literal["bilinear", "bicubic"]) -> Reading:
    """How pictures are read for a network."""
    return Reading(expected.crop, expected.shorter_side, interpolation)


def feature_network(
    name: str,
    weights: Weights,
    reading: Reading,
    expected: ImageInput,
    variables: Any,
    features: Callable[[Any, Float[Array, "b h w c"]], Float[Array, "b d"]],
    backbone: Backbone,
) -> FeatureNetwork:
    """A network of this name, whose `features` take pictures that are normalised as it expects."""
    preprocessing = {**dataclasses.asdict(reading), "mean": list(expected.mean), "std": list(expected.std)}

    def of_pixels(variables: Any, pixels: UInt8[Array, "b h w c"]) -> Float[Array, "b d"]:
        return features(variables, expected.normalised(pixels))

    return FeatureNetwork(Extraction(preprocessing, name, weights.sha256), reading, variables, of_pixels, backbone)


def _pooled(network: Network) -> Callable[[Any, Float[Array, "b h w c"]], Float[Array, "b d"]]:
    def features(variables: Any, x: Float[Array, "b h w c"]) -> Float[Array, "b d"]:
        outputs, _ = network.apply(variables, x, BatchNormPolicy.running, None)
        return outputs.features

    return features


NETWORKS: dict[str, Callable[[Path | None], FeatureNetwork]] = {
    "efficientnet_lite0": efficientnet_lite0,
    "resnet18": resnet("resnet18", ResNet18(classes=None)),
    "resnet50": resnet("resnet50", ResNet50(classes=None)),
    "resnet101": resnet("resnet101", ResNet101(classes=None)),
}
"""By the names of --network."""


def network_of(name: str, weights: Path | None) -> FeatureNetwork:
    """The network of this name.

    Raises:
        InputError: if there is none, or its weights are missing or of another network.
    """
    if name not in NETWORKS:
        raise InputError(f"network: {name!r} found, expected one of {', '.join(NETWORKS)}")
    return NETWORKS[name](weights)


def require_same(network: FeatureNetwork, recorded: Extraction) -> None:
    """Raises an InputError unless the network makes the features that a model was trained on."""
    ours = network.extraction
    if (ours.network, ours.weights) != (recorded.network, recorded.weights):
        raise InputError(
            f"network: {ours.words} found, but the model was trained on features of {recorded.words}; "
            "name its file with --weights"
        )
    if ours.preprocessing != recorded.preprocessing:
        raise InputError(
            f"network: preprocessing {ours.preprocessing} found, but the model was trained on features made with "
            f"{recorded.preprocessing}"
        )
