"""ABP paper, fig. 3: how fast do generators converge, in epochs and in seconds?

Columns: base, epoch, T1 of validation classes (%, mean over seeds), std, seconds of training so far.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from jzsl.report.figures import COLOURS
from jzsl.studies.bases import GENERATORS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, deviation, verdict

WITHIN = 1.0
"""A curve has converged at the first epoch whose mean over seeds is within this many points of its best."""


def convergence(setup: StudySetup) -> StudyResult:
    """T1 on validation classes after every epoch, and the wall time of an epoch, of each base."""
    problem = setup.problem.validation()
    classes = len(problem.unseen_classes)
    chance = 100 / classes
    curves: dict[str, Float[np.ndarray, "seeds epochs"]] = {}
    seconds: dict[str, float] = {}
    for name, base in setup.bases.items():
        harness = Harness(setup, base, problem=problem)
        values, times = np.zeros((setup.seeds, setup.epochs)), []
        for seed in range(setup.seeds):
            for trained in harness.by_epoch(seed):
                setup.progress(f"{name}: seed {seed}, epoch {trained.epoch} of {setup.epochs}")
                values[seed, trained.epoch - 1] = harness.metrics(trained.state)["T1"]
                times.append(trained.seconds)
        curves[name], seconds[name] = values, float(np.median(times))
    reached = {name: converged_after(values.mean(0)) for name, values in curves.items()}
    words = [
        f"{name} after {reached[name]} epochs of {seconds[name]:.3g} s (best T1 {values.mean(0).max():.1f} %)"
        for name, values in curves.items()
    ]
    held = ""
    if {"abp", "wgan"} <= curves.keys():
        held = f"That ABP converges in fewer epochs than WGAN {verdict(reached['abp'] < reached['wgan'])}. "
    unfinished = [name for name in curves if reached[name] > 0.9 * setup.epochs]
    still = (f"still rising in the last epochs, so not converged: {', '.join(unfinished)}",) if unfinished else ()
    return StudyResult(
        f"{held}Within {WITHIN:g} point of their best, {'; '.join(words)}.",
        _rows(curves, seconds),
        lambda figure: _draw(figure, curves, seconds, chance),
        (
            f"inductive, {problem.provenance.name}: {classes} classes, chance {chance:.1f} %; "
            "bands: one standard deviation over seeds",
            *still,
        ),
    )


def _rows(curves: dict[str, Float[np.ndarray, "seeds epochs"]], seconds: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {
            "base": name,
            "epoch": epoch,
            "T1": round(float(of_seeds.mean()), 2),
            "std": deviation(of_seeds.tolist()),
            "seconds": round(seconds[name] * epoch, 3),
        }
        for name, values in curves.items()
        for epoch, of_seeds in enumerate(values.T, 1)
    ]


def _draw(
    figure: Any, curves: dict[str, Float[np.ndarray, "seeds epochs"]], seconds: dict[str, float], chance: float
) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for colour, (name, values) in zip(COLOURS, curves.items(), strict=False):
        epochs = np.arange(1, values.shape[1] + 1)
        for axes, x in ((left, epochs), (right, epochs * seconds[name])):
            axes.plot(x, values.mean(0), color=colour, label=name if axes is left else None)
            if len(values) > 1:
                low, high = (values.mean(0) + sign * values.std(0, ddof=1) for sign in (-1, 1))
                axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    for axes in (left, right):
        axes.axhline(chance, color="grey", linestyle="--", label="chance" if axes is left else None)
    left.set_xlabel("epoch")
    right.set_xlabel("training time (s)")
    right.set_xscale("log")
    left.set_ylabel("T1 of validation classes (%)")
    figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")


def converged_after(curve: Float[np.ndarray, " epochs"]) -> int:
    """The first epoch, from 1, whose value is within `WITHIN` of the curve's best."""
    return int(np.argmax(curve >= curve.max() - WITHIN)) + 1


STUDY = Study("How fast do generators converge? (ABP, fig. 3)", convergence, GENERATORS, 30)
