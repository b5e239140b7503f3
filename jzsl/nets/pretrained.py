"""Networks that start from pre-trained weights, and how their images were prepared."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from jzsl.data.weights import Weights
from jzsl.errors import InputError
from jzsl.nets.network import HEAD, Network, Variables, as_float
from jzsl.nets.normalised import normalised
from jzsl.problem.pretraining import Pretraining

Layers = dict[tuple[str, ...], str]
"""The name in PyTorch of each layer, by its path in "params"."""
_ENTRIES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
"""The names in PyTorch of the entries of a layer."""


class ImageInput(NamedTuple):
    """How images were prepared when a network was trained, which its features need again.

    Attributes:
        shorter_side: pixels to which the shorter side is resized, bicubically and with antialiasing.
        crop: pixels of the square at the centre that is cut out then.
        mean, std: of red, green and blue, of pixels in [0, 1].
    """

    shorter_side: int
    crop: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def normalised(self, images: Num[Any, "b h w 3"]) -> Float[Array, "b h w 3"]:
        """(x - mean) / std of images that are resized and cropped already, uint8 or in [0, 1]."""
        return (as_float(images) - jnp.array(self.mean)) / jnp.array(self.std)


def from_torch(network: Network, layers: Layers, weights: Weights) -> Variables:
    """The variables of a network, from tensors in PyTorch's layout.

    Filters turn from [o, i, h, w] to [h, w, i, o], dense layers are transposed; a batch normalisation has `weight`,
    `bias`, `running_mean` and `running_var`. Where the network has no head, that of the file is left out.

    Args:
        network: whose variables they are.
        layers: the names of its layers in the file.
        weights: the tensors.

    Raises:
        InputError: naming the tensor that is missing, of another shape, not finite or left over.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32))
    used: set[str] = set()

    def tensor(path: Any, leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        _, *layer, last = (entry.key for entry in path)
        name = f"{layers[tuple(layer)]}.{_ENTRIES[last]}"
        if name not in weights.tensors:
            raise InputError(f"{weights.file}: {name}: missing; is it the file of another network?")
        used.add(name)
        value = np.asarray(weights.tensors[name])
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        elif value.ndim == 2:
            value = value.T
        if value.shape != leaf.shape:
            raise InputError(f"{weights.file}: {name}: shape {value.shape} found, expected {leaf.shape} (transposed)")
        value = value.astype(np.float32)
        if not np.isfinite(value).all():
            raise InputError(f"{weights.file}: {name}: infinite or NaN")
        return value

    variables = jax.tree_util.tree_map_with_path(tensor, shapes)
    head = layers[(HEAD,)]
    rest = [
        name
        for name in weights.tensors
        if name not in used and not name.startswith(f"{head}.") and not name.endswith(".num_batches_tracked")
    ]
    if rest:
        raise InputError(f"{weights.file}: {rest[0]}: not a part of this network ({len(rest)} such tensors)")
    return variables


def starting_from(network: Network, read: Callable[[], tuple[Variables, Pretraining]], expected: ImageInput) -> Network:
    """The network of pixels in [0, 1], or uint8, which it normalises as in its pre-training.

    Its `init` returns the pre-trained variables, whatever the key.

    Args:
        network: from scratch.
        read: reads the variables; called once, by the first `init`, so that a config can be built without its file.
        expected: the normalisation.
    """
    once = cache(read)

    def init(key, x, /):
        del key, x
        return jax.tree.map(jnp.asarray, once()[0])

    network = network._replace(init=init, pretraining=lambda: once()[1])
    return normalised(network, expected.mean, expected.std)
