"""Charts of training: metrics round by round or epoch by epoch, and diagnostics of the Langevin chains."""

from typing import Any

import numpy as np
from scipy.stats import norm

from jzsl.driver.lengths import in_words
from jzsl.generators.abp import ABPState
from jzsl.report.chart import Chart, tip
from jzsl.report.figures import COLOURS
from jzsl.report.run_artifacts import RunArtifacts

_DIAGNOSTICS = {
    "energy": "energy U(Z)",
    "gradient_norm": "norm of its gradient",
    "stability": "curvature × s²/2",
    "acceptance": "acceptance",
}
"""Metrics of a generator with Langevin chains."""


def training_charts(run: RunArtifacts) -> list[Chart]:
    """Those for which the run has metrics."""
    lines = run.lines()
    if not lines:
        return []
    charts = [_progress(run)]
    if run.result["choice"] is not None:
        charts.append(_choice(run, run.result["choice"]))
    if all(name in lines[0] for name in _DIAGNOSTICS):
        charts.append(_langevin(run))
    charts += [
        _stage(run, stage.name, lines) for stage in run.experiment.stages if (lines := run.lines(stage=stage.name))
    ]
    latents = _latents(run)
    return charts if latents is None else [*charts, _latent_chart(latents)]


def _series(lines: list[dict[str, Any]], name: str, step: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and values with one row per seed; steps at which some seed lacks the metric are left out."""
    by_step: dict[int, list[float]] = {}
    for line in lines:
        if name in line:
            by_step.setdefault(line[step], []).append(line[name])
    most = max(map(len, by_step.values()), default=0)
    steps = [number for number, values in by_step.items() if len(values) == most]
    return np.array(steps), np.array([by_step[number] for number in steps]).T


def _draw_series(axes: Any, steps: np.ndarray, values: np.ndarray, label: str, colour: str, style: str = "-o") -> None:
    """Mean over seeds, a band of one standard deviation, single seeds thin."""
    mean = values.mean(0)
    axes.plot(steps, mean, style, color=colour, label=label, markersize=4)
    if len(values) > 1:
        spread = values.std(0, ddof=1)
        axes.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    if len(steps) <= 60:
        for at, value in zip(steps, mean, strict=True):
            tip(axes.plot(at, value, "o", alpha=0, markersize=9, color=colour)[0], f"{label} at {at}: {value:.1f}")


def _whole_steps(axes: Any) -> None:
    """Ticks at whole numbers, also where there is one step alone."""
    low, high = axes.get_xlim()
    if high - low < 1:
        axes.set_xlim(low - 0.5, high + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def _step(run: RunArtifacts) -> str:
    return "round" if "round" in run.lines()[0] else "epoch"


def _progress(run: RunArtifacts) -> Chart:
    step = _step(run)
    headline = run.task.headline

    def draw(figure):
        axes = figure.subplots()
        final, validation = run.lines(), run.lines("validation")
        _draw_series(axes, *_series(final, headline, step), f"{headline} of test samples", COLOURS[0])
        if step == "epoch" and validation and headline in validation[0]:
            _draw_series(
                axes, *_series(validation, headline, step), f"{headline} of validation classes", COLOURS[1], "--s"
            )
        for name, label, colour, style in (
            (f"{headline}_unrefined", f"{headline} before refinement", COLOURS[3], ":^"),
            ("pseudo_label_accuracy", "accuracy of selected pseudo-labels", COLOURS[2], "--D"),
        ):
            steps, values = _series(final, name, step)
            if len(steps):
                _draw_series(axes, steps, values, label, colour, style)
        axes.set_xlabel({"round": "round (0: the inductive base)", "epoch": "epoch"}[step])
        axes.set_ylabel("%")
        _whole_steps(axes)
        figure.legend(loc="outside lower center", ncols=1, frameon=False)

    if step == "round":
        title = f"{headline} and pseudo-labels, round by round"
        caption = "The accuracy of pseudo-labels uses the test labels, which no selection uses."
    else:
        title = f"{headline}, epoch by epoch"
        validated = run.result["epochs_chosen"]
        caption = (
            "The epoch was chosen on validation classes." if validated else "The number of epochs was fixed beforehand."
        )
    band = " Bands: one standard deviation over seeds." if len(run.result["seeds"]) > 1 else ""
    return Chart("progress", title, caption + band, draw)


def _stage(run: RunArtifacts, name: str, lines: list[dict[str, Any]]) -> Chart:
    """Every metric of a stage, a panel each; accuracies in percent."""
    metrics = [key for key in lines[0] if key not in ("phase", "stage", "seed", "epoch")]

    def draw(figure):
        panels = figure.subplots(1, len(metrics), squeeze=False)[0]
        for axes, metric in zip(panels, metrics, strict=True):
            steps, values = _series(lines, metric, "epoch")
            share = metric.endswith("accuracy")
            _draw_series(axes, steps, values * (100 if share else 1), metric, COLOURS[0])
            axes.set_xlabel("epoch")
            axes.set_ylabel(f"{metric.replace('_', ' ')}{' (%)' if share else ''}")
            _whole_steps(axes)

    band = " Bands: one standard deviation over seeds." if len(run.result["seeds"]) > 1 else ""
    caption = f"Means over the minibatches of training, whose images are changed at random.{band}"
    return Chart(f"stage-{name}", f"Stage {name.replace('_', ' ')}", caption, draw, (4.9, 2.6))


def _choice(run: RunArtifacts, choice: dict[str, Any]) -> Chart:
    epochs, smoothed, error = (np.array(choice[name]) for name in ("evaluated", "smoothed", "standard_error"))
    headline, fewest = run.experiment.validated[0].headline, run.experiment.train.min_steps
    excluded = epochs[epochs * choice["steps"] / choice["epochs"] < fewest]

    def draw(figure):
        axes = figure.subplots()
        if len(excluded):
            label = f"under {fewest} steps"
            axes.axvspan(epochs[0] - 0.5, excluded[-1] + 0.5, color="0.5", alpha=0.2, linewidth=0, label=label)
        axes.axvspan(choice["epochs"], choice["last"], color=COLOURS[2], alpha=0.15, linewidth=0)
        for number, curve in enumerate(choice["curves"]):
            label = "one evaluation" if number == 0 else None
            axes.plot(epochs, curve, ".", color=COLOURS[1], alpha=0.7, label=label)
        axes.plot(epochs, smoothed, color=COLOURS[0], label="smoothed")
        axes.plot(
            epochs,
            smoothed[epochs == choice["best"]] - error,
            ":",
            color=COLOURS[5],
            label="best less its error",
        )
        mark = axes.axvline(choice["epochs"], color=COLOURS[2], linestyle="--", label="chosen")
        tip(mark, in_words(choice))
        axes.set_xlabel("epoch on validation classes")
        axes.set_ylabel(f"{headline} (%)")
        _whole_steps(axes)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)

    caption = (
        f"{in_words(choice)}. The first epoch within one standard error of the best smoothed value was taken; the "
        "error is that of their difference. Grey: too short to be taken. Other classes may prefer another length."
    )
    return Chart("choice", "The choice of the number of epochs", caption, draw)


def _langevin(run: RunArtifacts) -> Chart:
    step = _step(run)

    def draw(figure):
        panels = figure.subplots(2, 2, sharex=True).ravel()
        for number, (axes, (name, words)) in enumerate(zip(panels, _DIAGNOSTICS.items(), strict=True)):
            _draw_series(axes, *_series(run.lines(), name, step), words, COLOURS[number])
            axes.set_title(words, fontsize="small")
            _whole_steps(axes)
            axes.ticklabel_format(useOffset=False)
            if name == "acceptance":
                axes.set_ylim(-0.05, 1.08)
            if name == "stability":
                axes.axhline(2, color="#888888", linestyle="--", linewidth=1)
                axes.set_ylim(bottom=0)
        for axes in panels[2:]:
            axes.set_xlabel(step)

    caption = (
        "Means over samples and minibatches. Above 2 (dashed) a plain Langevin step of size s diverges; "
        "unadjusted chains accept every proposal."
    )
    return Chart("langevin", "Langevin diagnostics", caption, draw, (4.6, 3.9))


def _latents(run: RunArtifacts) -> np.ndarray | None:
    """The persistent latents of the labelled samples, which every round visits, if the method has such a generator."""
    state = run.model.state
    generator = getattr(getattr(state, "expert", state), "generator", None)
    if not isinstance(generator, ABPState) or run.problem is None:
        return None
    return np.asarray(generator.latents.values)[: len(run.problem.splits.train)]


def _latent_chart(latents: np.ndarray) -> Chart:
    values = latents.ravel()
    limit = 4.5

    def draw(figure):
        axes = figure.subplots()
        axes.hist(np.clip(values, -limit, limit), bins=45, density=True, color=COLOURS[0], alpha=0.75,
                  label="latents of labelled samples")  # fmt: skip
        grid = np.linspace(-limit, limit, 200)
        axes.plot(grid, norm.pdf(grid), "--", color=COLOURS[5], label="prior N(0, 1)")
        axes.set_xlabel("value of a latent factor")
        axes.set_ylabel("density")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)

    caption = (
        f"Mean {values.mean():.2f}, standard deviation {values.std():.2f} over {latents.shape[0]} labelled samples "
        f"and {latents.shape[1]} factors. If the model generated the data, they would follow the prior."
    )
    return Chart("latents", "Distribution of the latents", caption, draw, (4.6, 3.0))
