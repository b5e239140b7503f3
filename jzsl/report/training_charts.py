"""Charts about training: the numbers round by round or epoch by epoch, and what the Langevin chains did."""

from typing import Any

import numpy as np
from scipy.stats import norm

from jzsl.generators.abp import ABPState
from jzsl.report.chart import Chart, tip
from jzsl.report.evidence import Evidence
from jzsl.report.figures import COLOURS

_DIAGNOSTICS = {
    "energy": "energy U(Z)",
    "gradient_norm": "norm of its gradient",
    "stability": "curvature × s²/2",
    "acceptance": "acceptance",
}
"""What the journal of a generator with Langevin chains tells of them."""


def training_charts(evidence: Evidence) -> list[Chart]:
    """Those for which the run left numbers."""
    charts = [_progress(evidence)]
    rows = evidence.rows()
    if rows and all(name in rows[0] for name in _DIAGNOSTICS):
        charts.append(_langevin(evidence))
    latents = _latents(evidence)
    return charts if latents is None else [*charts, _latent_chart(latents)]


def _series(rows: list[dict[str, Any]], name: str, step: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and a row of values for each seed; steps at which not all seeds have the number are left out."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if name in row:
            found.setdefault(row[step], []).append(row[name])
    most = max(map(len, found.values()), default=0)
    steps = [place for place, values in found.items() if len(values) == most]
    return np.array(steps), np.array([found[place] for place in steps]).T


def _draw_series(axes: Any, steps: np.ndarray, values: np.ndarray, label: str, colour: str, style: str = "-o") -> None:
    """Mean over seeds, a band of one standard deviation, single seeds thin."""
    mean = values.mean(0)
    axes.plot(steps, mean, style, color=colour, label=label, markersize=4)
    if len(values) > 1:
        spread = values.std(0, ddof=1)
        axes.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    if len(steps) <= 60:
        for place, value in zip(steps, mean, strict=True):
            tip(
                axes.plot(place, value, "o", alpha=0, markersize=9, color=colour)[0], f"{label} at {place}: {value:.1f}"
            )


def _whole_steps(axes: Any) -> None:
    """Ticks at whole numbers, also where there is one step alone."""
    low, high = axes.get_xlim()
    if high - low < 1:
        axes.set_xlim(low - 0.5, high + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)


def _progress(evidence: Evidence) -> Chart:
    step = "round" if evidence.has_rounds or "round" in evidence.rows()[0] else "epoch"
    headline = evidence.task.headline

    def draw(figure):
        axes = figure.subplots()
        final, validation = evidence.rows(), evidence.rows("validation")
        _draw_series(axes, *_series(final, headline, step), f"{headline} of test rows", COLOURS[0])
        if step == "epoch" and validation and headline in validation[0]:
            found = _series(validation, headline, "epoch")
            _draw_series(axes, *found, f"{headline} of validation classes", COLOURS[1], "--s")
        steps, values = _series(final, "pseudo_label_accuracy", step)
        if len(steps):
            _draw_series(axes, steps, values, "right pseudo-labels taken", COLOURS[2], "--D")
        axes.set_xlabel({"round": "round (0: the inductive base)", "epoch": "epoch"}[step])
        axes.set_ylabel("%")
        _whole_steps(axes)
        figure.legend(loc="outside lower center", ncols=1 if validation and step == "epoch" else 2, frameon=False)

    if step == "round":
        title = f"{headline} and pseudo-labels, round by round"
        caption = "Pseudo-labels are judged by the labels of the test rows, which no selection saw."
    else:
        title = f"{headline}, epoch by epoch"
        chosen = evidence.result.get("epochs_chosen")
        caption = "The epoch was chosen on validation classes." if chosen else "The number of epochs was fixed before."
    band = " Bands: one standard deviation over seeds." if len(evidence.result["seeds"]) > 1 else ""
    return Chart("progress", title, caption + band, draw)


def _langevin(evidence: Evidence) -> Chart:
    step = "round" if "round" in evidence.rows()[0] else "epoch"

    def draw(figure):
        panels = figure.subplots(2, 2, sharex=True).ravel()
        for place, (axes, (name, words)) in enumerate(zip(panels, _DIAGNOSTICS.items(), strict=True)):
            _draw_series(axes, *_series(evidence.rows(), name, step), words, COLOURS[place])
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
        "Means over rows and minibatches. Above 2 (dashed) a plain Langevin step of size s diverges; "
        "unadjusted chains accept every proposal."
    )
    return Chart("langevin", "Langevin diagnostics", caption, draw, (4.6, 3.9))


def _latents(evidence: Evidence) -> np.ndarray | None:
    """The persistent latents of the labelled rows, which every round visits, if the method has such a generator."""
    state = evidence.model.state
    found = getattr(getattr(state, "expert", state), "generator", None)
    if not isinstance(found, ABPState) or evidence.problem is None:
        return None
    return np.asarray(found.latents.values)[: len(evidence.problem.splits.train)]


def _latent_chart(latents: np.ndarray) -> Chart:
    values = latents.ravel()
    reach = 4.5

    def draw(figure):
        axes = figure.subplots()
        axes.hist(np.clip(values, -reach, reach), bins=45, density=True, color=COLOURS[0], alpha=0.75,
                  label="latents of labelled rows")  # fmt: skip
        grid = np.linspace(-reach, reach, 200)
        axes.plot(grid, norm.pdf(grid), "--", color=COLOURS[5], label="prior N(0, 1)")
        axes.set_xlabel("value of a latent factor")
        axes.set_ylabel("density")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)

    caption = (
        f"Mean {values.mean():.2f}, standard deviation {values.std():.2f} over {latents.shape[0]} labelled rows "
        f"and {latents.shape[1]} factors. Were the data the model's own, they would follow the prior."
    )
    return Chart("latents", "Where the chains stand", caption, draw, (4.6, 3.0))
