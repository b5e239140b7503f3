"""`jzsl features` beside PyTorch with the same network and weights: pictures per second, and whether they agree.

    pip install -e ".[torch,images,pretrained]" timm
    python -m benchmarks.feature_extraction IMAGES.npz [--pictures 256] [--out FILE.json]

PyTorch's side is timm's EfficientNet-Lite0 in its channels-last layout, fed by a DataLoader with a process per core
that resizes and crops by Pillow. Both are timed in turn, with the decoding and without it. With --top-1 instead the
share of pictures whose best ImageNet class is one of those that the class name means, for classes where such exist.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks.machine import alternate, describe
from jzsl.data.decoding import Encoded, batches, decoded
from jzsl.data.image_bytes import ImageBytes
from jzsl.data.weights import Weights, installed_file, read_weights
from jzsl.devices.program import Program
from jzsl.extraction.extract import batch_size, extracted
from jzsl.extraction.network import efficientnet_lite0
from jzsl.nets.efficientnet_lite import INPUT, PACKAGE, EfficientNetLite0, efficientnet_lite0_variables
from jzsl.nets.network import BatchNormPolicy

MEANING = {
    "antelope": range(351, 354), "beaver": [337], "chimpanzee": [367], "dalmatian": [251],
    "elephant": [101, 385, 386], "fox": range(277, 281), "giant+panda": [388], "gorilla": [366],
    "grizzly+bear": [294], "hippopotamus": [344], "horse": [339], "leopard": [288, 289, 290], "lion": [291],
    "otter": [360], "ox": [345], "pig": [341, 342], "sheep": [348, 349], "squirrel": [335],
    "tiger": [282, 292], "wolf": range(269, 272), "zebra": [340], "dog": range(151, 269), "guitar": [402, 546],
}  # fmt: skip
"""Class names of AwA2 and PACS, and the ImageNet classes (from 0, by sorted synset) that they mean."""


@dataclass(frozen=True)
class Options:
    """Time the extraction of features beside PyTorch."""

    path: tyro.conf.Positional[Path]
    """an .npz of JPEG bytes"""
    pictures: int = 256
    """the first ones, which both take"""
    rounds: int = 3
    """timed calls, of which the median counts"""
    top_1: bool = False
    """classify all pictures, instead of timing anything"""
    domain: str | None = None
    """with top_1: only the pictures of this domain"""
    out: Path | None = None
    """also write the numbers as JSON"""


def torch_model(weights: Weights) -> Any:
    """timm's network without its head, with these weights, whose tensors come in the same order."""
    from tests.reference.torch_networks import import_torchvision

    import_torchvision()
    import timm  # pyright: ignore[reportMissingImports]
    import torch  # pyright: ignore[reportMissingImports]

    model: Any = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    state = model.state_dict()
    ours = [value for name, value in weights.tensors.items() if not name.startswith("_fc")]
    theirs = [name for name in state if not name.endswith("num_batches_tracked")]
    ours = [value for value in ours if value.ndim]
    for name, value in zip(theirs, ours, strict=True):
        assert state[name].shape == value.shape, name
        state[name] = torch.from_numpy(np.array(value))
    model.load_state_dict(state)
    return model.eval().to(memory_format=torch.channels_last)


def candidates(images: Encoded, count: int) -> tuple[dict[str, Callable[[], Any]], float]:
    """What is timed, and the largest difference of a feature relative to the largest feature."""
    import torch  # pyright: ignore[reportMissingImports]

    network, size = efficientnet_lite0(None), batch_size(None)
    reading, numbers = network.reading, range(count)
    model = torch_model(read_weights(installed_file(PACKAGE)))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (INPUT.mean, INPUT.std))
    pixels = decoded(images._replace(names=images.names[:count]), reading)

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return count

        def __getitem__(self, number):
            return torch.from_numpy(images.pixels(number, reading).copy()).permute(2, 0, 1)

    def forward(batch):
        with torch.inference_mode():
            x = batch.to(torch.float32).div_(255).sub_(mean).div_(std)
            return model(x.contiguous(memory_format=torch.channels_last)).numpy()

    def torch_whole():
        loader = torch.utils.data.DataLoader(Pictures(), size, num_workers=os.cpu_count() or 1)
        return np.concatenate([forward(batch) for batch in loader])

    def torch_network():
        parts = [torch.from_numpy(pixels[first : first + size]).permute(0, 3, 1, 2) for first in range(0, count, size)]
        return np.concatenate([forward(part) for part in parts])

    program = Program(network.features)

    def jzsl_network():
        parts = [pixels[first : first + size] for first in range(0, count, size)]
        return np.concatenate([program(network.variables, part) for part in parts])

    compared = {
        "jzsl, whole": lambda: np.concatenate(list(extracted(images, network, numbers, size))),
        "PyTorch, whole": torch_whole,
        "jzsl, network": jzsl_network,
        "PyTorch, network": torch_network,
        "decoding": lambda: [part.shape for part in batches(images, reading, numbers, size)],
    }
    ours, theirs = compared["jzsl, whole"](), torch_network()
    return compared, float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def top_1(options: Options) -> dict[str, Any]:
    """The share of pictures of each class that the network recognises, in percent."""
    problem = ImageBytes(options.path).encoded()
    weights, network = read_weights(installed_file(PACKAGE)), EfficientNetLite0().build()
    variables = efficientnet_lite0_variables(weights)
    reading, size = efficientnet_lite0(None).reading, batch_size(None)
    meant = [number for number, name in enumerate(problem.class_names) if name in MEANING]
    numbers = np.flatnonzero(np.isin(problem.labels, meant))
    if options.domain is not None:
        assert problem.domains is not None
        numbers = numbers[problem.domains[numbers] == problem.domain_names.index(options.domain)]

    @jax.jit
    def best(variables, pixels):
        outputs, _ = network.apply(variables, INPUT.normalised(pixels), BatchNormPolicy.running, None)
        return outputs.logits.argmax(1)  # type: ignore[union-attr]  # this one has a head

    predicted = np.concatenate(
        [np.asarray(best(variables, part)) for part in batches(problem.images, reading, numbers.tolist(), size)]
    )
    right: dict[str, Any] = {}
    for number in meant:
        name, of_class = problem.class_names[number], problem.labels[numbers] == number
        if of_class.any():
            right[name] = round(100 * float(np.isin(predicted[of_class], list(MEANING[name])).mean()), 1)
    return {**right, "mean over classes": round(float(np.mean(list(right.values()))), 1)}


def main() -> None:
    options, console = tyro.cli(Options), Console()
    if options.top_1:
        result = top_1(options)
        console.print(result)
    else:
        images = ImageBytes(options.path).encoded().images
        count = min(options.pictures, len(images.names)) // batch_size(None) * batch_size(None)
        compared, difference = candidates(images, count)
        seconds = alternate(compared, options.rounds)
        result = {"pictures": count, "largest difference": difference, "seconds": seconds, **describe()}
        table = Table(title=f"{count} pictures; features differ by {difference:.1e} of the largest at most")
        for heading in ("", "s", "pictures/s"):
            table.add_column(heading, justify="right" if heading else "left")
        for name, value in seconds.items():
            table.add_row(name, f"{value:.2f}", f"{count / value:.1f}")
        console.print(table)
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
