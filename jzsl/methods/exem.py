"""EXEM: the exemplar of an unseen class is predicted from its semantics, and the nearest exemplar wins.

Changpinyo, Chao and Sha, "Predicting visual exemplars of unseen classes for zero-shot learning", ICCV 2017.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Method, Task
from jzsl.methods.class_means import class_deviations, class_means, mean_of
from jzsl.methods.kernel_ridge import RBF, KernelConfig, dual_coefficients, median_distance, unexplained
from jzsl.training.minibatch import scaled
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class EXEM:
    """Kernel ridge regression from class semantics to class means, in closed form."""

    kernel: KernelConfig = RBF()
    """of the unit-length semantics: RBF, Linear"""
    ridge: float = 0.1
    """of the regression, where the RBF kernel of a class with itself is 1"""
    standardised: bool = False
    """compare by Euclidean distances in which each feature is divided by its deviation within classes (the paper's),
    in place of cosines"""
    scale: float = 10.0
    """factor of the cosines, for what takes scores as logits"""

    def __post_init__(self):
        require_positive(self, "ridge", "scale")

    def build(self, task: Task) -> Method:
        del task  # the same exemplars serve all tasks
        return exem(self)


class EXEMState(NamedTuple):
    """The regression from semantics to exemplars.

    Attributes:
        centre: the mean of the seen classes' means, from which exemplars are measured.
        semantics: of all classes, of unit length.
        width: median distance between the semantics of seen classes.
        coefficients: of the regression; zero for classes without samples.
        middle: mean exemplar of the classes that have samples.
        deviation: of each feature within classes; ones where distances are not standardised.
    """

    centre: Float[Array, " d"]
    semantics: Float[Array, "c a"]
    width: Float[Array, ""]
    coefficients: Float[Array, "c d"]
    middle: Float[Array, " d"]
    deviation: Float[Array, " d"]


class EXEMPredictor(NamedTuple):
    """The exemplar of each class, `centre` and `deviation` as in the state."""

    exemplar: Float[Array, "c d"]
    centre: Float[Array, " d"]
    deviation: Float[Array, " d"]


def exem(hyper: EXEM) -> Method:
    """The exemplars of all classes, seen ones too, are those that the regression predicts (their section 3.3).

    With semantics s of unit length and class means v: v(s) = v0 + k(s)' (K + ridge I)^-1 (V - v0). The paper regresses
    by support vectors, one regressor a dimension; ridge regression has the same kernel and a closed form. Samples and
    exemplars are compared by cosine after the mean of the seen classes' exemplars has been taken away. A class whose
    pseudo-labelled samples are in the pool takes part in the regression like any other.
    """
    kernel = hyper.kernel.build()

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> EXEMState:
        del key
        d = pool.x.shape[1]
        semantics = unit(jnp.asarray(classes.required_semantics))
        none, zeros = jnp.zeros(d), jnp.zeros((classes.count, d))
        return EXEMState(none, semantics, jnp.float32(1), zeros, none, jnp.ones(d))

    def fit(
        state: EXEMState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[EXEMState, Metrics]:
        del state, epochs, total
        means = class_means(pool, classes)
        present, seen = means.present, jnp.asarray(classes.seen) & means.present
        centre = mean_of(means.mean, seen)
        middle = mean_of(means.mean, present) - centre
        semantics = unit(jnp.asarray(classes.required_semantics))
        width = median_distance(semantics, seen)
        gram, target = kernel(semantics, semantics, width), means.mean - centre - middle
        coefficients = dual_coefficients(gram, target, present, hyper.ridge)
        deviation = jnp.ones(len(centre))
        if hyper.standardised:
            deviation = _usable(mean_of(class_deviations(pool, classes, means), present))
        loss = unexplained(gram, coefficients, target, present)
        return EXEMState(centre, semantics, width, coefficients, middle, deviation), {"loss": loss}

    def predictor(state: EXEMState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> EXEMPredictor:
        del pool, unseen
        exemplar = exemplars(hyper, state, jnp.asarray(classes.required_semantics))
        return EXEMPredictor(exemplar, state.centre, state.deviation)

    def embedding(predictor: EXEMPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        exemplar, centre, deviation = predictor
        return Embedding((scaled(x) - centre) / deviation, exemplar[candidates] / deviation)

    def logits(predictor: EXEMPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        z, exemplar = embedding(predictor, x, candidates)
        if hyper.standardised:
            return jnp.matmul(z, exemplar.T, precision="highest") - jnp.sum(exemplar**2, 1) / 2
        return hyper.scale * jnp.matmul(unit(z), unit(exemplar).T, precision="highest")

    return Method(
        init,
        fit,
        predictor,
        logits,
        embedding=None if hyper.standardised else embedding,
        takes_soft=True,
        whole_pool=True,
        closed_form=True,
    )


def exemplars(hyper: EXEM, state: EXEMState, semantics: Float[Array, "m a"]) -> Float[Array, "m d"]:
    """The exemplar of each description, less the centre."""
    gram = hyper.kernel.build()(unit(semantics), state.semantics, state.width)
    return state.middle + jnp.matmul(gram, state.coefficients, precision="highest")


def _usable(deviation: Float[Array, " d"]) -> Float[Array, " d"]:
    """At least a thousandth of the largest one, so that no feature alone decides; ones where all are zero."""
    return jnp.where(jnp.max(deviation) > 0, jnp.maximum(deviation, 1e-3 * jnp.max(deviation)), 1.0)
