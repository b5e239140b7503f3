"""k-means in which some samples belong to given clusters (constrained seeding, Basu et al. 2002), in NumPy."""

import numpy as np
from jaxtyping import Float, Int

_ITERATIONS = 50
_STARTS = 3


def constrained_k_means(
    generator: np.random.Generator, x: Float[np.ndarray, "n e"], fixed: Int[np.ndarray, " n"], clusters: int
) -> Int[np.ndarray, " n"]:
    """The cluster of each sample.

    The best of three starts, in which fixed clusters start at the mean of their samples, the others at free
    samples that are drawn as k-means++ does.

    Args:
        generator: draws the starts.
        x: samples.
        fixed: the cluster of each sample that has a given one, from 0 without gaps; -1 for free samples.
        clusters: how many there are, fixed ones included.
    """
    results = [_of_start(generator, x, fixed, clusters) for _ in range(_STARTS)]
    return min(results, key=lambda result: result[1])[0]


def _of_start(
    generator: np.random.Generator, x: Float[np.ndarray, "n e"], fixed: Int[np.ndarray, " n"], clusters: int
) -> tuple[Int[np.ndarray, " n"], float]:
    """The clusters, and their inertia."""
    given, count = fixed >= 0, int(fixed.max(initial=-1)) + 1
    square = np.sum(x**2, 1)

    def half_distances(centres: np.ndarray) -> np.ndarray:
        return np.sum(centres**2, 1) / 2 - x @ centres.T

    centres = np.stack([x[fixed == number].mean(0) for number in range(count)]) if count else np.zeros((0, x.shape[1]))
    free = np.flatnonzero(~given)
    nearest = square / 2 + half_distances(centres).min(1) if count else np.ones(len(x))
    for _ in range(count, clusters):
        mass = np.maximum(nearest[free], 0)
        share = mass / mass.sum() if mass.sum() > 0 else None
        centre = x[generator.choice(free, p=share)]
        distance = square / 2 + half_distances(centre[None])[:, 0]
        nearest = distance if not len(centres) else np.minimum(nearest, distance)
        centres = np.concatenate([centres, centre[None]])
    label = np.full(len(x), -1)
    for _ in range(_ITERATIONS):
        moved = np.where(given, fixed, half_distances(centres).argmin(1))
        if np.array_equal(moved, label):
            break
        label = moved
        member = np.zeros((len(x), clusters))
        member[np.arange(len(x)), label] = 1
        mass = member.sum(0)[:, None]
        centres = np.where(mass > 0, member.T @ x / np.maximum(mass, 1), centres)
    return label, float(np.sum((x - centres[label]) ** 2))
