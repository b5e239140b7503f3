"""K nearest neighbours by cosine similarity (ABP paper, section 4.1), exact, with bounded memory."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jzsl.classifiers.cosine import unit
from jzsl.errors import require_positive
from jzsl.types import Classifier, ClassTable

_QUERIES = 256
_REFERENCES = 8192


@dataclass(frozen=True)
class KNN:
    """K nearest neighbours by cosine similarity."""

    neighbours: int = 20
    """K, the number of votes"""

    def __post_init__(self):
        require_positive(self, "neighbours")

    def build(self) -> Classifier:
        return knn(self.neighbours)


class References(NamedTuple):
    """The rows that vote: unit-length features, labels, multiplicities."""

    x: Float[Array, "n d"]
    y: Int[Array, " n"]
    w: Int[Array, " n"]


def knn(neighbours: int) -> Classifier:
    """Majority vote of the `neighbours` most similar rows of candidate classes.

    A row of multiplicity m stands for m equal rows, hence casts up to m votes. To a class's number of votes the sum
    of its voters' cosine similarities over 2 K + 1 is added. That term is below one half, so it never outvotes a
    neighbour: it breaks ties, in favour of the class whose voters are the more similar. Where rows are exactly as
    similar as the K-th neighbour, those that stand first vote. If fewer than K rows exist, all vote.

    The logits are log(1 + votes): their softmax is the add-one estimate of the class's share among neighbours.

    Memory is bounded: blocks of 256 queries meet blocks of 8,192 rows.
    """

    def fit(
        key: Key[Array, ""],
        x: Float[Array, "n d"],
        y: Int[Array, " n"],
        w: Int[Array, " n"],
        classes: ClassTable,
    ) -> References:
        del key, classes
        return References(unit(x), y, w)

    def logits(references: References, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        order = jnp.argsort(candidates)
        place = jnp.searchsorted(candidates[order], references.y)
        column = order[jnp.minimum(place, len(candidates) - 1)]
        votes = jnp.where(candidates[column] == references.y, references.w, 0)
        rows = len(votes)
        block = min(_REFERENCES, rows)
        kept = min(neighbours, rows)

        def meet(number, best, query):
            """Merges the best rows so far with those of the next block; the last block overlaps its predecessor."""
            start = jnp.minimum(number * block, rows - block)

            def part(array):
                return jax.lax.dynamic_slice_in_dim(array, start, block)

            similarity = jnp.dot(part(references.x), query, precision=jax.lax.Precision.HIGHEST)
            new = (start + jnp.arange(block) >= number * block) & (part(votes) > 0)
            similarity = jnp.where(new, similarity, -jnp.inf)
            top, index = jax.lax.top_k(jnp.concatenate([best[0], similarity]), kept)
            gathered = [
                jnp.concatenate([old, part(array)])[index] for old, array in zip(best[1:], (column, votes), strict=True)
            ]
            return (top, *gathered)

        def score(query):
            nothing = (jnp.full(kept, -jnp.inf), jnp.zeros(kept, column.dtype), jnp.zeros(kept, votes.dtype))
            similarity, label, weight = jax.lax.fori_loop(
                0, -(-rows // block), lambda number, best: meet(number, best, query), nothing
            )
            weight = jnp.where(jnp.isfinite(similarity), weight, 0)
            earlier = jnp.cumsum(weight) - weight
            cast = jnp.clip(neighbours - earlier, 0, weight).astype(query.dtype)
            closeness = jnp.where(weight > 0, similarity, 0.0) / (2 * neighbours + 1)
            return jnp.log1p(jnp.zeros(len(candidates), query.dtype).at[label].add(cast * (1 + closeness)))

        return jax.lax.map(score, unit(x), batch_size=_QUERIES)

    return Classifier(fit, logits)
