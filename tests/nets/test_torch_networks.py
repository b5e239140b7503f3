"""Every network against the one of PyTorch with the same weights: outputs, gradients and running statistics."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jzsl.data.weights import Weights
from jzsl.nets.efficientnet_lite import EfficientNetLite0, efficientnet_lite0_variables
from jzsl.nets.network import BatchNormPolicy, Network
from jzsl.nets.pretrained import Layers, from_torch
from jzsl.nets.resnet import ResNet
from jzsl.nets.resnet26 import Adapter, ResNet26
from jzsl.nets.resnet_imagenet import ResNet18, ResNet50, ResNet101, resnet_variables
from jzsl.nets.vgg import VGG

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference():
    """The networks of PyTorch; imported by the tests that run, as that takes seconds."""
    for package in ("torch", "torchvision", "timm"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    return importlib.import_module("tests.reference.torch_networks")


def of_resnet(network: Network) -> Layers:
    layers: Layers = {("stem", "conv"): "parts.stem.0", ("stem", "norm"): "parts.stem.1", ("head",): "none"}
    for name in network.blocks[1:]:
        for number in (1, 2):
            layers[name, f"conv{number}"] = f"parts.{name}.conv{number}"
            layers[name, f"norm{number}"] = f"parts.{name}.bn{number}"
    return layers


def of_resnet26(network: Network) -> Layers:
    layers: Layers = {("top", "norm"): "parts.top.0", ("head",): "none"}
    for name in network.blocks[:-1]:
        for ours, theirs in (((), ""),) if name == "stem" else ((("conv1",), ".conv1"), (("conv2",), ".conv2")):
            convolution = ours or ("conv",)
            layers[name, *convolution] = f"parts.{name}{theirs}.conv"
            for part in ("adapter", "norm", "norm1", "norm2"):
                layers[name, *convolution, part] = f"parts.{name}{theirs}.{part}"
    return layers


def of_vgg(network: Network) -> Layers:
    layers: Layers = {("head",): "none"}
    position = 0
    for name in network.blocks:
        position += name != "stage1_block1" and name.endswith("block1")  # the pooling before it
        layers[name, "conv"], layers[name, "norm"] = f"parts.{position}", f"parts.{position + 1}"
        position += 3
    return layers


def without_bias(tensors):
    """VGG's convolutions have a bias, which batch normalisation makes idle: 0 in a new network."""
    idle = {name for name in tensors if name.endswith(".bias") and name.replace(".bias", ".running_var") not in tensors}
    return {name: value for name, value in tensors.items() if name not in idle}


def imagenet(reference, config, name):
    return (
        config.build(),
        reference.imagenet_resnet(name),
        lambda weights: resnet_variables(config, weights),
    )


def case(reference, name: str):
    """Our network, PyTorch's, the importer and the size of the images."""
    if name == "efficientnet_lite0":
        network = EfficientNetLite0(10).build()
        return (network, reference.efficientnet_lite0(), lambda weights: efficientnet_lite0_variables(weights, 10)), 75
    if name == "resnet18":
        return imagenet(reference, ResNet18(10), name), 65
    if name == "resnet50":
        return imagenet(reference, ResNet50(10), name), 64
    if name == "resnet101":
        return imagenet(reference, ResNet101(10), name), 64
    if name == "vgg11":
        network = VGG().build()
        model = reference.vgg11()
        return (network, model, lambda w: from_torch(network, of_vgg(network), w)), 32
    if name == "resnet":
        network = ResNet((2, 1, 2, 1), 0.25).build()
        model = reference.small_resnet([16, 32, 64, 128], [2, 1, 2, 1])
        return (network, model, lambda w: from_torch(network, of_resnet(network), w)), 32
    adapter = name.removeprefix("resnet26_")
    network = ResNet26(Adapter(adapter), width=0.25, blocks=2).build()
    model = reference.resnet26(adapter, [8, 16, 32, 64], 2)
    return (network, model, lambda w: from_torch(network, of_resnet26(network), w)), 32


def close(ours, theirs):
    """Equal to 1e-4 of the largest entry."""
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * max(np.abs(theirs).max(), 1e-3))


@pytest.mark.parametrize("policy", [BatchNormPolicy.running, BatchNormPolicy.train])
@pytest.mark.parametrize(
    "name",
    ["resnet", "resnet26_none", "resnet26_series", "resnet26_parallel", "vgg11", "resnet18", "resnet50", "resnet101",
     "efficientnet_lite0"],
)  # fmt: skip
def test_outputs_gradients_and_statistics(reference, name, policy):
    """In double precision: the gradient of a deep network magnifies the last bits of single precision."""
    torch = reference.torch
    torch.manual_seed(0)
    (network, model, variables_of), size = case(reference, name)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif key.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    model = model.double().train(policy is BatchNormPolicy.train)
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.eval()

    def imported(tensors):
        weights = Weights({key: value.detach().numpy() for key, value in tensors.items()}, "random", "")
        return variables_of(
            weights._replace(tensors=without_bias(weights.tensors) if name == "vgg11" else weights.tensors)
        )

    variables = imported(model.state_dict())
    x = np.random.default_rng(0).normal(size=(4, size, size, 3))
    direction = np.random.default_rng(1).normal(size=2048)
    output = model(torch.tensor(x).permute(0, 3, 1, 2))
    (torch.sin(output) @ torch.tensor(direction[: output.shape[1]])).sum().backward()
    gradients = {**model.state_dict(), **{key: value.grad for key, value in model.named_parameters()}}

    with jax.enable_x64(True):
        variables = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), variables)

        @jax.jit
        def loss(params, rest):
            outputs, after = network.apply({**rest, **params}, jnp.asarray(x), policy, None)
            value = outputs.features if outputs.logits is None else outputs.logits
            return jnp.sum(jnp.sin(value) @ direction[: value.shape[1]]), (value, after)

        learned = {name: variables[name] for name in ("params", "shared") if name in variables}
        rest = {name: value for name, value in variables.items() if name not in learned}
        (_, (value, after)), gradient = jax.value_and_grad(loss, has_aux=True)(learned, rest)
    close(value, output.detach())
    expected = imported(gradients)
    jax.tree.map(close, gradient, {name: expected[name] for name in learned})
    jax.tree.map(close, after["batch_stats"], imported(model.state_dict())["batch_stats"])
