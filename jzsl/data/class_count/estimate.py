"""What an estimator of the number of classes is, and the samples that it works on."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Num
from sklearn.decomposition import PCA

from jzsl.errors import InputError

_COMPONENTS = 50
_STARTS = 3


class Estimate(NamedTuple):
    """An estimated number of classes, and how it came about in a few words."""

    classes: int
    words: str


@runtime_checkable
class CountEstimator(Protocol):
    """A frozen dataclass that estimates how many classes there are. It is deterministic."""

    def estimate(
        self, x: Num[np.ndarray, "n *s"], y: Int[np.ndarray, " n"], unlabelled: Num[np.ndarray, "m *s"]
    ) -> Estimate:
        """The number of classes among the unlabelled samples.

        Args:
            x: labelled samples; there may be none.
            y: their classes, none of which the unlabelled samples belong to.
            unlabelled: the other samples.
        """
        ...


def numbers_to_try(least: int, most: int, samples: int) -> range:
    """From `least` to `most`, and below the number of samples.

    Raises:
        InputError: if there are none.
    """
    numbers = range(least, min(most, samples - 1) + 1)
    if least < 2 or not len(numbers):
        raise InputError(f"estimator: {least} to {most} classes found for {samples} samples, expected 2 or more")
    return numbers


def reduced(*groups: Num[np.ndarray, "_ *s"]) -> list[Float[np.ndarray, "_ e"]]:
    """Groups of samples as vectors of at most 50 principal components of all of them."""
    vectors = [group.reshape(len(group), int(np.prod(group.shape[1:]))).astype(np.float32) for group in groups]
    every = np.concatenate(vectors)
    if every.shape[1] > _COMPONENTS and len(every) > _COMPONENTS:
        fitted = PCA(_COMPONENTS, random_state=0).fit(every)
        return [fitted.transform(group) if len(group) else np.zeros((0, _COMPONENTS)) for group in vectors]
    return [group.astype(np.float64) for group in vectors]


def k_means(x: Float[np.ndarray, "n e"], clusters: int) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "k e"]]:
    """The cluster of each sample, and the centres: the best of three starts of k-means++."""
    from sklearn.cluster import KMeans  # a second to import, for runs that need it

    starts: Any = _STARTS  # scikit-learn's own annotation lacks the documented number
    fitted: Any = KMeans(clusters, n_init=starts, random_state=0).fit(x)
    return fitted.labels_, fitted.cluster_centers_


def some(x: Num[np.ndarray, "n *s"], most: int, generator: np.random.Generator) -> Int[np.ndarray, " m"]:
    """Indices of at most so many samples, drawn at random."""
    return np.sort(generator.permutation(len(x))[:most])
