"""A small zero-shot problem of images: each attribute is a bar of its own, each class has some of the bars."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jzsl.types import ClassTable, Pool

SEMANTICS = np.array(
    [
        [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1],
        [1, 0, 0, 1], [0, 1, 1, 0],
    ],
    np.float32,
)  # fmt: skip
SEEN, UNSEEN = np.arange(6), np.array([6, 7])


def bars(labels: np.ndarray, seed: int = 0, semantics: np.ndarray = SEMANTICS) -> np.ndarray:
    """Images uint8[n, 8, 8, 1] of these classes, with noise on all pixels.

    Row 0, rows 4 and 5, column 0, columns 4 and 5 are bright where the class has the bar.
    """
    random = np.random.default_rng(seed)
    images = 60 * random.random((len(labels), 8, 8, 1))
    for image, (top, middle, left, centre) in zip(images, semantics[labels], strict=True):
        image[0] += 150 * top
        image[4:6] += 150 * middle
        image[:, 0] += 150 * left
        image[:, 4:6] += 150 * centre
    return np.minimum(images, 255).astype(np.uint8)


def problem(count: int = 96) -> tuple[Pool, ClassTable]:
    """A pool of images of the seen classes, and the table of all eight."""
    labels = np.arange(count) % len(SEEN)
    pool = Pool(jnp.asarray(bars(labels)), jnp.int32(labels), jnp.ones(count, jnp.int32))
    return pool, ClassTable(jnp.asarray(SEMANTICS), jnp.asarray(np.isin(np.arange(8), SEEN)))


def mean_accuracy(scores: Float[Array, "m k"], labels: np.ndarray, candidates: np.ndarray) -> float:
    predicted = candidates[np.asarray(scores).argmax(1)]
    return float(np.mean([np.mean(predicted[labels == label] == label) for label in np.unique(labels)]))


def trained(method, pool: Pool, classes: ClassTable, epochs: int, seed: int = 0):
    """The state after so many epochs."""
    state = jax.jit(method.init)(jax.random.key(seed), pool, classes)
    return jax.jit(method.fit)(state, pool, classes, epochs, epochs)[0]
