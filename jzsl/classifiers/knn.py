"""K nearest neighbours by cosine similarity (ABP paper, section 4.1), exact, with bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.cosine import unit
from jzsl.errors import require_positive
from jzsl.interfaces import Classifier, StreamedClassifier
from jzsl.keys import stream
from jzsl.types import ClassTable, Embedding, NeighbourHead

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
    """The samples that vote: unit-length features, labels, multiplicities."""

    x: Float[Array, "n d"]
    y: Int[Array, " n"]
    w: Int[Array, " n"]


def knn(neighbours: int) -> Classifier:
    """Majority vote of the `neighbours` most similar samples of candidate classes.

    A sample of multiplicity m counts as m equal samples, hence casts up to m votes. To a class's number of votes the
    sum of its voters' cosine similarities over 2 K + 1 is added. That term is below one half, so it never outvotes a
    neighbour: it breaks ties, in favour of the class whose voters are the more similar. Where samples are exactly as
    similar as the K-th neighbour, the first of them vote. If fewer than K samples exist, all vote.

    The logits are log(1 + votes): their softmax is the add-one estimate of the class's share among neighbours.

    Memory is bounded: blocks of 256 queries are compared with blocks of 8,192 samples.
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
        column, known = column_of(references.y, candidates)
        votes = jnp.where(known, references.w, 0)
        samples = len(votes)
        block = min(_REFERENCES, samples)

        def samples_of(number):
            """The last block overlaps its predecessor; what that had already does not vote again."""
            start = jnp.minimum(number * block, samples - block)
            x, columns, weights = (
                jax.lax.dynamic_slice_in_dim(array, start, block) for array in (references.x, column, votes)
            )
            return x, columns, jnp.where(start + jnp.arange(block) >= number * block, weights, 0)

        return vote(
            x, samples_of, -(-samples // block), min(neighbours, samples), neighbours, len(candidates), _QUERIES
        )

    def embedding(references: References, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        """Neighbours have no weights of classes; the mean directions of the classes' samples stand for them."""
        member = jnp.where(references.y[:, None] == candidates, references.w[:, None], 0).astype(references.x.dtype)
        return Embedding(x, jnp.dot(member.T, references.x, precision=jax.lax.Precision.HIGHEST))

    def head(references: References, candidates: Int[Array, " k"]) -> NeighbourHead:
        column, known = column_of(references.y, candidates)
        return NeighbourHead(references.x, jnp.where(known, column, -1), references.w, neighbours)

    def streamed(draw: Callable[..., Float[Array, "b d"]], per_class: int, block: int) -> StreamedClassifier:
        """Samples are drawn block by block of classes while queries are compared, and forgotten."""

        def fit_stream(key: Key[Array, ""], source: Any, unseen: Int[Array, " u"]) -> Any:
            del unseen
            return key, source

        def logits_stream(drawn: Any, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
            key, source = drawn
            size = min(block, len(candidates))

            def samples_of(number):
                column = jnp.repeat(number * size + jnp.arange(size), per_class)
                within = jnp.minimum(column, len(candidates) - 1)
                generated = unit(draw(stream(key, "block", number), source, candidates[within]))
                return generated, within, (column < len(candidates)).astype(jnp.int32)

            kept = min(neighbours, len(candidates) * per_class)
            return vote(x, samples_of, -(-len(candidates) // size), kept, neighbours, len(candidates), len(x))

        return StreamedClassifier(fit_stream, logits_stream)

    return Classifier(fit, logits, streamed, embedding, head)


def column_of(y: Int[Array, " n"], candidates: Int[Any, " k"]) -> tuple[Int[Array, " n"], Bool[Array, " n"]]:
    """The column of each label among the candidates, and whether there is one."""
    candidates = jnp.asarray(candidates)
    order = jnp.argsort(candidates)
    position = jnp.searchsorted(candidates[order], y)
    column = order[jnp.minimum(position, len(candidates) - 1)]
    return column, candidates[column] == y


def vote(
    x: Float[Array, "m d"],
    samples_of: Callable[[Int[Array, ""]], tuple[Float[Array, "b d"], Int[Array, " b"], Int[Array, " b"]]],
    blocks: int,
    kept: int,
    neighbours: int,
    candidates: int,
    queries: int,
) -> Float[Array, "m k"]:
    """log(1 + votes) of each candidate column, as `knn` says.

    Args:
        x: samples to classify.
        samples_of: block number -> unit-length samples, their columns, their multiplicities (0: no vote).
        blocks: number of blocks.
        kept: samples to remember, at most as many as there are.
        neighbours: K.
        candidates: number of columns.
        queries: how many samples of `x` are compared with a block together.
    """

    def meet(number, best, query):
        """Merges the best samples so far with those of the next block."""
        samples, column, weight = samples_of(number)
        similarity = jnp.dot(samples, query, precision=jax.lax.Precision.HIGHEST)
        similarity = jnp.where(weight > 0, similarity, -jnp.inf)
        top, index = jax.lax.top_k(jnp.concatenate([best[0], similarity]), kept)
        new = (column, weight)
        return (top, *(jnp.concatenate([old, array])[index] for old, array in zip(best[1:], new, strict=True)))

    def score(query):
        none = (jnp.full(kept, -jnp.inf), jnp.zeros(kept, jnp.int32), jnp.zeros(kept, jnp.int32))
        similarity, label, weight = jax.lax.fori_loop(0, blocks, lambda number, best: meet(number, best, query), none)
        weight = jnp.where(jnp.isfinite(similarity), weight, 0)
        earlier = jnp.cumsum(weight) - weight
        cast = jnp.clip(neighbours - earlier, 0, weight).astype(query.dtype)
        closeness = jnp.where(weight > 0, similarity, 0.0) / (2 * neighbours + 1)
        return jnp.log1p(jnp.zeros(candidates, query.dtype).at[label].add(cast * (1 + closeness)))

    return jax.lax.map(score, unit(x), batch_size=queries)
