"""A network so small that NumPy computes its features: means of quarters of the picture, times one weight each."""

import hashlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jzsl.data.weights import Weights
from jzsl.errors import InputError
from jzsl.extraction import network as networks
from jzsl.extraction.network import FeatureNetwork, feature_network, reading_for
from jzsl.nets.pretrained import ImageInput
from jzsl.problem.problem import Backbone

INPUT = ImageInput(shorter_side=10, crop=8, mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 1.0))
SCALES = np.arange(1, 13, dtype=np.float32)


def quarters(weights: Path | None) -> FeatureNetwork:
    """Twelve features: the three colours of four quarters; a file of weights scales them."""
    if weights is not None and not weights.is_file():
        raise InputError(f"{weights}: no such file")
    content = SCALES.tobytes() if weights is None else weights.read_bytes()
    tensors = {"scales": np.frombuffer(content, np.float32)}

    def features(variables, x):
        means = x.reshape(-1, 2, 4, 2, 4, 3).mean((2, 4)).reshape(len(x), 12)
        return jnp.abs(means) * variables["scales"]

    read = Weights(tensors, "scales.pth", hashlib.sha256(content).hexdigest())
    reading = reading_for(INPUT, "bicubic")
    return feature_network("quarters", read, reading, INPUT, dict(tensors), features, Backbone.disjoint)


def expected_features(pixels: np.ndarray) -> np.ndarray:
    """Of pictures uint8[n, 8, 8, 3], in float64."""
    x = (pixels / 255 - np.array(INPUT.mean)) / np.array(INPUT.std)
    parts = [x[:, top : top + 4, left : left + 4].mean((1, 2)) for top in (0, 4) for left in (0, 4)]
    return np.abs(np.concatenate(parts, 1)) * SCALES


@pytest.fixture
def tiny(monkeypatch) -> None:
    monkeypatch.setitem(networks.NETWORKS, "quarters", quarters)


@pytest.fixture
def photos(tmp_path, random) -> Path:
    """Six classes of seven pictures of different sizes: 42, no multiple of a batch; classes differ in colour."""
    for number in range(42):
        name = "abcdef"[number // 7]
        path = tmp_path / "photos" / name / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = np.array([40 * (number // 7), 255 - 40 * (number // 7), 30 * (number // 7 % 3)])
        noise = random.integers(0, 40, (9 + number % 5, 12 - number % 3, 3))
        Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def semantics(tmp_path) -> Path:
    """The colours of the classes, as `jzsl semantics` would write them."""
    classes = np.arange(6)
    colours = np.stack([40 * classes, 255 - 40 * classes, 30 * (classes % 3)], 1) / 255
    np.savez(
        tmp_path / "semantics.npz", semantics=colours, class_names=np.array(list("abcdef")), model=np.array("hand")
    )
    return tmp_path / "semantics.npz"
