"""The vocabulary: what passes between the parts of the library, as NamedTuples of arrays.

Sizes: `n` samples of a pool, `m` unlabelled ones, `*s` the shape of one sample, `d` features, `a` semantic dimensions,
`c` classes, `u` unseen classes, `k` candidates or clusters.
"""

import enum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from jzsl.errors import InputError

UNLABELLED = -1
"""The label of a sample whose class is unknown, or withheld from training."""

State = Any
"""What training carries: any pytree of arrays (parameters, optimizer, latents, key, epoch counter)."""

Metrics = dict[str, Float[Array, ""]]
"""Scalars averaged over the minibatches of a call to `fit`."""


class Setting(enum.Enum):
    """What training may use besides labelled samples; the value is what tables and reports print."""

    inductive = "inductive"
    semi_supervised = "inductive, with unlabelled samples"
    transductive = "transductive (unseen pool separate)"
    strict = "transductive (strict)"
    adaptation = "domain adaptation"
    discovery = "discovery of new classes"
    clustering = "clustering"


class PerSample(NamedTuple):
    """Marks the leaves of a state whose first axis is the pool's samples, such as one latent vector each.

    Devices that share the samples share these leaves in the same way.
    """

    values: Any


def per_sample(states: Any) -> Any:
    """A pytree of the same structure, true for leaves that `PerSample` marks."""

    def marked(node: Any) -> Any:
        if isinstance(node, PerSample):
            return jax.tree.map(lambda _: True, node)
        return False

    return jax.tree.map(marked, states, is_leaf=lambda node: isinstance(node, PerSample))


class Pool(NamedTuple):
    """Samples to train on, of fixed capacity, so that one compilation serves every phase and every round.

    A sample without a label that a method may learn from has `y = UNLABELLED` and `w >= 1`; an absent one has
    `w = 0`.

    Attributes:
        x: features, or uint8 images.
        y: label or pseudo-label, index into the class table, or UNLABELLED; any value where `w` is 0.
        w: multiplicity: how often the sample counts in an epoch. 0 = absent, 2 = exactly as if the pool held the sample
            twice. The sum must not exceed the capacity n; a `fit` whose pool breaks this reports a NaN loss.
        observed: which entries of `x` were observed, or None where all were.
        soft: mass of each class in each sample's label, for methods whose loss takes soft labels; it replaces `y`, and
            need not add up to 1. None where labels are hard.
    """

    x: Num[Array | np.ndarray, "n *s"]
    y: Int[Array | np.ndarray, " n"]
    w: Int[Array | np.ndarray, " n"]
    observed: Bool[Array | np.ndarray, "n *s"] | None = None
    soft: Float[Array | np.ndarray, "n c"] | None = None


class ClassTable(NamedTuple):
    """The classes of a problem.

    Attributes:
        semantics: describes each class; None where a problem describes none.
        seen: which classes have labelled samples.
        clusters: the classes that are clusters to be discovered; None where there are none. Their number is that of the
            array's entries, so that it is static in compiled programs.
    """

    semantics: Float[Any, "c a"]
    seen: Bool[Array | np.ndarray, " c"]
    clusters: Int[Array | np.ndarray, " k"] | None = None

    @property
    def count(self) -> int:  # type: ignore[override]  # hides tuple.count, which is not needed here
        """The number of classes."""
        return self.seen.shape[-1]

    @property
    def required_semantics(self) -> Any:
        """The semantics, for methods that learn from them; an InputError where there are none."""
        if self.semantics is None:
            raise InputError("semantics: none found, but this method learns from one vector per class")
        return self.semantics

    @property
    def required_clusters(self) -> Any:
        """The clusters, for methods that discover classes; an InputError where there are none."""
        if self.clusters is None:
            raise InputError(
                "clusters: none found, but this method discovers classes; expected a source such as NewClasses or "
                "Clustered"
            )
        return self.clusters


class Candidates(NamedTuple):
    """The classes that unlabelled samples may belong to, one per column of the scores.

    Attributes:
        unseen: classes to recognise without labelled samples.
        classes: the class of each column.
        open: columns whose samples self-training may take. In the strict setting samples predicted as seen classes
            stay out.
        offset: added to the scores of each column (calibrated stacking). In self-training the scores of every round are
            those of a base that does not know the offset, so each of them gets it, once: the one that inductive
            training was best with on validation classes (protocol, rule 2), which is too large once unseen classes
            have samples.
    """

    unseen: Int[Array | np.ndarray, " u"]
    classes: Int[Array | np.ndarray, " k"]
    open: Bool[Array | np.ndarray, " k"]
    offset: Float[Array | np.ndarray, " k"]


class Embedding(NamedTuple):
    """What the angles of the AVH paper are measured between.

    Attributes:
        x: the embedding that the last layer of a method compares with its classes.
        weights: the class weights, or prototypes, in the same space.
    """

    x: Float[Array, "n e"]
    weights: Float[Array, "k e"]


class LinearHead(NamedTuple):
    """Scores x W + b of transformed samples, the rows of x, which have unit length if `unit_rows`.

    Attributes:
        weight, bias: one column per candidate class.
        unit_rows: whether each row of x is divided by its length first.
        joint: whether the classes were trained together, so that none can be added alone.
        centre: of nearest prototypes, the point from which `weight` measures them; scores then leave out a term of x
            that depends on it, so scores of heads with different centres cannot be compared.
    """

    weight: Float[Array | np.ndarray, "d k"]
    bias: Float[Array | np.ndarray, " k"]
    unit_rows: bool = False
    joint: bool = False
    centre: Float[Array | np.ndarray, " d"] | None = None


class NeighbourHead(NamedTuple):
    """The vote of the most similar samples, as `jzsl.classifiers.knn` counts it.

    Attributes:
        x: samples scaled to unit length.
        column: the candidate class of each; -1: of none.
        w: how many votes each has.
        neighbours: K, the number of votes.
    """

    x: Float[Array | np.ndarray, "n d"]
    column: Int[Array | np.ndarray, " n"]
    w: Int[Array | np.ndarray, " n"]
    neighbours: int


Head = LinearHead | NeighbourHead
"""A classifier that NumPy alone can compute."""


class Predictions(NamedTuple):
    """Predictions for unlabelled samples. Classes are numbered by column, in the order of the candidates.

    Attributes:
        scores: one column per candidate class.
        label: column of the best score.
        eligible: samples that may be selected; None: all.
        angle: between each sample's embedding and each class's weights, in radians; None unless a selector uses it.
        open: columns whose samples may be selected; in the strict setting those of unseen classes. None: all.
    """

    scores: Float[Array, "m k"]
    label: Int[Array, " m"]
    eligible: Bool[Array, " m"] | None = None
    angle: Float[Array, "m k"] | None = None
    open: Bool[Array, " k"] | None = None

    @property
    def selectable(self) -> Bool[Array, " m"]:
        """Samples that may be selected."""
        return jnp.ones(self.label.shape, bool) if self.eligible is None else self.eligible

    @property
    def angles(self) -> Float[Array, "m k"]:
        """The angles; a ValueError where they were not computed."""
        if self.angle is None:
            raise ValueError("angle: None found; this selector uses the angles between samples and classes")
        return self.angle


class Selected(NamedTuple):
    """The unlabelled samples that a selector selects.

    Attributes:
        multiplicity: how often each sample counts; 0 = not at all.
        label: column of each sample's pseudo-label.
        soft: mass of each column in each sample's label, for selectors of soft labels.
    """

    multiplicity: Int[Array, " m"]
    label: Int[Array, " m"]
    soft: Float[Array, "m k"] | None = None


class SelectionRequest(NamedTuple):
    """The input of a selector for one round.

    Attributes:
        prior: share of each column, as the selector's prior estimates it; uniform where it has none.
        n: how many samples to select, traced, so that one program serves all rounds.
    """

    prior: Float[Array, " k"]
    n: int | Int[Array, ""]
