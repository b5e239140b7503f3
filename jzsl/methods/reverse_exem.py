"""EXEM reversed: the semantics of a sample are predicted from its features, and the nearest class semantics win.

A direct attribute prediction that learns from class means alone. Where EXEM asks which mean a description should have,
this asks which description a sample should have: the two err differently, so a committee of both errs less.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Method, Task
from jzsl.methods.class_means import class_means, mean_of
from jzsl.methods.kernel_ridge import RBF, KernelConfig, dual_coefficients, median_distance, unexplained
from jzsl.training.minibatch import scaled
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class ReverseEXEM:
    """Kernel ridge regression from class means to class semantics, in closed form."""

    kernel: KernelConfig = RBF()
    """of class means of unit length: RBF, Linear"""
    ridge: float = 0.1
    """of the regression, where the RBF kernel of a class with itself is 1"""
    scale: float = 10.0
    """factor of the cosines, for what takes scores as logits"""

    def __post_init__(self):
        require_positive(self, "ridge", "scale")

    def build(self, task: Task) -> Method:
        del task  # the same regression serves all tasks
        return reverse_exem(self)


class ReverseEXEMState(NamedTuple):
    """The regression from features to semantics.

    Attributes:
        origin: the mean of the seen classes' means.
        exemplar: each class mean less that, of unit length.
        width: median distance between the seen classes' exemplars.
        coefficients: of the regression; zero for classes without samples.
        middle: mean semantics of the classes that have samples.
        centre: mean semantics of the seen classes, from which cosines are measured.
    """

    origin: Float[Array, " d"]
    exemplar: Float[Array, "c d"]
    width: Float[Array, ""]
    coefficients: Float[Array, "c a"]
    middle: Float[Array, " a"]
    centre: Float[Array, " a"]


class ReverseEXEMPredictor(NamedTuple):
    """The regression, and the semantics of all classes, of unit length."""

    regression: ReverseEXEMState
    semantics: Float[Array, "c a"]


def reverse_exem(hyper: ReverseEXEM) -> Method:
    """s(x) = s0 + k(x)' (K + ridge I)^-1 (S - s0), with x and class means of unit length after centring."""
    kernel = hyper.kernel.build()

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ReverseEXEMState:
        del key
        d, (c, a) = pool.x.shape[1], classes.required_semantics.shape
        none, zeros = jnp.zeros(a), jnp.zeros((c, a))
        return ReverseEXEMState(jnp.zeros(d), jnp.zeros((c, d)), jnp.float32(1), zeros, none, none)

    def fit(
        state: ReverseEXEMState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[ReverseEXEMState, Metrics]:
        del state, epochs, total
        means = class_means(pool, classes)
        present, seen = means.present, jnp.asarray(classes.seen) & means.present
        origin, semantics = mean_of(means.mean, seen), unit(jnp.asarray(classes.required_semantics))
        exemplar = jnp.where(present[:, None], unit(means.mean - origin), 0.0)
        width = median_distance(exemplar, seen)
        middle = mean_of(semantics, present)
        gram, target = kernel(exemplar, exemplar, width), semantics - middle
        coefficients = dual_coefficients(gram, target, present, hyper.ridge)
        state = ReverseEXEMState(origin, exemplar, width, coefficients, middle, mean_of(semantics, seen))
        return state, {"loss": unexplained(gram, coefficients, target, present)}

    def predictor(
        state: ReverseEXEMState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]
    ) -> ReverseEXEMPredictor:
        del pool, unseen
        return ReverseEXEMPredictor(state, unit(jnp.asarray(classes.required_semantics)))

    def embedding(predictor: ReverseEXEMPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        regression, semantics = predictor
        gram = kernel(unit(scaled(x) - regression.origin), regression.exemplar, regression.width)
        predicted = regression.middle + jnp.matmul(gram, regression.coefficients, precision="highest")
        return Embedding(predicted - regression.centre, semantics[candidates] - regression.centre)

    def logits(
        predictor: ReverseEXEMPredictor, x: Float[Array, "m d"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        predicted, semantics = embedding(predictor, x, candidates)
        return hyper.scale * jnp.matmul(unit(predicted), unit(semantics).T, precision="highest")

    return Method(init, fit, predictor, logits, embedding=embedding, takes_soft=True, whole_pool=True, closed_form=True)
