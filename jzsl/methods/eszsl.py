"""ESZSL: a bilinear compatibility in closed form (Romera-Paredes and Torr 2015)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve
from jaxtyping import Array, Float, Int, Key

from jzsl.errors import require_positive
from jzsl.interfaces import Method, Task
from jzsl.training.minibatch import labelled
from jzsl.types import ClassTable, Embedding, LinearHead, Metrics, Pool


@dataclass(frozen=True)
class ESZSL:
    """A bilinear map between features and semantics, in closed form."""

    gamma: float = 0.1
    """ridge on the feature side, as a share of the features' mean squared length"""
    lam: float = 0.1
    """ridge on the semantic side, as a share of the semantics' mean squared length"""

    def __post_init__(self):
        require_positive(self, "gamma", "lam")

    def build(self, task: Task) -> Method:
        del task  # the same map serves both tasks
        return eszsl(self)


class ESZSLState(NamedTuple):
    """The bilinear map V; zeros before `fit`."""

    bilinear: Float[Array, "d a"]


def eszsl(hyper: ESZSL) -> Method:
    """V = (X'X + gamma I)^-1 X'Y S (S'S + lambda I)^-1, with Y in {-1, 1}; a class scores x'V s (their eq. 5).

    Sums run over samples by multiplicity and over the classes that have samples. Both ridges are given relative to the
    mean squared length of what they regularise, so that they mean the same for any scale and number of samples. Their
    defaults were set on caltech101's validation classes, for want of published ones on this scale.
    """

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ESZSLState:
        del key
        return ESZSLState(jnp.zeros((pool.x.shape[1], classes.required_semantics.shape[1])))

    def fit(
        state: ESZSLState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[ESZSLState, Metrics]:
        del state, epochs, total
        pool = labelled(pool)
        w = jnp.asarray(pool.w).astype(jnp.float32)
        count = classes.count
        present = (jax.ops.segment_sum(w, jnp.where(pool.w > 0, pool.y, count), count + 1)[:count] > 0).astype(w.dtype)
        s = classes.required_semantics * present[:, None]
        x = jnp.where(pool.w[:, None] > 0, pool.x, 0.0).astype(jnp.float32)
        target = jnp.where(pool.y[:, None] == jnp.arange(count), 1.0, -1.0) * present

        def ridge(gram, right, share):
            size = len(gram)
            return cho_solve(cho_factor(gram + share * jnp.trace(gram) / size * jnp.eye(size)), right)

        weighted = x * w[:, None]
        left = ridge(weighted.T @ x, weighted.T @ target @ s, hyper.gamma)
        bilinear = ridge(s.T @ s, left.T, hyper.lam).T
        error = jnp.sum(w[:, None] * present * (x @ bilinear @ s.T - target) ** 2)
        return ESZSLState(bilinear), {"loss": error / (jnp.sum(w) * jnp.sum(present))}

    def predictor(state: ESZSLState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Float[Array, "d c"]:
        del pool, unseen
        return state.bilinear @ classes.required_semantics.T

    def logits(
        weight: Float[Array, "d c"], x: Float[Array, "m d"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        return x @ weight[:, candidates]

    def embedding(weight: Float[Array, "d c"], x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, weight[:, candidates].T)

    def head(weight: Float[Array, "d c"], candidates: Int[Array, " k"]) -> LinearHead:
        return LinearHead(weight[:, candidates], jnp.zeros(len(candidates)))

    return Method(init, fit, predictor, logits, embedding=embedding, head=head, whole_pool=True, closed_form=True)
