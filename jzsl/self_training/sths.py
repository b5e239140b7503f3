"""STHS: the configuration of self-training with hardness sampling (STHS paper, section 3.3 and algorithm 1)."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Float

from jzsl.errors import InputError
from jzsl.interfaces import Method
from jzsl.packages import PartsIn
from jzsl.procedure import Procedure
from jzsl.self_training.parts import (
    PreparePrior,
    PriorEstimator,
    RefinerConfig,
    ScheduleConfig,
    SelectorConfig,
)
from jzsl.self_training.rounds import self_train
from jzsl.self_training.schedules.linear import LinearSchedule
from jzsl.self_training.selection.cfbs import CFBS
from jzsl.self_training.state import Prepared, RoundParameters, SelfTraining


@dataclass(frozen=True)
class STHS:
    """Self-training with hardness sampling. By default every part is the paper's, with CFBS as the selection."""

    rounds: int = 4
    """T, rounds after the inductive base (STHS: 4 on AWA2, 8 on CUB, 11 on SUN with S2V); 0 is the base alone"""
    selection: SelectorConfig = CFBS()
    """which pseudo-labelled samples a round trains on"""
    schedule: ScheduleConfig = LinearSchedule()
    """how many pseudo-labelled samples each round trains on"""
    refinement: Annotated[
        tyro.conf.AvoidSubcommands[RefinerConfig | None], PartsIn("jzsl.self_training.refinement")
    ] = None
    """how the base's predictions are refined before samples are selected; None takes them as they are"""
    warm: bool = False
    """go on with the last round's model, as CBST does; by default it is trained again from scratch, as algorithm 1 of
    STHS does"""
    average: bool = False
    """predict and select by the mean log-probability over all rounds so far, not by the last round alone: fewer
    labels then change from round to round"""
    strict: bool = False
    """one unlabelled pool of seen and unseen test samples mixed (STHS, section 4.5); else the unseen ones are
    separate"""

    def __post_init__(self):
        if self.rounds < 0:
            raise InputError(f"rounds: {self.rounds} found, expected zero or more")

    @property
    def class_prior(self) -> str:
        """Name of the class prior of the run, for reports; `uniform` where there is none."""
        names = [prior.name for prior in self._priors() if prior is not None]
        return names[0] if names else "uniform"

    def parameters(self, classes: int) -> RoundParameters:
        """The parameters of the rounds, for so many classes to select from."""
        return RoundParameters(
            rounds=jnp.int32(self.rounds),
            selection=self.selection.build().parameters(classes),
            schedule=self.schedule.build().parameters,
        )

    def prepare(
        self, x: Float[np.ndarray, "m *s"], classes: int, done: MutableMapping[PreparePrior, Any] | None = None
    ) -> Prepared:
        """What the class priors prepare of the unlabelled samples; equal priors share it.

        Args:
            x: the unlabelled samples.
            classes: number of candidate classes.
            done: what has been prepared of these samples; new entries are added.

        Raises:
            InputError: if a prior would prepare something of images.
        """
        done = {} if done is None else done

        def arrays(prior: PriorEstimator | None) -> Any:
            if prior is None or prior.prepare is None:
                return None
            if x.ndim != 2:
                raise InputError(f"prior: {prior.name} found for samples of shape {x.shape[1:]}, expected vectors")
            if prior.prepare not in done:
                done[prior.prepare] = prior.prepare(x, classes, 0)
            return done[prior.prepare]

        return Prepared(*map(arrays, self._priors()))

    def build(self, method: Method, labelled: int, unlabelled: int) -> SelfTraining:
        """Self-training of a method on so many labelled and unlabelled samples.

        Raises:
            InputError: if the method lacks what a part needs, or no round would select a sample.
        """
        selector, priors = self.selection.build(), self._priors()
        if method.sample is None and any(prior is not None and prior.needs_generated for prior in priors):
            raise InputError(f"prior: {self.class_prior} found, which needs a base that generates features")
        if selector.uses_angles and method.embedding is None:
            raise InputError(
                f"selection: {type(self.selection).__name__} found, which needs a base with class weights or prototypes"
            )
        self.require_samples(unlabelled)
        refiner = None if self.refinement is None else self.refinement.build()
        return self_train(
            method, selector, self.schedule.build(), labelled, unlabelled, refiner, self.warm, self.average
        )

    def procedure(self, method: Method, labelled: int, unlabelled: int, classes: int) -> Procedure:
        """The procedure for the driver.

        Args:
            method: the base.
            labelled: labelled samples of the pool, which come first.
            unlabelled: samples after them.
            classes: number of classes from which samples are selected.

        Raises:
            InputError: as `build` does.
        """

        def prepare(x: Float[np.ndarray, "m *s"], classes: int, seed: int) -> Prepared:
            del seed
            return self.prepare(x, classes)

        training = self.build(method, labelled, unlabelled)
        needed = any(prior is not None and prior.prepare is not None for prior in self._priors())
        return training.procedure(self.parameters(classes), prepare if needed else None, self.rounds)

    def require_samples(self, unlabelled: int) -> None:
        """Raises InputError if no round would select one of so many samples, as for T > M in the paper's schedule."""
        schedule = self.schedule.build()
        counts = [
            int(schedule.samples(schedule.parameters, jnp.int32(t), jnp.int32(self.rounds), jnp.int32(unlabelled)))
            for t in sorted({1, self.rounds})
        ]
        if self.rounds and max(counts) < 1:
            raise InputError(
                f"rounds: {self.rounds} found for {unlabelled} unlabelled samples, of which "
                f"{type(self.schedule).__name__} would select none in any round; expected fewer rounds"
            )

    def _priors(self) -> tuple[PriorEstimator | None, PriorEstimator | None]:
        """The priors of the selector and of the refiner."""
        refiner = None if self.refinement is None else self.refinement.build()
        return self.selection.build().prior, None if refiner is None else refiner.prior
