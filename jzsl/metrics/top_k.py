"""Top-k accuracy with bounded memory: samples are scored in chunks, and only their best columns are kept."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from jzsl.metrics.scores import require_scores


def top_columns(
    logits: Callable[[Float[np.ndarray, "b d"]], Any], chunks: Iterator[Float[np.ndarray, "_ d"]], k: int
) -> Int[np.ndarray, "n k"]:
    """The k best columns of every sample, best first.

    Args:
        logits: samples to scores; it always gets as many samples as the first chunk has, so that it compiles once.
        chunks: samples in chunks, none larger than the first.
        k: how many columns to keep; at most as many as there are.

    Raises:
        InputError: if a score is NaN.
    """
    columns, size, done = [], None, 0
    for chunk in chunks:
        size = len(chunk) if size is None else size
        padded = np.pad(chunk, ((0, size - len(chunk)), (0, 0)))
        scores = logits(padded)
        values, best = jax.lax.top_k(scores, min(k, scores.shape[1]))  # a NaN counts as the largest
        require_scores(np.asarray(values)[: len(chunk)], np.arange(done, done + len(chunk)))
        columns.append(np.asarray(best)[: len(chunk)])
        done += len(chunk)
    return np.concatenate(columns)


def hit_rates(
    y: Int[np.ndarray, " n"], top: Int[np.ndarray, "n k"], classes: Int[np.ndarray, " c"], count: int
) -> tuple[float, float]:
    """Share of samples whose class is among their first `count` predictions, in [0, 1].

    Returns:
        The mean over classes of each class's share, and the share of all samples ("flat hit@k").
    """
    hit = (top[:, :count] == y[:, None]).any(1)
    column = np.searchsorted(classes, y)
    sizes = np.bincount(column, minlength=len(classes))
    return float((np.bincount(column, hit, len(classes)) / sizes).mean()), float(hit.mean())
