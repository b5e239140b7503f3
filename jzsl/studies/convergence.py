"""ABP paper, fig. 3: how fast do generators converge, in epochs and in seconds?"""

import numpy as np

from jzsl.report.figures import COLOURS
from jzsl.studies.study import Finding, Setting, verdict
from jzsl.studies.training_epochs import Trainee

WITHIN = 1.0
"""A curve has converged at the first epoch whose mean is within this many points of its best."""


def convergence(setting: Setting) -> Finding:
    """T1 on validation classes after every epoch, and the wall time of an epoch, of each base."""
    problem = setting.problem.validation()
    classes = len(problem.unseen_classes)
    chance = 100 / classes
    rows, curves, seconds, notes = [], {}, {}, []
    for name, base in setting.bases.items():
        trainee = Trainee(problem, base, setting.transform)
        values, times = np.zeros((setting.seeds, setting.epochs)), []
        for seed in range(setting.seeds):
            for trained in trainee.train(seed, setting.epochs):
                setting.tell(f"{name}: seed {seed}, epoch {trained.epoch} of {setting.epochs}")
                values[seed, trained.epoch - 1] = trainee.score(trained.state, base)["T1"]
                times.append(trained.seconds)
        curves[name], seconds[name] = values, float(np.median(times))
        spread = values.std(0, ddof=1) if setting.seeds > 1 else np.zeros(setting.epochs)
        rows += [
            {
                "base": name,
                "epoch": epoch + 1,
                "T1": round(float(values[:, epoch].mean()), 2),
                "std": round(float(spread[epoch]), 2),
                "seconds": round(seconds[name] * (epoch + 1), 3),
            }
            for epoch in range(setting.epochs)
        ]
    reached = {name: converged_after(values.mean(0)) for name, values in curves.items()}
    words = [
        f"{name} after {reached[name]} epochs of {seconds[name]:.3g} s (best T1 {values.mean(0).max():.1f} %)"
        for name, values in curves.items()
    ]
    claim = ""
    if {"abp", "wgan"} <= curves.keys():
        claim = f"That ABP converges in fewer epochs than WGAN {verdict(reached['abp'] < reached['wgan'])}. "
    unfinished = [name for name in curves if reached[name] > 0.9 * setting.epochs]
    if unfinished:
        notes.append(f"still rising in the last epochs, so not converged: {', '.join(unfinished)}")

    def draw(figure):
        left, right = figure.subplots(1, 2, sharey=True)
        for place, (name, values) in enumerate(curves.items()):
            epochs = np.arange(1, setting.epochs + 1)
            for axes, x in ((left, epochs), (right, epochs * seconds[name])):
                axes.plot(x, values.mean(0), color=COLOURS[place], label=name if axes is left else None)
                if setting.seeds > 1:
                    low, high = (values.mean(0) + sign * values.std(0, ddof=1) for sign in (-1, 1))
                    axes.fill_between(x, low, high, color=COLOURS[place], alpha=0.2, linewidth=0)
        for axes in (left, right):
            axes.axhline(chance, color="grey", linestyle="--", label="chance" if axes is left else None)
        left.set_xlabel("epoch")
        right.set_xlabel("training time (s)")
        right.set_xscale("log")
        left.set_ylabel("T1 of validation classes (%)")
        figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")

    return Finding(
        "How fast do generators converge? (ABP, fig. 3)",
        f"{claim}Within {WITHIN:g} point of their best, {'; '.join(words)}.",
        rows,
        draw,
        (
            f"inductive, {problem.provenance.name}: {classes} classes, chance {chance:.1f} %; "
            "bands: one standard deviation over seeds",
            *notes,
        ),
    )


def converged_after(curve: np.ndarray) -> int:
    """The first epoch, from 1, whose value is within `WITHIN` of the curve's best."""
    return int(np.argmax(curve >= curve.max() - WITHIN)) + 1
