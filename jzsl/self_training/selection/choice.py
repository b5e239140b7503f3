"""What a config chooses from: selectors, and the class prior that prior-normalised selection divides by."""

import enum
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jzsl.self_training.priors.bbse import bbse_prior
from jzsl.self_training.priors.saerens import saerens_prior
from jzsl.self_training.priors.three_c import three_c_dominant, three_c_edges
from jzsl.self_training.selection.class_balanced import cbst, cbst_avh, crst, crst_lrent, crst_mrkld
from jzsl.self_training.selection.hardness import cfbs, class_frequency, pn_cfbs
from jzsl.self_training.selection.plain import everything, random_sampling, top_confidence
from jzsl.self_training.selection.pn_cfbs_avc import pn_cfbs_avc
from jzsl.types import Predictions

PriorEstimator = Callable[[Predictions, Int[Array, " m"], Float[Array, "k k"]], Float[Array, " k"]]
"""(predictions, cluster of each row, the base's confusion matrix) -> estimated share of each class."""


class Selection(enum.Enum):
    """Which pseudo-labelled rows a round trains on."""

    random_sampling = enum.member(random_sampling)
    everything = enum.member(everything)
    top_confidence = enum.member(top_confidence)
    cfbs = enum.member(cfbs)
    pn_cfbs = enum.member(pn_cfbs)
    pn_cfbs_avc = enum.member(pn_cfbs_avc)
    cbst = enum.member(cbst)
    cbst_avh = enum.member(cbst_avh)
    crst_mrkld = enum.member(crst_mrkld)
    crst_lrent = enum.member(crst_lrent)
    crst = enum.member(crst)

    @property
    def uses_hard(self) -> bool:
        """Whether K, the number of hard classes, matters."""
        return self is Selection.cfbs or self.uses_prior

    @property
    def uses_prior(self) -> bool:
        """Whether class frequencies are divided by a prior."""
        return self in (Selection.pn_cfbs, Selection.pn_cfbs_avc)

    @property
    def uses_angles(self) -> bool:
        """Whether rows are chosen by their angles to the classes."""
        return self in (Selection.pn_cfbs_avc, Selection.cbst_avh)


def uniform(predictions: Predictions, cluster: Int[Array, " m"], confusion: Float[Array, "k k"]) -> Float[Array, " k"]:
    """Every class alike."""
    del cluster, confusion
    classes = predictions.scores.shape[1]
    return jnp.full(classes, 1 / classes)


def edges(predictions: Predictions, cluster: Int[Array, " m"], confusion: Float[Array, "k k"]) -> Float[Array, " k"]:
    """3C read literally."""
    del confusion
    return three_c_edges(cluster, predictions.label, predictions.scores.shape[1])


def dominant(predictions: Predictions, cluster: Int[Array, " m"], confusion: Float[Array, "k k"]) -> Float[Array, " k"]:
    """3C as the paper's fig. 2 shows it."""
    del confusion
    return three_c_dominant(cluster, predictions.label, predictions.scores.shape[1])


def saerens(predictions: Predictions, cluster: Int[Array, " m"], confusion: Float[Array, "k k"]) -> Float[Array, " k"]:
    """Expectation-maximisation, from posteriors under a uniform prior."""
    return saerens_prior(jax.nn.softmax(predictions.scores), uniform(predictions, cluster, confusion))


def bbse(predictions: Predictions, cluster: Int[Array, " m"], confusion: Float[Array, "k k"]) -> Float[Array, " k"]:
    """Black-box shift estimation, from how the base confuses rows that it generated itself."""
    del cluster
    return bbse_prior(confusion, class_frequency(predictions))


class Prior(enum.Enum):
    """How the class prior is estimated; `known` is one that the user gives."""

    uniform = enum.member(uniform)
    three_c_edges = enum.member(edges)
    three_c_dominant = enum.member(dominant)
    saerens = enum.member(saerens)
    bbse = enum.member(bbse)
    known = "known"

    @property
    def needs_clusters(self) -> bool:
        return self in (Prior.three_c_edges, Prior.three_c_dominant)
