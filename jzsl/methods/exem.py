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
from jzsl.methods.class_means import ClassMeans, class_means, mean_of
from jzsl.methods.kernel_ridge import RBF, KernelConfig, dual_coefficients, median_distance
from jzsl.training.minibatch import labelled, scaled
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
    """What training has found.

    Attributes:
        centre: the mean of the seen classes' means.
        exemplar: of each class, less the centre.
        deviation: of each feature within classes; ones where distances are not standardised.
    """

    centre: Float[Array, " d"]
    exemplar: Float[Array, "c d"]
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
        return EXEMState(jnp.zeros(d), jnp.zeros((classes.count, d)), jnp.ones(d))

    def fit(
        state: EXEMState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[EXEMState, Metrics]:
        del state, epochs, total
        means = class_means(pool, classes)
        centre = mean_of(means.mean, jnp.asarray(classes.seen) & means.present)
        target = means.mean - centre
        exemplar = predicted(target, means, classes)
        error = jnp.sum(jnp.where(means.present[:, None], (exemplar - target) ** 2, 0.0))
        spread = jnp.sum(jnp.where(means.present[:, None], target**2, 0.0))
        return EXEMState(centre, exemplar, deviations(pool, means)), {"loss": error / spread}

    def predicted(target: Float[Array, "c d"], means: ClassMeans, classes: ClassTable) -> Float[Array, "c d"]:
        semantics = unit(jnp.asarray(classes.required_semantics))
        width = median_distance(semantics, jnp.asarray(classes.seen) & means.present)
        gram = kernel(semantics, semantics, width)
        middle = mean_of(target, means.present)
        return middle + gram @ dual_coefficients(gram, target - middle, means.present, hyper.ridge)

    def predictor(state: EXEMState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> EXEMState:
        del pool, classes, unseen
        return state

    def embedding(state: EXEMState, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding((scaled(x) - state.centre) / state.deviation, state.exemplar[candidates] / state.deviation)

    def logits(state: EXEMState, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        z, exemplar = embedding(state, x, candidates)
        if hyper.standardised:
            return jnp.matmul(z, exemplar.T, precision="highest") - jnp.sum(exemplar**2, 1) / 2
        return hyper.scale * jnp.matmul(unit(z), unit(exemplar).T, precision="highest")

    def deviations(pool: Pool, means: ClassMeans) -> Float[Array, " d"]:
        """Each feature's standard deviation within classes, averaged over the classes; ones where none is asked for."""
        if not hyper.standardised:
            return jnp.ones(pool.x.shape[1])
        pool = labelled(pool)
        w = jnp.asarray(pool.w).astype(jnp.float32)
        x = jnp.where(w[:, None] > 0, scaled(pool.x), 0.0)
        residual = jnp.where(w[:, None] > 0, x - means.mean[pool.y], 0.0)
        mass = jnp.zeros(len(means.present)).at[pool.y].add(w)
        variance = jnp.zeros_like(means.mean).at[pool.y].add(w[:, None] * residual**2)
        deviation = jnp.sum(jnp.sqrt(variance / jnp.maximum(mass, 1.0)[:, None]), 0) / jnp.sum(means.present)
        return jnp.maximum(deviation, 1e-3 * jnp.max(deviation))

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
