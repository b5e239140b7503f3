"""Names of groups in the result of self-training: which of them the class semantics hardly support."""

from pathlib import Path
from typing import Any

import numpy as np

from jzsl.config import Experiment
from jzsl.driver import predictions
from jzsl.evaluation.names import judge_names
from jzsl.evaluation.views import View
from jzsl.problem.problem import Problem

ENTRY = "names"
"""The entry of result.json."""


def judged_names(experiment: Experiment, problem: Problem, view: View, out: Path) -> dict[str, Any]:
    """The entry `names` of result.json, from the predictions that a finished run has saved; no label is read.

    Empty unless the run has self-trained on features and at least two unseen classes that semantics describe.

    Returns:
        pair_accuracy: `Names.pair_accuracy`; None where there are too few seen classes to know.
        groups: for each class that some seed names a group after, its name, its samples and its suspicion, means over
            the seeds that do.
        doubtful: names of the doubtful groups in the first seed, the most doubtful first.
    """
    task = experiment.unlabelled
    described = problem.semantics is not None and len(problem.sample_shape) == 1 and len(view.unseen) > 1
    if task is None or task not in experiment.tasks or not described:
        return {}
    x = np.asarray(view.pool.x[view.unlabelled_samples])
    of_seeds = []
    for seed in range(experiment.seeds):
        label = predictions.load(out, seed, [task])[task.name].predicted
        of_seeds.append(judge_names(view.pool, view.classes, view.unseen, x[: len(label)], label))
    named = np.unique(np.concatenate([names.classes for names in of_seeds]))
    groups = []
    for index in named:
        of_group = [
            (names.samples[i], names.suspicion[i]) for names in of_seeds for i in np.flatnonzero(names.classes == index)
        ]
        samples, suspicion = np.mean(of_group, 0).tolist()
        groups.append({"name": problem.class_names[index], "samples": samples, "suspicion": suspicion})
    first = of_seeds[0]
    return {
        ENTRY: {
            "pair_accuracy": None if np.isnan(first.pair_accuracy) else first.pair_accuracy,
            "groups": groups,
            "doubtful": [problem.class_names[index] for index in first.doubtful],
        }
    }


def doubts(result: dict[str, Any]) -> str | None:
    """The warning about doubtful names in a sentence; None where there are none."""
    names = result.get(ENTRY)
    if not names or not names["doubtful"]:
        return None
    listed = ", ".join(names["doubtful"])
    return (
        f"{len(names['doubtful'])} of {len(names['groups'])} groups may have wrong names, for the class semantics "
        f"hardly support them: {listed}"
    )
