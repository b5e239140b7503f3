"""Pictures to features: decoded by threads, while the network works on the batch before, on all devices."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jaxtyping import Float, UInt8

from jzsl.data.decoding import Encoded, batches
from jzsl.devices.memory import require_fit
from jzsl.devices.mesh import by_samples, cut, device_mesh, shapes, shared, whole
from jzsl.devices.program import Program
from jzsl.errors import InputError
from jzsl.extraction.network import FeatureNetwork

_PER_DEVICE = {"cpu": 32}
_PER_ACCELERATOR = 256


def batch_size(given: int | None) -> int:
    """Pictures that the devices take together: a multiple of their number.

    Raises:
        InputError: if the given number is none.
    """
    if given is not None and given < 1:
        raise InputError(f"batch_size: {given} found, expected at least 1")
    devices = jax.device_count()
    each = _PER_DEVICE.get(jax.default_backend(), _PER_ACCELERATOR)
    return devices * each if given is None else -(-given // devices) * devices


def dimensions(network: FeatureNetwork) -> int:
    """Features of one picture."""
    one = jax.ShapeDtypeStruct((1, *_shape(network)), np.uint8)
    return jax.eval_shape(network.features, network.variables, one).shape[1]


def extracted(
    images: Encoded, network: FeatureNetwork, numbers: Sequence[int], size: int
) -> Iterator[Float[np.ndarray, "b d"]]:
    """The features of some pictures in float32, batch by batch; the last batch may be smaller.

    The devices share each batch. One program of one size computes them all: the last batch is filled up.

    Args:
        images: that are to be decoded.
        network: that makes the features.
        numbers: of the pictures.
        size: of a batch, a multiple of the number of devices.

    Raises:
        InputError: naming every picture of a batch that cannot be decoded, or the first whose features are not finite;
            or if a batch needs more memory than a device has.
    """
    mesh = device_mesh(1, jax.device_count())
    variables = shared(network.variables, mesh)
    program = Program(network.features)
    pixels = jax.ShapeDtypeStruct((size, *_shape(network)), np.uint8, sharding=cut(mesh))
    program.compile(shapes(variables, whole(mesh)), pixels)
    require_fit(program.bytes, None, [f"a --batch-size below {size}"])

    def computed(batch: UInt8[np.ndarray, "b h w c"]) -> tuple[int, jax.Array]:
        padded = np.zeros((size, *batch.shape[1:]), np.uint8)
        padded[: len(batch)] = batch
        return len(batch), program(variables, by_samples(padded, mesh))

    pixels_of, done, waiting, failure = batches(images, network.reading, numbers, size), 0, None, None
    while True:
        try:
            batch = next(pixels_of, None)
        except InputError as error:  # raised once the batch before is handed out
            batch, failure = None, error
        coming = None if batch is None else computed(batch)
        if waiting is not None:
            yield _on_host(images, numbers[done:], *waiting)
            done += waiting[0]
        if coming is None:
            break
        waiting = coming
    if failure is not None:
        raise failure


def _shape(network: FeatureNetwork) -> tuple[int, int, int]:
    size = network.reading.size
    assert size is not None  # every network has one
    return size, size, network.reading.channels


def _on_host(images: Encoded, numbers: Sequence[int], count: int, computed: jax.Array) -> Float[np.ndarray, "b d"]:
    features = np.asarray(computed, np.float32)[:count]
    wrong = np.flatnonzero(~np.isfinite(features).all(1))
    if len(wrong):
        raise InputError(f"{images.names[numbers[wrong[0]]]}: its features are not finite; are the weights damaged?")
    return features
