"""Generalized recognition by an out-of-distribution detector and two experts (STHS, section 4.3).

A sample goes to the expert of seen or of unseen classes, whichever the detector decides.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.classifiers.outlier_exposure import Detector, OutlierExposure, detect, outlyingness
from jzsl.classifiers.softmax import Softmax
from jzsl.interfaces import Classifier, ClassifierConfig, Method, MethodConfig, Task
from jzsl.keys import stream
from jzsl.methods.lift import lift
from jzsl.methods.s2v import S2V
from jzsl.tasks.gzsl import GZSL
from jzsl.tasks.zsl import ZSL
from jzsl.types import ClassTable, Pool


@dataclass(frozen=True)
class Gated:
    """A detector, an expert of unseen classes and one of seen classes."""

    unseen: MethodConfig = S2V()
    """the expert of unseen classes, which self-training trains"""
    seen: ClassifierConfig = Softmax()
    """the expert of seen classes, trained on labelled samples"""
    detector: OutlierExposure = OutlierExposure()
    """out-of-distribution detection: seen or unseen"""

    needs_unlabelled: ClassVar[bool] = True

    def build(self, task: Task) -> Method:
        expert = self.unseen.build(ZSL())
        return gated(expert, self.seen.build(), self.detector) if task == GZSL() else alone(expert)


class GatedState(NamedTuple):
    """The state of the expert of unseen classes, and the key of what is trained beside it."""

    expert: Any
    key: Key[Array, ""]


class GatedPredictor(NamedTuple):
    """What each of the three needs to score samples, and which classes are seen."""

    unseen: Any
    seen: Any
    detector: Detector
    is_seen: Bool[Array, " c"]


def alone(expert: Method) -> Method:
    """The expert of unseen classes by itself, with the state of `gated`: what self-training trains."""
    return lift(
        expert,
        start=lambda key, inner: GatedState(inner, key),
        inner=lambda state: state.expert,
        replaced=lambda state, inner: state._replace(expert=inner),
    )


def gated(expert: Method, classifier: Classifier, hyper: OutlierExposure) -> Method:
    """All three. Each expert's scores are relative to the best of its group; unseen classes add the detector's score.

    So the detector decides the group and the expert the class within it, and a calibration offset on unseen classes
    (the seen-unseen curve) moves the detector's threshold.
    """
    base = alone(expert)

    def predictor(state: GatedState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> GatedPredictor:
        is_seen = jnp.asarray(classes.seen)
        y = jnp.asarray(pool.y)
        labelled = (y >= 0) & is_seen[y]
        w = jnp.where(labelled, pool.w, 0)
        return GatedPredictor(
            base.predictor(state, pool, classes, unseen),
            classifier.fit(stream(state.key, "seen expert"), pool.x, jnp.where(labelled, y, 0), w, classes),
            detect(hyper, stream(state.key, "detector"), pool, classes),
            is_seen,
        )

    def logits(predictor: GatedPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        is_seen = predictor.is_seen[candidates]
        outlying = outlyingness(hyper, predictor.detector, x)[:, None]
        seen = _best_zero(classifier.logits(predictor.seen, x, candidates), is_seen)
        unseen = _best_zero(expert.logits(predictor.unseen, x, candidates), ~is_seen)
        return jnp.where(is_seen, seen, unseen + outlying)

    return base._replace(
        predictor=predictor, logits=logits, embedding=None, head=None, takes_images=False, whole_pool=True
    )


def _best_zero(scores: Float[Array, "m k"], group: Bool[Array, " k"]) -> Float[Array, "m k"]:
    """Scores less the best one of the group's columns."""
    return scores - jnp.where(group, scores, -jnp.inf).max(1, keepdims=True)
