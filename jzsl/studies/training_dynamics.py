"""AVH paper, fig. 4: norm, AVH and accuracy during training, by how often a sample is recognised.

Columns: base, epoch, frequency (bin), samples (in the bin), norm and avh with their standard deviations over samples,
accuracy (a share); means over the samples of the bin and over seeds.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jzsl.errors import InputError
from jzsl.hardness.dynamics import dynamics
from jzsl.keys import stream
from jzsl.methods.supervised import Supervised
from jzsl.report.figures import COLOURS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Study, StudyResult, StudySetup, verdict
from jzsl.tasks.adaptation import Adaptation

EDGES = np.linspace(0, 1, 6)
BINS = [f"{low:.1f} to {high:.1f}" for low, high in itertools.pairwise(EDGES)]
_MODELS = 10
_PLATEAU = 0.9
"""Share of its whole change after which a quantity counts as settled."""


def training_dynamics(setup: StudySetup) -> StudyResult:
    """Per epoch and bin of frequency, of supervised models of the seen classes on their test samples."""
    for name, base in setup.bases.items():
        if not isinstance(base, Supervised):
            raise InputError(f"base: {name} found, expected a supervised method")
    frequency, source = recognition_frequency(setup)
    group = np.clip(np.searchsorted(EDGES, frequency, side="right") - 1, 0, len(BINS) - 1).astype(np.int32)
    samples = {number: int((group == number).sum()) for number in range(len(BINS)) if (group == number).any()}
    curves, words, held = {}, [], []
    for name in setup.bases:
        curves[name] = _train(setup, name, group)
        of_base, sentence = observations(curves[name], min(samples), max(samples))
        held.append(of_base)
        words.append(f"{name}: {sentence}")
    grows, settles, gap = map(verdict, of_all(held))
    return StudyResult(
        f"That the norm of easy samples grows in every epoch (observation 1) {grows}; that AVH settles before it "
        f"(observation 2) {settles}; that hard samples have the larger AVH in every epoch (observation 3) {gap}. "
        f"{'; '.join(words)}.",
        _rows(curves, samples),
        lambda figure: _draw(figure, curves, list(samples)),
        (
            source,
            "test samples of seen classes, which train no model; AVH of the true class; bands: one standard deviation "
            "over samples",
        ),
        ("base", "epoch", "frequency", "samples", "norm", "avh", "accuracy"),
    )


def recognition_frequency(setup: StudySetup) -> tuple[Float[np.ndarray, " n"], str]:
    """How often each test sample of a seen class is recognised, and a note that says by whom.

    As measured in the setup, or else the share of linear models that are right, each trained on a random half of the
    training samples.
    """
    harness = Harness(setup, Supervised(hidden=None), Adaptation())
    if setup.frequency is not None:
        return setup.frequency[harness.samples], "frequency: as measured"
    setup.progress("models on random halves")
    right = []
    for seed in range(_MODELS):
        half = jax.random.uniform(stream(jax.random.key(seed), "half"), harness.pool.w.shape) < 0.5
        pool = harness.pool._replace(w=jnp.where(half, harness.pool.w, 0))
        scores = harness.scores(harness.trained(seed, pool), pool=pool)
        right.append(scores.argmax(1) == harness.truth)
    note = f"frequency: share of {_MODELS} linear models right, each trained on a random half of the training samples"
    return np.mean(right, 0), note


def _train(setup: StudySetup, name: str, group: Int[np.ndarray, " n"]) -> Any:
    """The measures after each epoch in each bin, [epochs, bins], means over seeds."""
    harness = Harness(setup, setup.bases[name], Adaptation())
    run = jax.jit(dynamics(harness.method, setup.epochs, len(BINS)))
    of_seeds = []
    for seed in range(setup.seeds):
        setup.progress(f"{name}: seed {seed}")
        state = harness.method.init(jax.random.key(seed), harness.pool, harness.classes)
        arrays = jax.device_put((harness.x, harness.truth, group, harness.seen))
        of_seeds.append(jax.tree.map(np.asarray, run(state, harness.pool, harness.classes, *arrays)[1]))
    return jax.tree.map(lambda *leaves: np.mean(leaves, 0), *of_seeds)


def observations(mean: Any, hard: int, easy: int) -> tuple[list[bool | None], str]:
    """Whether the paper's three observations hold for the hardest and the easiest bin, and a sentence on them.

    All are undefined (None) where these are the same bin, and the first two after a single epoch.
    """
    norm, avh = (settled(values[:, easy]) for values in (mean.norm, mean.avh))
    several, trained = hard != easy, hard != easy and len(mean.norm) > 1
    held = [
        bool((np.diff(mean.norm[:, easy]) > 0).all()) if trained else None,
        avh < norm if trained else None,
        bool((mean.avh[:, hard] > mean.avh[:, easy]).all()) if several else None,
    ]
    growth = 100 * (mean.norm[-1, easy] / mean.norm[0, easy] - 1)
    return held, (
        f"on the easiest samples AVH has made 90 % of its change after {avh} epochs, the norm after {norm} of "
        f"{len(mean.norm)}, growing by {growth:.0f} % in all"
    )


def of_all(held: Sequence[Sequence[bool | None]]) -> list[bool | None]:
    """Whether each observation holds for every base; None where it is undefined for one."""
    return [None if None in each else all(each) for each in zip(*held, strict=True)]


def settled(values: Float[np.ndarray, " epochs"]) -> int:
    """Epochs after which a quantity stays within a tenth of its whole range of where it ends."""
    away = np.abs(values - values[-1]) > (1 - _PLATEAU) * np.ptp(values)
    return int(np.flatnonzero(away)[-1]) + 2 if away.any() else 1


def _rows(curves: dict[str, Any], samples: dict[int, int]) -> list[dict[str, Any]]:
    return [
        {
            "base": name,
            "epoch": epoch + 1,
            "frequency": BINS[number],
            "samples": count,
            **{key: round(float(value[epoch, number]), 5) for key, value in mean._asdict().items()},
        }
        for name, mean in curves.items()
        for epoch in range(len(mean.norm))
        for number, count in samples.items()
    ]


def _draw(figure: Any, curves: dict[str, Any], bins: list[int]) -> None:
    titles = {"norm": "length of the embedding", "avh": "AVH", "accuracy": "accuracy"}
    panels = figure.subplots(len(curves), 3, squeeze=False)
    figure.set_size_inches(9, 3.2 * len(curves) + 0.8)
    for line, (name, mean) in zip(panels, curves.items(), strict=True):
        for axes, (measure, title) in zip(line, titles.items(), strict=True):
            for number in bins:
                values = getattr(mean, measure)[:, number]
                epochs = np.arange(1, len(values) + 1)
                label = BINS[number] if axes is panels[0, 0] else None
                axes.plot(epochs, values, color=COLOURS[number], label=label)
                if measure != "accuracy":
                    spread = getattr(mean, f"{measure}_std")[:, number]
                    axes.fill_between(epochs, values - spread, values + spread, color=COLOURS[number], alpha=0.12)
            axes.set_xlabel("epoch")
            axes.set_ylabel(f"{title} ({name})" if len(curves) > 1 else title)
    figure.legend(title="frequency", ncols=5, loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "How do norm, AVH and accuracy change during training? (AVH, fig. 4)", training_dynamics, ("supervised",), 30
)
