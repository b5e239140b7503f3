"""Networks that start from pre-trained weights: the file's values, the input they expect, and what results record."""

import hashlib
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from jzsl.config import Experiment, Train
from jzsl.data.arrays import Arrays
from jzsl.driver.runner import run
from jzsl.errors import InputError
from jzsl.methods.apn import APN
from jzsl.nets import resnet_imagenet
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.resnet_imagenet import PretrainedResNet, ResNet18
from jzsl.problem.problem import Backbone
from jzsl.training.optimizers.adam import Adam
from tests.driver.test_images import QUIET
from tests.methods.images import SEMANTICS


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights under torchvision's names: it is that of no trained network."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(
        ResNet18(None).build().init, jax.random.key(0), jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    )
    names = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
    layers = {"conv": "conv1", "norm": "bn1", "shortcut": "downsample.0", "shortcut_norm": "downsample.1"}
    tensors = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes):
        _, block, layer, entry = (part.key for part in path)
        prefix = "" if block == "stem" else f"layer{block[5]}.{int(block[-1]) - 1}."
        name = f"{prefix}{layers.get(layer, layer.replace('norm', 'bn'))}.{names[entry]}"
        value = np.float32(0.05 * random.normal(size=leaf.shape)) + (entry in ("scale", "var"))
        tensors[name] = np.ascontiguousarray(value.transpose(3, 2, 0, 1)) if value.ndim == 4 else value
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(tensors, path)
    return path, tensors


def test_it_starts_from_the_file_whatever_the_key_and_normalises_pixels(weights, random):
    path, tensors = weights
    network = PretrainedResNet(path, 18).build()
    pixels = random.integers(0, 256, (2, 32, 32, 3), np.uint8)
    one, two = (jax.jit(network.init)(jax.random.key(seed), jnp.asarray(pixels)) for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    kernel = tensors["layer2.0.conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(one["params"]["stage2_block1"]["conv1"]["kernel"], kernel)
    np.testing.assert_array_equal(one["batch_stats"]["stem"]["norm"]["mean"], tensors["bn1.running_mean"])
    given = (pixels / 255 - np.array(resnet_imagenet.INPUT.mean)) / np.array(resnet_imagenet.INPUT.std)
    plain = ResNet18(None).build()
    features, expected = (
        jax.jit(lambda x, net=net: net.apply(one, x, BatchNormPolicy.running, None)[0].features)(x)
        for net, x in ((network, jnp.asarray(pixels)), (plain, jnp.float32(given)))
    )
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4)


@pytest.fixture
def config(weights, tmp_path):
    """Of a run that starts from a copy of the file."""
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(8), 4)
    np.savez(
        tmp_path / "mine.npz",
        images=random.integers(0, 256, (32, 16, 16, 3), np.uint8),
        labels=labels,
        semantics=SEMANTICS,
        train=np.flatnonzero(labels < 6),
        test_unseen=np.flatnonzero(labels >= 6),
    )
    path = Path(shutil.copy(weights[0], tmp_path))
    method = APN(PretrainedResNet(path, 18), optimizer=Adam(1e-3), learned=("stage4",), batch_size=16, warmup=1)
    return Experiment(Arrays(tmp_path / "mine.npz", Backbone.none), method, Train(epochs=1), seeds=1)


def test_results_record_the_weights(weights, config, tmp_path):
    """And that what they were learned on is not known, though the samples are pixels, which no network made. The same
    run is not resumed from another file."""
    path, tensors = weights
    result = run(config, tmp_path / "run", False, QUIET)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert result["pretraining"] == {"network": "resnet18", "weights": digest, "backbone": "unstated"}
    assert result["features"]["backbone"] == "unstated"
    assert run(config, tmp_path / "run", True, QUIET) == result
    changed = tmp_path / path.name
    save_file({**tensors, "bn1.bias": tensors["bn1.bias"] + 1}, changed)
    other = hashlib.sha256(changed.read_bytes()).hexdigest()
    message = f"started from weights of resnet18 with SHA-256 {digest}, now {other}: the file has changed"
    (tmp_path / "run" / "result.json").unlink()
    with pytest.raises(InputError, match=message):
        run(config, tmp_path / "run", True, QUIET)


def test_what_does_not_fit_is_refused_when_it_is_read(weights, tmp_path):
    path, _ = weights
    key, image = jax.random.key(0), jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    for config, message in (
        (PretrainedResNet(tmp_path / "none.pth"), "no such file"),
        (PretrainedResNet(path, 50), r"layer1.0.bn3.*: missing; is it the file of another network"),
        (PretrainedEfficientNetLite0(path), "missing; is it the file of another network"),
    ):
        with pytest.raises(InputError, match=message):
            jax.eval_shape(config.build().init, key, image)
    with pytest.raises(InputError, match="images: 1 channels found, expected 3"):
        jax.eval_shape(PretrainedResNet(path, 18).build().init, key, image.update(shape=(1, 32, 32, 1)))
