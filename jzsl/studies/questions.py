"""The questions that `jzsl study` answers, and the methods that they ask about unless told otherwise."""

import enum
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from jzsl.generators.abp import ABP
from jzsl.generators.cvae import CVAE
from jzsl.generators.wgan import WGAN
from jzsl.interfaces import MethodConfig
from jzsl.methods.generative import Generative
from jzsl.methods.s2v import S2V
from jzsl.methods.supervised import Supervised
from jzsl.studies.convergence import convergence
from jzsl.studies.cost import cost
from jzsl.studies.domain_adaptation import domain_adaptation
from jzsl.studies.generalized_settings import generalized_settings
from jzsl.studies.hard_easy import diversity, hard_easy, label_noise
from jzsl.studies.hardness_correlation import hardness_correlation
from jzsl.studies.incomplete_features import incomplete_features
from jzsl.studies.likelihood import likelihood
from jzsl.studies.prior_error import prior_error
from jzsl.studies.round_studies import hardness_dynamics, sampling_ablation
from jzsl.studies.seen_classes import seen_classes
from jzsl.studies.seen_unseen_curve import seen_unseen_curve
from jzsl.studies.sphere_surface import sphere
from jzsl.studies.study import Finding, Setting
from jzsl.studies.synthetic_count import synthetic_count
from jzsl.studies.training_dynamics import training_dynamics
from jzsl.studies.uneven_prediction import uneven_prediction


class Base(enum.Enum):
    """The base methods of the studies."""

    s2v = enum.member(S2V())
    abp = enum.member(Generative(generator=ABP(), zsl_noise=False))
    cvae = enum.member(Generative(generator=CVAE(latent=10), zsl_noise=False))
    wgan = enum.member(Generative(generator=WGAN()))
    supervised = enum.member(Supervised())

    def with_hidden(self, hidden: int | None) -> MethodConfig:
        """The base with so many nodes in a generator's hidden layer; None keeps its paper's number."""
        if hidden is None or not isinstance(self.value, Generative):
            return self.value
        generator: Any = self.value.generator
        return replace(self.value, generator=replace(generator, hidden=hidden))


class Question(NamedTuple):
    """A study, and what it asks about unless told otherwise."""

    ask: Callable[[Setting], Finding]
    bases: tuple[Base, ...] = (Base.s2v, Base.abp)
    epochs: int = 5


_GENERATORS = (Base.abp, Base.cvae, Base.wgan)


class Study(enum.Enum):
    """Each question by its name on the command line."""

    uneven_prediction = Question(uneven_prediction)
    hard_easy = Question(hard_easy)
    label_noise = Question(label_noise)
    diversity = Question(diversity)
    hardness_dynamics = Question(hardness_dynamics)
    sampling_ablation = Question(sampling_ablation)
    prior_error = Question(prior_error)
    convergence = Question(convergence, _GENERATORS, 30)
    cost = Question(cost, _GENERATORS)
    synthetic_count = Question(synthetic_count, _GENERATORS)
    seen_classes = Question(seen_classes, _GENERATORS)
    incomplete_features = Question(incomplete_features, _GENERATORS)
    likelihood = Question(likelihood, _GENERATORS[:2])
    seen_unseen_curve = Question(seen_unseen_curve)
    generalized_settings = Question(generalized_settings)
    hardness_correlation = Question(hardness_correlation)
    training_dynamics = Question(training_dynamics, (Base.supervised,), 30)
    sphere = Question(sphere, (Base.supervised,), 30)
    domain_adaptation = Question(domain_adaptation, (Base.supervised,), 20)
