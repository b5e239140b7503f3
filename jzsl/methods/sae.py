"""SAE: a linear semantic autoencoder in closed form (Kodirov, Xiang and Gong 2017)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Method, Task
from jzsl.training.minibatch import labelled
from jzsl.types import ClassTable, Embedding, LinearHead, Metrics, Pool


@dataclass(frozen=True)
class SAE:
    """A linear map to semantics whose transpose leads back to features."""

    lam: float = 0.2
    """weight of the encoder's error against the decoder's"""
    ridge: float = 1e-3
    """added to both sums of squares, as a share of their mean eigenvalue: the equation is singular without it where
    there are fewer classes than semantic dimensions"""
    decode: bool = True
    """compare in feature space, with decoded class semantics; else in semantic space, with encoded samples"""

    def __post_init__(self):
        require_positive(self, "lam", "ridge")

    def build(self, task: Task) -> Method:
        del task  # the same map serves both tasks
        return sae(self)


class SAEState(NamedTuple):
    """The encoder W; zeros before `fit`."""

    encoder: Float[Array, "a d"]


def sylvester(a: Float[Array, "m m"], b: Float[Array, "n n"], c: Float[Array, "m n"]) -> Float[Array, "m n"]:
    """W with a W + W b = c, for symmetric positive definite a and b (their algorithm 1, by eigenvectors)."""
    left, u = jnp.linalg.eigh(a)
    right, v = jnp.linalg.eigh(b)
    return u @ ((u.T @ c @ v) / (left[:, None] + right)) @ v.T


def sae(hyper: SAE) -> Method:
    """W minimises ||X - W'S||^2 + lambda ||W X - S||^2: S S' W + W lambda X X' = (1 + lambda) S X' (their eq. 5).

    Samples and semantics have unit length, sums run over samples by multiplicity, and classes are compared by cosine.
    """

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> SAEState:
        del key
        return SAEState(jnp.zeros((classes.required_semantics.shape[1], pool.x.shape[1])))

    def fit(
        state: SAEState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[SAEState, Metrics]:
        del state, epochs, total
        pool = labelled(pool)
        x = unit(jnp.where(pool.w[:, None] > 0, pool.x, 0.0))
        s = unit(jnp.asarray(classes.required_semantics))[pool.y]
        w = jnp.asarray(pool.w)[:, None].astype(x.dtype)

        def raised(gram):
            size = len(gram)
            return gram + hyper.ridge * jnp.trace(gram) / size * jnp.eye(size)

        encoder = sylvester(raised((w * s).T @ s), hyper.lam * raised((w * x).T @ x), (1 + hyper.lam) * (w * s).T @ x)
        error = jnp.sum(w * (x - s @ encoder) ** 2) + hyper.lam * jnp.sum(w * (x @ encoder.T - s) ** 2)
        return SAEState(encoder), {"loss": error / jnp.sum(w)}

    def predictor(state: SAEState, pool: Pool, classes: ClassTable, unseen: Int[Array, " u"]) -> Float[Array, "d c"]:
        """Columns whose product with a sample ranks classes by cosine: the length of the sample does not matter."""
        del pool, unseen
        semantics = unit(jnp.asarray(classes.required_semantics))
        return unit(semantics @ state.encoder).T if hyper.decode else state.encoder.T @ semantics.T

    def logits(
        weight: Float[Array, "d c"], x: Float[Array, "m d"], candidates: Int[Array, " k"]
    ) -> Float[Array, "m k"]:
        return unit(x) @ weight[:, candidates]

    def embedding(weight: Float[Array, "d c"], x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, weight[:, candidates].T)

    def head(weight: Float[Array, "d c"], candidates: Int[Array, " k"]) -> LinearHead:
        return LinearHead(weight[:, candidates], jnp.zeros(len(candidates)), unit_rows=True)

    return Method(init, fit, predictor, logits, embedding=embedding, head=head, whole_pool=True, closed_form=True)
