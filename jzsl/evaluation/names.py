"""Which groups of a partition may have the wrong names, judged without test labels.

Self-training divides unlabelled samples into groups and names each after a class. Compact groups that agree with their
neighbours can still carry each other's names. The regressions of EXEM and of its reverse, trained on seen classes
alone, say how well the class semantics support each name: their samples have not voted on it.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from jzsl.interfaces import Method
from jzsl.methods.class_means import class_means
from jzsl.methods.committee import Committee
from jzsl.tasks.zsl import ZSL
from jzsl.types import UNLABELLED, ClassTable, Pool

DOUBTFUL = 0.75
"""The suspicion from which on a name is called doubtful."""
TOLD_APART = 0.75
"""The share of pairs of seen classes told apart below which names cannot be judged."""
_PAIRS = 200
_FEWEST_SEEN = 4


class Names(NamedTuple):
    """How far the class semantics support the names of groups.

    Attributes:
        classes: the class that each group is named after; those without samples are left out.
        samples: of each group.
        suspicion: cross-entropy of a group's name under the regressions, averaged over its samples, as a share of
            that of chance: 0 where the name is certain, 1 where chance would do as well; at least 0.
        told_apart: share of pairs of seen classes, both left out of the regressions, whose names these then assign
            rightly; 0.5 is chance, NaN where fewer than four classes have samples. It says whether suspicion means
            anything on these data.
    """

    classes: Int[np.ndarray, " g"]
    samples: Int[np.ndarray, " g"]
    suspicion: Float[np.ndarray, " g"]
    told_apart: float

    @property
    def judged(self) -> bool:
        """Whether the regressions recognise classes that they were not trained on."""
        return self.told_apart >= TOLD_APART

    @property
    def doubtful(self) -> Int[np.ndarray, " f"]:
        """The classes whose names are doubtful, the most doubtful first; none where names cannot be judged."""
        order = np.argsort(-self.suspicion, kind="stable")
        return self.classes[order[self.suspicion[order] >= DOUBTFUL]] if self.judged else self.classes[:0]


def judge_names(
    pool: Pool,
    classes: ClassTable,
    unseen: Int[np.ndarray, " u"],
    x: Num[np.ndarray, "m d"],
    label: Int[np.ndarray, " m"],
) -> Names:
    """Judges the groups into which any method has divided unlabelled samples.

    Args:
        pool: whose labelled samples are those of seen classes.
        classes: the class table, with semantics.
        unseen: the possible names, at least two.
        x: the unlabelled samples, transformed as the pool's are.
        label: the class that each is predicted as; samples predicted as other than `unseen` belong to no group.
    """
    means = pool_of_means(pool, classes)
    member = np.isin(label, unseen)
    if not member.any():
        return Names(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), pairs_told_apart(means, classes))
    named, column, count = np.unique(label[member], return_inverse=True, return_counts=True)
    support = np.asarray(inductive_support(means, classes, unseen, x[member]))
    of_name = support[np.arange(len(column)), np.searchsorted(np.sort(unseen), named)[column]]
    suspicion = np.bincount(column, -of_name, len(named)) / count / np.log(len(unseen))
    return Names(named, count, suspicion, pairs_told_apart(means, classes))


def pool_of_means(pool: Pool, classes: ClassTable) -> Pool:
    """A sample for each class: the mean of the labelled ones; absent where a class has none. Regressions on class means
    learn the same from it as from the pool."""
    mean, present = class_means(pool, classes)
    return Pool(mean, jnp.arange(classes.count), present.astype(jnp.int32))


def inductive_support(
    means: Pool, classes: ClassTable, unseen: Int[np.ndarray, " u"], x: Num[np.ndarray, "m d"]
) -> Float[Array, "m u"]:
    """Log-probability of each name, in increasing order of the classes, for each sample, by a committee of EXEM and its
    reverse that has learned the means of seen classes."""
    method, unseen = Committee().build(ZSL()), np.sort(unseen)
    unlabelled = Pool(x, np.full(len(x), UNLABELLED, np.int32), np.ones(len(x), np.int32))

    @jax.jit
    def support(means: Pool, unlabelled: Pool) -> Float[Array, "m u"]:
        state = _fitted(method, means, classes)
        predictor = method.predictor(state, unlabelled, classes, jnp.asarray(unseen))
        return jax.nn.log_softmax(method.logits(predictor, unlabelled.x, jnp.asarray(unseen)))

    return support(means, unlabelled)


def exchange_gains(means: Pool, classes: ClassTable, pairs: Int[np.ndarray, "p 2"]) -> Float[np.ndarray, " p"]:
    """What exchanging the names of two classes would gain, by regressions that both are left out of.

    With S the 2 by 2 scores of the two means: S_01 + S_10 - S_00 - S_11, positive where the names look exchanged.

    Args:
        means: a sample for each class, as `pool_of_means` makes them.
        classes: the class table.
        pairs: of classes that have samples.
    """
    method = Committee().build(ZSL())

    @jax.jit
    def gains(means: Pool, pairs: Int[Array, "p 2"]) -> Float[Array, " p"]:
        def gain(pair: Int[Array, " 2"]) -> Float[Array, ""]:
            rest = means._replace(w=jnp.asarray(means.w).at[pair].set(0))
            table = classes._replace(seen=jnp.asarray(classes.seen).at[pair].set(False))
            predictor = method.predictor(_fitted(method, rest, table), rest, table, pair)
            score = method.logits(predictor, jnp.asarray(means.x)[pair], pair)
            return score[0, 1] + score[1, 0] - score[0, 0] - score[1, 1]

        return jax.lax.map(gain, pairs)

    return np.asarray(gains(means, jnp.asarray(pairs)))


def pairs_told_apart(means: Pool, classes: ClassTable) -> float:
    """`Names.told_apart`, over all pairs of classes with samples or, of many, over a fixed random choice."""
    present = np.flatnonzero(np.asarray(means.w))
    if len(present) < _FEWEST_SEEN:
        return float("nan")
    pairs = np.array(list(itertools.combinations(present, 2)), np.int32)
    if len(pairs) > _PAIRS:
        pairs = pairs[np.random.default_rng(0).choice(len(pairs), _PAIRS, replace=False)]
    return float(np.mean(exchange_gains(means, classes, pairs) < 0))


def _fitted(method: Method, means: Pool, classes: ClassTable) -> object:
    return method.fit(method.init(jax.random.key(0), means, classes), means, classes, 1, 1)[0]
