"""The vocabulary: what passes between the parts of the library, as NamedTuples of arrays or of functions.

Sizes: `n` rows, `d` features, `a` semantic dimensions, `c` classes, `u` unseen classes, `k` candidates.
"""

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

State = Any
"""What training carries: any pytree of arrays (parameters, optimizer, latents, key, epoch counter)."""

Metrics = dict[str, Float[Array, ""]]
"""Scalars averaged over the minibatches of a call to `fit`."""


class Task(enum.Enum):
    """Which classes a test row may be predicted as.

    zsl: the unseen ones, asked of rows of unseen classes; scored by T1.
    gzsl: all of them, asked of every test row; scored by U, S, H and AUSUC.
    adaptation: the seen ones, asked of rows of seen classes from another domain; scored by their mean accuracy A.
    """

    zsl = "zsl"
    gzsl = "gzsl"
    adaptation = "adaptation"

    @property
    def headline(self) -> str:
        """The number by which settings are chosen on validation classes."""
        return {Task.zsl: "T1", Task.gzsl: "H", Task.adaptation: "A"}[self]


UNLABELLED = -1
"""The class of a sample whose class a method must not know."""


class Pool(NamedTuple):
    """Rows to train on, of fixed capacity, so that one compilation serves every phase and every round.

    Attributes:
        x: features.
        y: label or pseudo-label, index into the class table; any value where `w` is 0.
        w: multiplicity: how often the row counts in an epoch. 0 = absent, 2 = exactly as if the row stood there
            twice. The sum must not exceed the capacity n; a `fit` whose pool breaks this reports a NaN loss.
        observed: which entries of `x` were observed, or None where all were.
        soft: mass of each class in each row's label, for methods whose loss takes soft labels; it replaces `y`, and
            need not add up to 1. None where labels are hard.
    """

    x: Float[Array | np.ndarray, "n d"]
    y: Int[Array | np.ndarray, " n"]
    w: Int[Array | np.ndarray, " n"]
    observed: Bool[Array | np.ndarray, "n d"] | None = None
    soft: Float[Array | np.ndarray, "n c"] | None = None


class ClassTable(NamedTuple):
    """The classes of a problem: `semantics` describes each one, `seen` marks those with labelled rows."""

    semantics: Float[Array | np.ndarray, "c a"]
    seen: Bool[Array | np.ndarray, " c"]


class Candidates(NamedTuple):
    """The classes that unlabelled rows may belong to, one a column of the scores.

    Attributes:
        unseen: classes to recognise without labelled rows.
        classes: the class of each column.
        open: columns whose rows self-training may take. In the strict setting rows predicted as seen classes stay out.
    """

    unseen: Int[Array | np.ndarray, " u"]
    classes: Int[Array | np.ndarray, " k"]
    open: Bool[Array | np.ndarray, " k"]


class Embedding(NamedTuple):
    """What the angles of the AVH paper are measured between.

    Attributes:
        x: the embedding that the last layer of a method compares with its classes.
        weights: the class weights, or prototypes, in the same space.
    """

    x: Float[Array, "n e"]
    weights: Float[Array, "k e"]


class LinearHead(NamedTuple):
    """Scores x W + b of scaled rows, of unit length if `unit_rows`.

    Attributes:
        weight, bias: a column a candidate class.
        unit_rows: whether rows are divided by their length first.
        joint: whether the classes were trained together, so that none can be added alone.
    """

    weight: Float[Array | np.ndarray, "d k"]
    bias: Float[Array | np.ndarray, " k"]
    unit_rows: bool = False
    joint: bool = False


class NeighbourHead(NamedTuple):
    """The vote of the most similar rows, as `jzsl.classifiers.knn` counts it.

    Attributes:
        x: rows of unit length.
        column: the candidate class of each; -1: of none.
        w: how many votes each has.
        neighbours: K, the number of votes cast.
    """

    x: Float[Array | np.ndarray, "n d"]
    column: Int[Array | np.ndarray, " n"]
    w: Int[Array | np.ndarray, " n"]
    neighbours: int


Head = LinearHead | NeighbourHead
"""A classifier so plain that NumPy can stand in for it."""


def keep(state: State, key: Array, changed: Array) -> State:
    """The relabelling of a method that remembers nothing about single rows."""
    del key, changed
    return state


class Method(NamedTuple):
    """An inductive zero-shot method as pure functions.

    Attributes:
        init: (key, pool, classes) -> state.
        fit: (state, pool, classes, epochs) -> (state, metrics). Trains `epochs` (a traced integer) epochs further.
        predictor: (state, pool, classes, unseen[u]) -> whatever `logits` needs, as a pytree of arrays. `unseen` are
            the classes to recognise without labelled rows.
        logits: (predictor, x[n, d], candidates[k]) -> scores[n, k], columns in the order of `candidates`.
        relabel: (state, key, changed[n]) -> state in which nothing is left of the rows whose label changed.
        sample: (state, key, semantics[m, a]) -> x[m, d], for methods that generate features, else None.
        embedding: (predictor, x[n, d], candidates[k]) -> Embedding, for methods with class weights or prototypes.
        head: (predictor, candidates[k]) -> Head that gives the same scores, for methods that have one.
        takes_soft: whether the loss takes a pool's soft labels.
        whole_pool: whether some function needs all rows of the pool at once; else `fit` may be called on some of them
            after others, with the state's entries of those rows.
    """

    init: Callable[..., State]
    fit: Callable[..., tuple[State, Metrics]]
    predictor: Callable[..., Any]
    logits: Callable[..., Float[Array, "n k"]]
    relabel: Callable[..., State] = keep
    sample: Callable[..., Float[Array, "m d"]] | None = None
    embedding: Callable[..., Embedding] | None = None
    head: Callable[..., Head] | None = None
    takes_soft: bool = False
    whole_pool: bool = False


class LatentModel(NamedTuple):
    """p(x | class) of a generator by eq. 1 of the ABP paper: Z ~ N(0, I), X = g(C, Z) + N(0, sigma^2 I), one class.

    Attributes:
        decode: z[z] -> g(C, z)[d].
        latents: number of latent factors.
        sigma: standard deviation of the observation noise.
    """

    decode: Callable[[Float[Array, " z"]], Float[Array, " d"]]
    latents: int
    sigma: float | Float[Array, ""]


class Generator(NamedTuple):
    """A model of p(x | class semantics).

    Attributes:
        init, fit, relabel, whole_pool: as in `Method`.
        sample: (state, key, semantics[m, a], noise) -> x[m, d], one feature vector for each row of semantics. With
            `noise` they carry the observation noise of the model, where it has one; without, they are its mean
            given the latents.
        latent_model: (state, semantics[a]) -> LatentModel, for generators that are one, else None.
    """

    init: Callable[..., State]
    fit: Callable[..., tuple[State, Metrics]]
    sample: Callable[..., Float[Array, "m d"]]
    relabel: Callable[..., State] = keep
    latent_model: Callable[..., LatentModel] | None = None
    whole_pool: bool = False


class Classifier(NamedTuple):
    """A supervised classifier of features.

    Attributes:
        fit: (key, x[n, d], y[n], w[n], classes) -> parameters.
        logits: (parameters, x[m, d], candidates[k]) -> scores[m, k].
        streamed: (draw, per_class, classes_per_block) -> StreamedClassifier, with draw: (source, key, y[b]) -> x[b, d].
        embedding: (parameters, x[m, d], candidates[k]) -> Embedding.
        head: (parameters, candidates[k]) -> Head that gives the same scores.
    """

    fit: Callable[..., Any]
    logits: Callable[..., Float[Array, "m k"]]
    streamed: Callable[..., "StreamedClassifier"] | None = None
    embedding: Callable[..., Embedding] | None = None
    head: Callable[..., Head] | None = None


class StreamedClassifier(NamedTuple):
    """The same classifier of rows that are drawn when they are needed, for more classes than memory has rows for.

    Attributes:
        fit: (key, source, unseen[u]) -> parameters. `source` is whatever draws rows.
        logits: (parameters, x[m, d], candidates[k]) -> scores[m, k].
    """

    fit: Callable[..., Any]
    logits: Callable[..., Float[Array, "m k"]]


class Predictions(NamedTuple):
    """What a method says of unlabelled rows. Classes are counted by column, in the order of the candidates.

    Attributes:
        scores: one column a candidate class.
        label: column of the best score.
        eligible: rows that may be selected; None: all.
        angle: between each row's embedding and each class's weights, in radians; None where nobody asked.
    """

    scores: Float[Array, "m k"]
    label: Int[Array, " m"]
    eligible: Bool[Array, " m"] | None = None
    angle: Float[Array, "m k"] | None = None

    @property
    def selectable(self) -> Bool[Array, " m"]:
        """Rows that may be selected."""
        return jnp.ones(self.label.shape, bool) if self.eligible is None else self.eligible

    @property
    def angles(self) -> Float[Array, "m k"]:
        """The angles; a ValueError where nobody asked for them."""
        if self.angle is None:
            raise ValueError("angle: None found; this selector chooses rows by their angles to the classes")
        return self.angle


class Selected(NamedTuple):
    """What a selector takes of the unlabelled samples.

    Attributes:
        multiplicity: how often each sample counts; 0 = not at all.
        label: column of each sample's pseudo-label.
        soft: mass of each column in each sample's label, where the selector wants soft ones.
    """

    multiplicity: Int[Array, " m"]
    label: Int[Array, " m"]
    soft: Float[Array, "m k"] | None = None


class SelectionRequest(NamedTuple):
    """What a round asks of a selector.

    Attributes:
        prior: share of each column, as the selector's prior estimates it; uniform where it has none.
        n: how many samples to select, traced, so that one program serves all rounds.
    """

    prior: Float[Array, " k"]
    n: int | Int[Array, ""]


class Kernel(NamedTuple):
    """A Markov kernel for one chain.

    Attributes:
        init: (position, potential) -> kernel state, whose field `position` is the chain's position.
        step: (key, kernel state, potential) -> (kernel state, `jzsl.sampling.info.Info`).
    """

    init: Callable[..., Any]
    step: Callable[..., tuple[Any, Any]]
