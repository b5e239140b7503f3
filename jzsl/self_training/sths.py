"""STHS: what a config says of self-training with hardness sampling (STHS paper, section 3.3 and algorithm 1)."""

from dataclasses import dataclass
from typing import Annotated

import jax.numpy as jnp
import numpy as np
import tyro

from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method
from jzsl.self_training.priors.three_c import Clustering
from jzsl.self_training.refinement.choice import Refinement
from jzsl.self_training.rounds import Schedule, SelfTraining, self_train
from jzsl.self_training.selection.choice import Prior, PriorEstimator, Selection


@dataclass(frozen=True)
class STHS:
    """Self-training with hardness sampling."""

    rounds: int = 4
    """T, rounds after the inductive base (STHS: 4 on AWA2, 8 on CUB, 11 on SUN with S2V); 0 is the base alone"""
    selection: Annotated[Selection, tyro.conf.arg(aliases=("--selection",))] = Selection.cfbs
    """which pseudo-labelled rows a round trains on"""
    prior: Annotated[Prior, tyro.conf.arg(aliases=("--prior",))] = Prior.three_c_edges
    """the class prior that pn_cfbs divides by. On caltech101 the literal reading of 3C is the nearer one to the truth
    (`jzsl study prior-error`), but no nearer than the class frequency itself"""
    known: tuple[float, ...] = ()
    """for the prior `known`: the share of each unseen class, in the order of the class table"""
    hard: float = 0.8
    """K, the hard classes, as a share of the unseen ones (STHS: 0.8 on AWA2, 0.9 on CUB, 0.75 on SUN)"""
    refinement: Refinement = Refinement.none
    """what is made of the base's predictions before rows are selected: hardness sampling over a smoothed graph"""
    neighbours: int = 10
    """edges from each unlabelled row, for refinements that need a graph"""
    clustering: Clustering = Clustering.tsne_mixture
    """the clustering that 3C compares with; made once a run"""
    warm: bool = False
    """go on with the last round's model; by default it is trained again from scratch, as the paper does"""
    portion: tuple[float, float, float] | None = None
    """take other shares of the unlabelled rows than t / T: those of the first round, how much more each later round,
    and at most; CBST's are 0.2 0.05 0.5"""
    strict: bool = False
    """one unlabelled pool of seen and unseen test rows mixed (STHS, section 4.5); else the unseen rows are separate"""

    def __post_init__(self):
        require_positive(self, "hard", "neighbours")
        if self.portion is not None and not (0 < self.portion[0] <= self.portion[2] <= 1 and self.portion[1] >= 0):
            raise InputError(f"portion: {self.portion} found, expected shares: the first, the growth, at most 1")
        if self.rounds < 0:
            raise InputError(f"rounds: {self.rounds} found, expected zero or more")
        if self.hard > 1:
            raise InputError(f"hard: {self.hard} found, expected a share of the unseen classes, at most 1")
        if (self.prior is Prior.known) != bool(self.known):
            raise InputError(f"known: {self.known} found, expected shares if and only if the prior is `known`")
        if self.known and (min(self.known) < 0 or sum(self.known) == 0):
            raise InputError(f"known: {self.known} found, expected shares of zero or more, not all zero")

    @property
    def class_prior(self) -> Prior:
        """What takes part in the run: the chosen prior where something divides by it, else the uniform one."""
        divides = self.selection.uses_prior or self.refinement is Refinement.mass_label_propagation
        return self.prior if divides else Prior.uniform

    @property
    def needs_clusters(self) -> bool:
        return self.class_prior.needs_clusters

    def schedule(self, classes: int, factor: float = 0.0) -> Schedule:
        """The numbers of a run that labels rows as so many classes."""
        return Schedule(
            rounds=jnp.int32(self.rounds),
            hard=jnp.int32(max(1, round(self.hard * classes))),
            portion=jnp.float32(self.portion or (0, 0, 0)),
            factor=jnp.float32(factor),
        )

    def estimator(self) -> PriorEstimator:
        """The chosen estimator of the class prior."""
        if self.class_prior is not Prior.known:
            return self.class_prior.value
        shares = np.array(self.known, np.float32) / sum(self.known)

        def known(predictions, cluster, confusion):
            if predictions.scores.shape[1] != len(shares):
                raise InputError(f"known: {len(shares)} shares found for {predictions.scores.shape[1]} classes")
            return jnp.asarray(shares)

        return known

    def build(self, method: Method, labelled: int, unlabelled: int) -> SelfTraining:
        if self.class_prior is Prior.bbse and method.sample is None:
            raise InputError("prior: bbse needs a base that generates features")
        if self.selection.uses_angles and method.embedding is None:
            raise InputError(f"selection: {self.selection.name} needs a base with class weights or prototypes")
        return self_train(
            method,
            self.selection.value,
            self.estimator(),
            labelled,
            unlabelled,
            self.warm,
            self.refinement.value,
            self.neighbours if self.refinement.needs_graph else None,
            self.selection.uses_angles,
        )
