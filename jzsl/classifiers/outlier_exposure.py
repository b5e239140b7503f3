"""An out-of-distribution detector by outlier exposure (STHS, section 4.3; Hendrycks, Mazeika and Dietterich 2019)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Key

from jzsl.errors import InputError, require_positive
from jzsl.keys import stream
from jzsl.nets.embedding_classifier import embedding_classifier
from jzsl.training.descent import descend
from jzsl.training.minibatch import minibatch
from jzsl.types import ClassTable, Pool


@dataclass(frozen=True)
class OutlierExposure:
    """A classifier of seen classes trained towards uniform predictions on unlabelled samples."""

    hidden: int | None = 512
    """nodes of the hidden layer; None is a linear classifier"""
    exposure: float = 0.5
    """weight of the uniform target on unlabelled samples (the value of its authors)"""
    held_out: float = 0.2
    """share of the labelled samples on which the threshold is set and which do not train"""
    epochs: int = 10
    """passes over both groups of samples"""
    learning_rate: float = 1e-3
    """of Adam"""
    batch_size: int = 128
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "exposure", "epochs", "learning_rate", "batch_size")
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out: {self.held_out} found, expected a share between 0 and 1")


class Detector(NamedTuple):
    """Network parameters, which classes it knows, and where it draws the line."""

    params: Any
    seen: Bool[Array, " c"]
    threshold: Float[Array, ""]


def detect(hyper: OutlierExposure, key: Key[Array, ""], pool: Pool, classes: ClassTable) -> Detector:
    """Minimises the cross-entropy of labelled samples plus `exposure` times that of uniform targets on unlabelled ones.

    Each is the mean of its own group (eq. 2 of the detector's authors), however many samples the two have. Minibatches
    mix the groups; a sample counts by the inverse of its group's share, so that an epoch is the sum of the two means.
    A sample is unlabelled if it has no label or, as a pseudo-label, an unseen class; absent ones (w = 0) are neither.
    The threshold is the one that best separates held-out labelled samples from unlabelled ones; it uses no test label.
    """
    seen = jnp.asarray(classes.seen)
    y = jnp.asarray(pool.y)
    present = jnp.asarray(pool.w) > 0
    labelled = present & (y >= 0) & seen[y]
    unlabelled = present & ~labelled
    drawn = jax.random.uniform(stream(key, "held out"), y.shape) < hyper.held_out
    held_out, training = labelled & drawn, (labelled & ~drawn) | unlabelled
    net = embedding_classifier(classes.count, hyper.hidden)
    optimizer = optax.adam(hyper.learning_rate)
    size = jnp.sum(training)
    of_labelled = size / jnp.maximum(jnp.sum(labelled & training), 1)
    of_unlabelled = hyper.exposure * size / jnp.maximum(jnp.sum(unlabelled), 1)

    def loss(params, step_key, indices, valid):
        del step_key
        x, _, label = minibatch(pool, indices)
        log_p = _log_share(net.embed(params, x), seen)
        right = jnp.take_along_axis(log_p, jnp.where(labelled[indices], label, 0)[:, None], 1)[:, 0]
        uniform = jnp.sum(jnp.where(seen, log_p, 0.0), 1) / jnp.sum(seen)
        log_likelihood = jnp.where(labelled[indices], of_labelled * right, of_unlabelled * uniform)
        total = -jnp.sum(valid * log_likelihood) / hyper.batch_size
        return total, {"loss": total}

    params = net.init(stream(key, "parameters"), jnp.asarray(pool.x[0]).astype(jnp.float32))
    w = training.astype(jnp.int32)
    params, _, _ = descend(
        loss, optimizer, params, optimizer.init(params), key, w, jnp.int32(0), hyper.epochs, hyper.batch_size
    )
    detector = Detector(params, seen, jnp.float32(0))
    score = outlyingness(hyper, detector, jnp.asarray(pool.x))
    return detector._replace(threshold=best_threshold(score, held_out, unlabelled))


def outlyingness(hyper: OutlierExposure, detector: Detector, x: Float[Array, "n d"]) -> Float[Array, " n"]:
    """-log of the largest seen-class probability, 0 or more, less the threshold: above 0 a sample counts as unseen."""
    net = embedding_classifier(len(detector.seen), hyper.hidden)
    return -_log_share(net.embed(detector.params, x.astype(jnp.float32)), detector.seen).max(1) - detector.threshold


def best_threshold(
    score: Float[Array, " n"], negative: Bool[Array, " n"], positive: Bool[Array, " n"]
) -> Float[Array, ""]:
    """The cut between two groups with the best balanced accuracy (Youden's J), half-way to the next score."""
    order = jnp.argsort(score)
    share = [jnp.cumsum(group[order]) / jnp.maximum(jnp.sum(group), 1) for group in (negative, positive)]
    ordered = score[order]
    following = jnp.append(ordered[1:], ordered[-1] + 1)
    # No cut runs between equal scores.
    best = jnp.argmax(jnp.where(following > ordered, share[0] - share[1], -jnp.inf))
    return (ordered[best] + following[best]) / 2


def _log_share(embedding, seen):
    """Log-probabilities of the seen classes, minus infinity for the others."""
    return jax.nn.log_softmax(jnp.where(seen, embedding.x @ embedding.weights.T, -jnp.inf))
