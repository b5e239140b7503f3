"""AVH paper, table 5: does the AVH loss generalize better than softmax to a domain that training never saw?

Each domain is left out once: its images, of the training and of the test split, are what is classified, and training
has those of the training split in the other domains. Samples that are no images, such as maps of frozen blocks, have no
colours to change, and rows of random colours are left out.

Columns: base, loss, domain (left out; "mean": of all), A (%, mean over seeds), std, values (one per seed), scale (s of
the AVH loss), held out (A of held-out source images with it, %).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from jzsl.data.holdout import holdout_samples
from jzsl.errors import InputError
from jzsl.interfaces import MethodConfig
from jzsl.methods.image_classifier import ImageClassifier
from jzsl.methods.losses import AVHLoss, SoftmaxLoss
from jzsl.problem.problem import Problem
from jzsl.problem.splits import NONE, Splits
from jzsl.report.figures import COLOURS
from jzsl.studies.harness import Harness
from jzsl.studies.study import Difference, Seeds, Study, StudyResult, StudySetup, claim, compare, seed_columns
from jzsl.tasks.adaptation import Adaptation
from jzsl.training.augment.augment import Sequence
from jzsl.training.augment.colour import ColourJitter
from jzsl.training.augment.grey import RandomGrey
from jzsl.types import UNLABELLED

SCALES = (4.0, 8.0, 16.0, 32.0, 64.0)
"""Values of s among which held-out source images choose."""
HELD_OUT = 0.2
"""Share of each class's source images that chooses s."""
COLOURS_CHANGED = Sequence((ColourJitter(0.4, 0.4, 0.4, 0.1), RandomGrey(0.2)))
"""The control: random colours make the colours of a domain say less about its images."""
SOFTMAX, AVH = "softmax", "AVH"
CHANGED = " + colours"
MEAN = "mean"
_Key = tuple[str, str, str]
"""Base, loss, domain."""


@dataclass(frozen=True)
class Scale:
    """The s chosen for a base and a domain that is left out, and the accuracy of held-out source images with it, %."""

    scale: float
    held_out: float


def domain_generalization(setup: StudySetup) -> StudyResult:
    """Accuracy in each domain that training never saw, by loss, with and without random colours."""
    problem, bases = setup.problem, _bases(setup)
    values: dict[_Key, Seeds] = {}
    scales: dict[tuple[str, str], Scale] = {}
    for name, base in bases.items():
        programs = _Programs(setup)
        for target in problem.domain_names:
            setup.progress(f"{name}: {target} left out, choice of s")
            scales[name, target] = _scale(setup, programs, base, target)
            for loss, method in variants(base, scales[name, target].scale, has_colours(problem)).items():
                setup.progress(f"{name}: {target} left out, {loss}")
                values[name, loss, target] = programs.accuracies(method, leave_one_out(problem, target), setup.seeds)
        for loss in dict.fromkeys(loss for base, loss, _ in values if base == name):
            of_domains = [values[name, loss, target] for target in problem.domain_names]
            values[name, loss, MEAN] = np.mean(of_domains, 0).tolist()
    return _result(setup, values, scales)


def leave_one_out(problem: Problem, target: str) -> Problem:
    """The problem whose training samples are those of the other domains, and whose test samples are all of the target.

    Test samples of the other domains are left out.
    """
    domains = _domains(problem)
    inside = domains == problem.domain_names.index(target)
    splits = problem.splits
    train = splits.train[~inside[splits.train]]
    test = np.union1d(splits.train, splits.test_seen)
    known = np.isin(problem.labels[test], problem.labels[train])
    return replace(
        problem,
        splits=Splits(train, test[inside[test] & known], NONE, NONE, NONE),
        provenance=problem.provenance._replace(name=f"{problem.provenance.name} ({target} left out)"),
    )


def held_out(problem: Problem) -> Problem:
    """A fifth of each class's training samples as the test samples."""
    chosen = holdout_samples(problem.splits.train, problem.labels, HELD_OUT)
    splits = Splits(np.setdiff1d(problem.splits.train, chosen), chosen, NONE, NONE, NONE)
    return replace(problem, splits=splits)


def has_colours(problem: Problem) -> bool:
    """Whether the samples are images, of which colours can be changed."""
    return problem.samples.dtype == np.uint8


def variants(base: ImageClassifier, scale: float, colours: bool) -> dict[str, ImageClassifier]:
    """The method of each row, where there are colours the control, too."""
    losses = {SOFTMAX: SoftmaxLoss(), AVH: AVHLoss(scale)}
    methods = {name: replace(base, loss=loss) for name, loss in losses.items()}
    if not colours:
        return methods
    changed = Sequence((base.augment, COLOURS_CHANGED))
    return methods | {f"{name}{CHANGED}": replace(base, loss=loss, augment=changed) for name, loss in losses.items()}


class _Programs:
    """Trains methods on problems; pools are padded to one size, so that each method is compiled once."""

    def __init__(self, setup: StudySetup):
        self._setup = setup
        self._capacity = len(setup.problem.splits.train)
        self._queries = max(
            len(leave_one_out(setup.problem, target).splits.test_seen) for target in setup.problem.domain_names
        )
        self._harnesses: dict[MethodConfig, Harness] = {}

    def accuracies(self, method: MethodConfig, problem: Problem, seeds: int) -> Seeds:
        """Mean accuracy over classes of the test samples, in percent, for each seed."""
        if method not in self._harnesses:
            self._harnesses[method] = Harness(self._setup, method, Adaptation(), problem=problem)
        harness = self._harnesses[method].on(problem)
        x, y, w = harness.pool.x, harness.pool.y, harness.pool.w
        pool = harness.pool._replace(
            x=_padded(x, self._capacity, 0), y=_padded(y, self._capacity, UNLABELLED), w=_padded(w, self._capacity, 0)
        )
        queries = _padded(harness.x, self._queries, 0)
        values = []
        for seed in range(seeds):
            scores = harness.scores(harness.trained(seed, pool), pool=pool, x=queries)[: len(harness.x)]
            values.append(harness.metrics_of(scores)["A"])
        return values


def _padded(values: Any, length: int, value: int) -> np.ndarray:
    values = np.asarray(values)
    rest = np.full((max(0, length - len(values)), *values.shape[1:]), value, values.dtype)
    return np.concatenate([values, rest])


def _scale(setup: StudySetup, programs: _Programs, base: ImageClassifier, target: str) -> Scale:
    """The s with the highest accuracy of held-out images of the source domains, by the first seed."""
    sources = held_out(leave_one_out(setup.problem, target))
    accuracy = {scale: programs.accuracies(replace(base, loss=AVHLoss(scale)), sources, 1)[0] for scale in SCALES}
    best = max(accuracy, key=lambda scale: accuracy[scale])
    return Scale(best, accuracy[best])


def _bases(setup: StudySetup) -> dict[str, ImageClassifier]:
    """The image classifiers of the study, whose loss is exchanged.

    Raises:
        InputError: naming a base that is none, data that have one domain or unseen classes.
    """
    problem, origin = setup.problem, setup.problem.provenance.origin
    if problem.domains is None or len(problem.domain_names) < 2:
        number = "none" if problem.domains is None else "only one"
        raise InputError(f"{origin}: domains: {number} found, expected two or more, each of which is left out once")
    if len(problem.splits.test_unseen):
        raise InputError(f"{origin}: splits.test_unseen: samples found, expected none: domains share their classes")
    training = _domains(problem)[problem.splits.train]
    for number, name in enumerate(problem.domain_names):
        if number not in training:
            raise InputError(
                f"{origin}: domains: no training samples in {name!r}, expected some in every domain: data that name "
                "a target or sources leave domains out already"
            )
    for target in problem.domain_names:
        if not len(leave_one_out(problem, target).splits.test_seen):
            raise InputError(f"{origin}: domains: no class of {target!r} has training samples in another domain")
    bases = {}
    for name, base in setup.bases.items():
        if not isinstance(base, ImageClassifier):
            raise InputError(f"base: {name} ({type(base).__name__}) found, expected an ImageClassifier")
        bases[name] = base
    return bases


def _domains(problem: Problem) -> Int[np.ndarray, " n"]:
    assert problem.domains is not None
    return problem.domains


def _result(setup: StudySetup, values: dict[_Key, Seeds], scales: dict[tuple[str, str], Scale]) -> StudyResult:
    compared = {
        "AVH against softmax": (AVH, SOFTMAX),
        "the same with random colours": (AVH + CHANGED, SOFTMAX + CHANGED),
        "random colours against none, softmax": (SOFTMAX + CHANGED, SOFTMAX),
    }
    differences = compare(
        {
            (name, words): (values[name, first, MEAN], values[name, second, MEAN])
            for name in setup.bases
            for words, (first, second) in compared.items()
            if (name, first, MEAN) in values
        }
    )
    rows = []
    for (name, loss, target), of_seeds in values.items():
        chosen = scales.get((name, target)) if loss.startswith(AVH) else None
        rows.append(
            {
                "base": name,
                "loss": loss,
                "domain": target,
                **seed_columns(of_seeds, "A"),
                "scale": None if chosen is None else chosen.scale,
                "held out": None if chosen is None else round(chosen.held_out, 2),
            }
        )
    colours = has_colours(setup.problem)
    notes = (
        f"{setup.epochs} epochs; each domain is left out once: no image of it trains, fits or chooses anything",
        f"s is the one of {', '.join(f'{scale:g}' for scale in SCALES)} with the highest A of a held-out fifth of "
        f"the source images, first seed{', without random colours' if colours else ''}; the paper's s is in an "
        "appendix not at hand",
    )
    control = (
        "colours: brightness, contrast and saturation by up to 0.4, hue by up to 0.1, a fifth of the images grey; "
        "the control: what plain augmentation gives",
    )
    return StudyResult(
        _answer(setup, values, differences),
        rows,
        lambda figure: _draw(figure, setup, values),
        (*notes, *(control if colours else ())),
        ("base", "loss", "domain", "A", "std", "scale"),
    )


def _answer(setup: StudySetup, values: dict[_Key, Seeds], differences: dict[tuple[str, str], Difference]) -> str:
    main = [differences[name, "AVH against softmax"] for name in setup.bases]
    words = []
    for name in setup.bases:
        means = ", ".join(
            f"{loss} {np.mean(values[name, loss, MEAN]):.1f} %"
            for loss in dict.fromkeys(loss for base, loss, _ in values if base == name)
        )
        tests = "; ".join(f"{what} {difference}" for (of, what), difference in differences.items() if of == name)
        words.append(f"{name}: {means}; {tests}")
    return (
        "That the AVH loss generalizes better than softmax on the mean of the domains, each left out once, "
        f"{claim(main)}. {'. '.join(words)}."
    )


def _draw(figure: Any, setup: StudySetup, values: dict[_Key, Seeds]) -> None:
    panels = np.atleast_1d(figure.subplots(1, len(setup.bases), sharey=True))
    names: list[str] = [*setup.problem.domain_names, MEAN]
    losses = list(dict.fromkeys(loss for _, loss, _ in values))
    width = 0.8 / len(losses)
    for axes, base in zip(panels, setup.bases, strict=True):
        for number, loss in enumerate(losses):
            of_loss = [values[base, loss, name] for name in names]
            spread = [np.std(of, ddof=1) if len(of) > 1 else 0.0 for of in of_loss]
            position = np.arange(len(names)) + (number - (len(losses) - 1) / 2) * width
            axes.bar(position, [np.mean(of) for of in of_loss], 0.92 * width, yerr=spread, capsize=2,
                     label=loss if axes is panels[0] else None, color=COLOURS[number])  # fmt: skip
        axes.axvline(len(names) - 1.5, color="black", linewidth=0.8)
        axes.set_xticks(range(len(names)), [name.replace("_", "\n") for name in names], fontsize="small")
        axes.set_xlabel("domain left out")
        axes.set_title(base, fontsize="medium")
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("accuracy in it, mean over classes (%)")
    figure.legend(title="loss", ncols=len(losses), loc="outside lower center", frameon=False, fontsize="small")


STUDY = Study(
    "Does the AVH loss generalize better than softmax to a domain that training never saw? (AVH, table 5)",
    domain_generalization,
    ("cnn", "resnet"),
    20,
    "digits_domains",
)
