"""AVH paper, section 3, observation 4: do better models have better AVH, and on which images?

Each base is trained for a third and for all of the epochs: a network each. Columns: network, epochs, A (% of held-out
images, mean over classes), AVH (mean over test images, of the true class), AVH easy (of the images that every network
recognises), AVH hard (of the others), confidence (mean, of the true class), norm (mean); means over seeds.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from jzsl.errors import InputError
from jzsl.hardness.correlation import Coefficient, correlation
from jzsl.hardness.scores import hardness
from jzsl.interfaces import MethodConfig
from jzsl.metrics.holm import holm
from jzsl.report.figures import COLOURS
from jzsl.studies.harness import Harness
from jzsl.studies.study import SIGNIFICANT, Study, StudyResult, StudySetup, verdict
from jzsl.tasks.adaptation import Adaptation

LENGTHS = (1 / 3, 1.0)
"""Shares of the epochs for which each base is trained."""
FEWEST = 4
"""Networks that a regression takes."""
ALL, EASY, HARD = "all images", "images that every network recognises", "the other images"


class Network(NamedTuple):
    """A trained network: its base, epochs, accuracy (%, of each seed), and of each seed and test image the AVH, model
    confidence and norm, and whether it is recognised."""

    base: str
    epochs: int
    accuracy: list[float]
    avh: Float[np.ndarray, "s n"]
    confidence: Float[np.ndarray, "s n"]
    norm: Float[np.ndarray, "s n"]
    right: Bool[np.ndarray, "s n"]


class Regression(NamedTuple):
    """Of mean AVH on accuracy over networks: its slope per ten points of accuracy with the 95 % interval, and Pearson's
    and Spearman's coefficients, the former with its p-value."""

    slope: float
    low: float
    high: float
    pearson: float
    p: float
    spearman: float


def better_models(setup: StudySetup) -> StudyResult:
    """Mean AVH against accuracy over all bases and lengths of training."""
    lengths = list(dict.fromkeys(max(1, round(length * setup.epochs)) for length in LENGTHS))
    if len(setup.bases) * len(lengths) < FEWEST:
        raise InputError(
            f"base: {len(setup.bases)} found, expected {FEWEST // len(lengths)} or more for {setup.epochs} epochs"
        )
    networks = [network for name, base in setup.bases.items() for network in _trained(setup, name, base, lengths)]
    easy = np.all([network.right.all(0) for network in networks], 0)
    accuracy = np.array([np.mean(network.accuracy) for network in networks])
    masks = {ALL: np.ones_like(easy), EASY: easy, HARD: ~easy}
    means = {
        name: np.array([network.avh[:, mask].mean() for network in networks])
        for name, mask in masks.items()
        if mask.any()
    }
    regressions = {name: regression(accuracy, of_images) for name, of_images in means.items()}
    return StudyResult(
        _answer(len(networks), regressions),
        [
            {
                "network": network.base,
                "epochs": network.epochs,
                "A": round(float(accuracy[number]), 2),
                "AVH": round(float(means[ALL][number]), 4),
                "AVH easy": round(float(means[EASY][number]), 4) if EASY in means else None,
                "AVH hard": round(float(means[HARD][number]), 4) if HARD in means else None,
                "confidence": round(float(network.confidence.mean()), 3),
                "norm": round(float(network.norm.mean()), 2),
            }
            for number, network in enumerate(networks)
        ],
        lambda figure: _draw(figure, networks, accuracy, means, regressions),
        (
            f"{len(networks)} networks, {setup.seeds} seeds each; test images train no model; AVH of the true class",
            f"{int(easy.sum())} of {len(easy)} test images are recognised by every network and seed",
            "that AVH is lower where more images are recognised is nearly its definition, as the class of the smallest "
            "angle is predicted; on images that every network recognises it is not",
        ),
    )


def regression(accuracy: Float[np.ndarray, " n"], avh: Float[np.ndarray, " n"]) -> Regression:
    """Least squares over networks; NaN where either is constant."""
    if np.ptp(accuracy) == 0 or np.ptp(avh) == 0:
        return Regression(*[float("nan")] * 6)
    line: Any = stats.linregress(accuracy / 10, avh)
    half = float(stats.t.ppf(0.975, len(accuracy) - 2)) * line.stderr
    rank = correlation(Coefficient.spearman, accuracy, avh).coefficient
    return Regression(line.slope, line.slope - half, line.slope + half, line.rvalue, line.pvalue, rank)


def _trained(setup: StudySetup, name: str, base: MethodConfig, lengths: list[int]) -> Iterator[Network]:
    """The networks of one base."""
    harness = Harness(setup, base, Adaptation())
    method = harness.method
    if method.embedding is None:
        raise InputError(f"base: {name} found, which has no class weights or prototypes")
    embed: Any = jax.jit(method.embedding)
    measure: Any = jax.jit(hardness)
    for epochs in lengths:
        accuracy, values, right = [], [], []
        for seed in range(setup.seeds):
            setup.progress(f"{name}: {epochs} epochs, seed {seed}")
            state = harness.trained(seed, epochs=epochs)
            scores = harness.scores(state)
            predictor = method.predictor(state, harness.pool, harness.classes, harness.unseen)
            values.append(measure(scores, embed(predictor, harness.x, harness.candidates), harness.truth))
            right.append(scores.argmax(1) == harness.truth)
            accuracy.append(harness.metrics_of(scores)["A"])
        avh, confidence, norm = (
            np.stack([np.asarray(getattr(value, score)) for value in values]) for score in ("avh", "confidence", "norm")
        )
        yield Network(name, epochs, accuracy, avh, -confidence, -norm, np.stack(right))


def _answer(count: int, regressions: dict[str, Regression]) -> str:
    defined = [name for name, each in regressions.items() if not np.isnan(each.p)]
    corrected = dict(zip(defined, holm([regressions[name].p for name in defined]), strict=True))

    def words(name: str) -> str:
        each = regressions[name]
        return (
            f"slope {each.slope:+.4f} per ten points of accuracy (95 % interval {each.low:+.4f} to {each.high:+.4f}), "
            f"Pearson {each.pearson:.3f} (p = {corrected[name]:.2g}, Holm-corrected for {len(defined)}), Spearman "
            f"{each.spearman:.3f}"
        )

    def held(name: str) -> str:
        return verdict(regressions[name].slope < 0 and corrected[name] < SIGNIFICANT if name in corrected else None)

    return (
        f"Over {count} networks, that AVH falls as accuracy rises (observation 4): "
        + "; ".join(
            f"on {name} it {held(name)}{f' ({words(name)})' if name in corrected else ''}" for name in regressions
        )
        + "."
    )


def _draw(
    figure: Any,
    networks: list[Network],
    accuracy: Float[np.ndarray, " n"],
    means: dict[str, Float[np.ndarray, " n"]],
    regressions: dict[str, Regression],
) -> None:
    panels = figure.subplots(1, len(means), squeeze=False)[0]
    figure.set_size_inches(3.4 * len(means), 4.2)
    bases, lengths = (list(dict.fromkeys(values)) for values in zip(*[each[:2] for each in networks], strict=True))
    for axes, (name, of_images) in zip(panels, means.items(), strict=True):
        for network, x, y in zip(networks, accuracy, of_images, strict=True):
            shown = "o" if network.epochs == max(lengths) else "^"
            axes.plot(x, y, shown, color=COLOURS[bases.index(network.base) % len(COLOURS)])
        each = regressions[name]
        if not np.isnan(each.slope):
            ends = np.array([accuracy.min(), accuracy.max()])
            line = of_images.mean() + each.slope * (ends - accuracy.mean()) / 10
            axes.plot(ends, line, "--", color="grey", linewidth=1)
        axes.set_title(f"{name}\nr = {each.pearson:.2f}", fontsize="small")
        axes.set_xlabel("accuracy, mean over classes (%)", fontsize="small")
    panels[0].set_ylabel("mean AVH of the true class")
    for number, base in enumerate(bases):
        panels[0].plot([], [], "s", color=COLOURS[number % len(COLOURS)], label=base)
    for epochs in sorted(lengths):
        panels[0].plot([], [], "o" if epochs == max(lengths) else "^", color="grey", label=f"{epochs} epochs")
    figure.legend(ncols=6, loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "Do better models have better AVH? (AVH, section 3, observation 4)",
    better_models,
    ("cnn_narrow", "cnn", "cnn_deep", "resnet"),
    15,
    "digits_images",
)
