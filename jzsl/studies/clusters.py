"""What the studies of discovery and clustering share: their data, and variants of a method that share their stages."""

from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jzsl.config import Stage
from jzsl.data.clustered import Clustered
from jzsl.data.new_classes import NewClasses
from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig, Task
from jzsl.nets.network import BatchNormPolicy, NetworkConfig
from jzsl.studies.runs import LoadedData, Runs, TrainedStages
from jzsl.studies.study import Difference, StudySetup, seed_columns

ON_POOL = "scored on the unlabelled samples that training had, to report them: no setting is chosen by this"
LAST = "the last epoch is scored"
M = TypeVar("M")


class Variant(NamedTuple):
    """A method, and the stages that are trained before it."""

    method: MethodConfig
    stages: tuple[Stage, ...]


class Trials:
    """Variants of the methods of a study, scored by one task; what two of them have in common is trained once.

    Args:
        setup: the study's.
        task: scored on the unlabelled samples.
    """

    def __init__(self, setup: StudySetup, task: Task):
        self._setup, self._tasks = setup, (task,)
        self._stages: dict[tuple[Stage, ...], TrainedStages] = {}
        self._metrics: dict[Variant, list[dict[str, float]]] = {}

    def metrics(self, variant: Variant) -> list[dict[str, float]]:
        """The metrics of each seed after the last epoch, in percent."""
        if variant not in self._metrics:
            self._metrics[variant] = self.runs(variant).last_metrics()
        return self._metrics[variant]

    def runs(self, variant: Variant) -> Runs:
        """The training of a variant."""
        method, stages = variant
        if stages and stages not in self._stages:
            self._stages[stages] = TrainedStages(self._setup, method, self._tasks, stages)
        return Runs(self._setup, method, self._tasks, stages=self._stages.get(stages))


def with_new_classes(setup: StudySetup) -> StudySetup:
    """The setup with labelled and unlabelled classes: the data's unseen ones are new where it names no others.

    Raises:
        InputError: if no class has labels, or none is without.
    """
    problem = setup.problem
    if not problem.clusters:
        return replace(setup, problem=NewClasses(LoadedData(problem)).load())
    if not len(problem.splits.train):
        raise InputError(f"{problem.provenance.origin}: no labelled samples found, expected some of old classes")
    return setup


def without_labels(setup: StudySetup) -> StudySetup:
    """The setup without labelled samples: labels of other data are dropped.

    Raises:
        InputError: if the data have clusters and labelled samples beside them.
    """
    problem = setup.problem
    if not problem.clusters:
        return replace(setup, problem=Clustered(LoadedData(problem)).load())
    if len(problem.splits.train):
        raise InputError(f"{problem.provenance.origin}: labelled samples found, expected data of Clustered")
    return setup


def only(setup: StudySetup, kind: type[M]) -> dict[str, M]:
    """The bases of a study of one method.

    Raises:
        InputError: naming a base of another class.
    """
    bases = {}
    for name, base in setup.bases.items():
        if not isinstance(base, kind):
            wanted = kind.__name__
            raise InputError(f"base: {name} ({type(base).__name__}) found, expected a config whose method is {wanted}")
        bases[name] = base
    return bases


def feature_size(network: NetworkConfig, shape: tuple[int, ...]) -> int:
    """Features that a network has for samples of a shape."""
    net, sample = network.build(), jnp.zeros((1, *shape))

    def features(key):
        return net.apply(net.init(key, sample), sample, BatchNormPolicy.running, None)[0].features

    return jax.eval_shape(features, jax.random.key(0)).shape[-1]


def whole(method: Any) -> Any:
    """The method with all blocks of its network learning."""
    return replace(method, learned=None) if hasattr(method, "learned") else method


def listed(stages: tuple[Stage, ...]) -> str:
    """The stages in words, with their epochs."""
    return ", ".join(f"{stage.name} ({stage.epochs} epochs)" for stage in stages) or "no stage"


def discovery_rows(
    metrics: dict[tuple[str, str], list[dict[str, float]]],
    differences: dict[tuple[str, str], Difference],
    column: str,
    reference: str,
) -> list[dict[str, Any]]:
    """A row for each base and variant: ACC_new_pool, NMI_new_pool, and the difference to a reference.

    Args:
        metrics: of each seed, by base and variant.
        differences: in ACC_new_pool to the reference, by base and variant.
        column: name of the variants' column.
        reference: name of the variant that others are compared with.
    """
    return [
        {
            "base": key[0],
            column: key[1],
            **seed_columns([of_seed["ACC_new_pool"] for of_seed in of_seeds], "ACC_new_pool"),
            "NMI_new_pool": round(float(np.mean([of_seed["NMI_new_pool"] for of_seed in of_seeds])), 2),
            **difference_columns(differences.get(key), f"vs {reference}"),
        }
        for key, of_seeds in metrics.items()
    ]


def difference_columns(difference: Difference | None, name: str) -> dict[str, Any]:
    """Columns of a row: the mean difference in points, and its p."""
    if difference is None:
        return {name: None, "p": None}
    p = None if difference.p is None else round(difference.p, 4)
    return {name: round(difference.mean, 2), "p": p}


def shown_columns(rows: list[dict[str, Any]], bases: int) -> tuple[str, ...]:
    """The columns that a terminal shows: the base's name where there are several."""
    return tuple(name for name in rows[0] if name != "values" and (name != "base" or bases > 1))
