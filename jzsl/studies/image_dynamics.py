"""AVH paper, fig. 4, on images: norm, AVH, confidence and accuracy during training, by hardness.

Hardness is how often independently trained models recognise an image (agreement, in five bins), or by how much it was
degraded (contrast, blur, noise, occlusion, five levels each, and level 0). Columns: base, epoch, by (agreement, or the
degradation), bin (or level), samples, norm, avh and confidence with their standard deviations over samples, accuracy (a
share); means over the samples of the bin and over seeds.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from jzsl.errors import InputError
from jzsl.hardness.degradations.blur import blur
from jzsl.hardness.degradations.contrast import contrast
from jzsl.hardness.degradations.degrade import LEVELS, Degrade, degraded
from jzsl.hardness.degradations.noise import noise
from jzsl.hardness.degradations.occlusion import occlusion
from jzsl.hardness.dynamics import Dynamics, dynamics
from jzsl.keys import stream
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.report.figures import COLOURS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, verdict
from jzsl.studies.training_dynamics import BINS, EDGES, observations, of_all
from jzsl.tasks.adaptation import Adaptation

DEGRADATIONS: dict[str, Degrade] = {"contrast": contrast, "blur": blur, "noise": noise, "occlusion": occlusion}
DEGRADED = 100
"""Test images that are degraded, at most."""
VOTERS = 2
"""Models of each base whose agreement is measured."""
AGREEMENT = "agreement"
MEASURES = {"norm": "norm", "avh": "AVH", "confidence": "confidence", "accuracy": "accuracy"}


class Bin(NamedTuple):
    """A group of samples: what the hardness is measured by, its bin or level, and the number of samples."""

    by: str
    name: str
    samples: int


class Binned(NamedTuple):
    """The samples that are measured after every epoch.

    Attributes:
        x: test images, then degraded ones.
        label: column of each one's class.
        group: index of each one's bin.
        bins: in the order of the groups.
    """

    x: UInt8[np.ndarray, "n h w c"]
    label: Int[np.ndarray, " n"]
    group: Int[np.ndarray, " n"]
    bins: tuple[Bin, ...]


def image_dynamics(setup: StudySetup) -> StudyResult:
    """Per epoch and bin of hardness, of networks of rising accuracy, on test images of seen classes."""
    for name, base in setup.bases.items():
        if not isinstance(base, ImageClassifier):
            raise InputError(f"base: {name} ({type(base).__name__}) found, expected an ImageClassifier")
    samples, origin = setup.problem.samples, setup.problem.provenance.origin
    if samples.dtype != np.uint8:
        raise InputError(
            f"{origin}: {samples.dtype} samples of shape {samples.shape[1:]}, expected images, such as digits_images"
        )
    harnesses = {name: Harness(setup, base, Adaptation()) for name, base in setup.bases.items()}
    first = next(iter(harnesses.values()))
    frequency, source = agreement(setup, harnesses)
    binned = bins_of(first.x, first.truth, frequency)
    curves = {name: _train(setup, name, harness, binned) for name, harness in harnesses.items()}
    return StudyResult(
        _answer(curves, binned.bins),
        _rows(curves, binned.bins),
        lambda figure: _draw(figure, curves, binned.bins),
        (
            source,
            "degradations: each at five levels from 0.2 to 1, of the same test images; level 0 is undegraded",
            "test images train no model; AVH and confidence are of the true class; bands: one standard deviation over "
            "samples",
        ),
        ("base", "epoch", "by", "bin", "samples", "norm", "avh", "confidence", "accuracy"),
    )


def agreement(setup: StudySetup, harnesses: dict[str, Harness]) -> tuple[Float[np.ndarray, " n"], str]:
    """How often each test image is recognised by models that are not measured, and a note that says by which; or as
    measured, where the setup has a frequency."""
    if setup.frequency is not None:
        return setup.frequency[next(iter(harnesses.values())).samples], f"{AGREEMENT}: the frequency as measured"
    right = []
    for name, harness in harnesses.items():
        for seed in range(VOTERS):
            setup.progress(f"{name}: model {seed + 1} of {VOTERS} whose agreement is measured")
            half = jax.random.uniform(stream(jax.random.key(seed), "half"), harness.pool.w.shape) < 0.5
            pool = harness.pool._replace(w=jnp.where(half, harness.pool.w, 0))
            scores = harness.scores(harness.trained(setup.seeds + seed, pool), pool=pool)
            right.append(scores.argmax(1) == harness.truth)
    return np.mean(right, 0), (
        f"{AGREEMENT}: share of {len(right)} other models that recognise the image, {VOTERS} of each base, each "
        "trained on a random half of the training images"
    )


def bins_of(
    x: UInt8[np.ndarray, "n h w c"], label: Int[np.ndarray, " n"], frequency: Float[np.ndarray, " n"]
) -> Binned:
    """Test images in five bins of the frequency, then some of them degraded, by degradation and level."""
    position = np.clip(np.searchsorted(EDGES, frequency, side="right") - 1, 0, len(BINS) - 1)
    groups = [(AGREEMENT, BINS[number], np.flatnonzero(position == number)) for number in np.unique(position)]
    images, labels = [x[index] for _, _, index in groups], [label[index] for _, _, index in groups]
    bins = [Bin(by, name, len(index)) for by, name, index in groups]
    some, of_some = jnp.asarray(x[:DEGRADED]), label[:DEGRADED]
    for by, degrade in DEGRADATIONS.items():
        for level in (0.0, *LEVELS):
            images.append(np.asarray(degraded(degrade, stream(jax.random.key(0), by), some, level)))
            labels.append(of_some)
            bins.append(Bin(by, f"{level:g}", len(of_some)))
    group = np.repeat(np.arange(len(bins)), [each.samples for each in bins]).astype(np.int32)
    return Binned(np.concatenate(images), np.concatenate(labels).astype(np.int32), group, tuple(bins))


def _train(setup: StudySetup, name: str, harness: Harness, binned: Binned) -> Dynamics:
    """The measures after each epoch in each bin, [epochs, bins], means over seeds."""
    run = jax.jit(dynamics(harness.method, setup.epochs, len(binned.bins)))
    arrays = jax.device_put((binned.x, binned.label, binned.group, harness.candidates))
    of_seeds = []
    for seed in range(setup.seeds):
        setup.progress(f"{name}: seed {seed}")
        of_seeds.append(
            jax.tree.map(np.asarray, run(harness.untrained(seed), harness.pool, harness.classes, *arrays)[1])
        )
    return jax.tree.map(lambda *leaves: np.mean(leaves, 0), *of_seeds)


def _indices(bins: tuple[Bin, ...], by: str) -> list[int]:
    return [number for number, each in enumerate(bins) if each.by == by]


def _answer(curves: dict[str, Dynamics], bins: tuple[Bin, ...]) -> str:
    agreed = _indices(bins, AGREEMENT)
    held, words = [], []
    for name, mean in curves.items():
        of_base, sentence = observations(mean, agreed[0], agreed[-1])
        held.append(of_base)
        words.append(f"{name}: accuracy {100 * _overall(mean.accuracy, bins):.1f} %, {sentence}")
    harder = []
    for by in DEGRADATIONS:
        index = _indices(bins, by)
        rises = all((np.diff(mean.avh[-1, index]) > 0).all() for mean in curves.values())
        above = np.mean([mean.avh[:, index[-1]] > mean.avh[:, index[0]] for mean in curves.values()])
        harder.append(f"{by} {'at every level' if rises else 'not at every level'} ({above:.0%} of the epochs)")
    ranked = sorted(curves.values(), key=lambda mean: _overall(mean.accuracy, bins))
    better = bool((np.diff([_overall(mean.avh, bins) for mean in ranked]) < 0).all()) if len(ranked) > 1 else None
    grows, settles, gap = map(verdict, of_all(held))
    return (
        f"That the norm of easy images grows in every epoch (observation 1) {grows}; that AVH settles before it "
        f"(observation 2) {settles}; that hard images have the larger AVH in every epoch (observation 3) {gap}; that "
        f"networks of higher accuracy have the lower mean AVH (observation 4) {verdict(better)}. AVH rises with the "
        "degradation at the end, and the strongest is above none in this share of the epochs: "
        f"{', '.join(harder)}. {'; '.join(words)}."
    )


def _overall(values: Any, bins: tuple[Bin, ...]) -> float:
    """At the end, over all undegraded test images."""
    index = _indices(bins, AGREEMENT)
    return float(np.average(values[-1, index], weights=[bins[number].samples for number in index]))


def _rows(curves: dict[str, Dynamics], bins: tuple[Bin, ...]) -> list[dict[str, Any]]:
    return [
        {
            "base": name,
            "epoch": epoch + 1,
            "by": each.by,
            "bin": each.name,
            "samples": each.samples,
            **{key: round(float(value[epoch, number]), 4) for key, value in mean._asdict().items()},
        }
        for name, mean in curves.items()
        for epoch in range(len(mean.norm))
        for number, each in enumerate(bins)
    ]


def _draw(figure: Any, curves: dict[str, Dynamics], bins: tuple[Bin, ...]) -> None:
    panels = figure.subplots(len(curves) + 1, len(MEASURES), squeeze=False)
    figure.set_size_inches(11, 2.3 * len(curves) + 3.6)
    agreed, lines = _indices(bins, AGREEMENT), []
    for row, (name, mean) in zip(panels, curves.items(), strict=False):
        for axes, (measure, title) in zip(row, MEASURES.items(), strict=True):
            for number in agreed:
                values = getattr(mean, measure)[:, number]
                epochs, colour = np.arange(1, len(values) + 1), COLOURS[BINS.index(bins[number].name)]
                (line,) = axes.plot(epochs, values, color=colour, label=bins[number].name)
                lines += [line] if axes is panels[0, 0] else []
                if measure in ("norm", "avh"):
                    spread = getattr(mean, f"{measure}_std")[:, number]
                    axes.fill_between(epochs, values - spread, values + spread, color=colour, alpha=0.12)
            axes.set_xlabel("epoch", fontsize="small")
            axes.set_title(f"{title}, {name}", fontsize="small")
            if measure in ("confidence", "accuracy"):
                axes.set_ylim(-0.03, 1.03)
    panels[0, 2].legend(handles=lines, title="agreement", fontsize="x-small", title_fontsize="x-small", frameon=False)
    styles = ("-", "--", ":", "-.")
    for axes, (measure, title) in zip(panels[-1], MEASURES.items(), strict=True):
        for style, mean in zip(styles, curves.values(), strict=False):
            for colour, by in zip(COLOURS, DEGRADATIONS, strict=False):
                values = getattr(mean, measure)[-1, _indices(bins, by)]
                axes.plot((0, *LEVELS), values, style, color=colour)
        axes.set_xlabel("level of the degradation", fontsize="small")
        axes.set_title(f"{title}, last epoch", fontsize="small")
    for colour, by in zip(COLOURS, DEGRADATIONS, strict=False):
        panels[-1, 0].plot([], [], color=colour, label=by)
    for style, name in zip(styles, curves, strict=False):
        panels[-1, 0].plot([], [], style, color="black", label=name)
    handles, labels = panels[-1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=len(labels), loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "How do norm, AVH, confidence and accuracy change during training, by agreement and degradation? (AVH, fig. 4)",
    image_dynamics,
    ("cnn_narrow", "cnn", "resnet"),
    15,
    "digits_images",
)
