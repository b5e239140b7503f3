"""AVH paper, section 4: its four hypotheses and table 2, from scores and a frequency over the same samples."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jzsl.hardness.correlation import (
    UNDEFINED,
    Coefficient,
    Difference,
    bootstrap_interval,
    correlation,
    dependent_difference,
    independent_difference,
    no_correlation,
)
from jzsl.metrics.holm import holm
from jzsl.studies.study import SIGNIFICANT, verdict


class Association(NamedTuple):
    """How a score of hardness goes with the frequency, for one base.

    Attributes:
        coefficient: minus Spearman's, mean over seeds: positive where what the score calls easy has a high frequency.
        test: of it against none.
    """

    coefficient: float
    test: Difference


def association(score: Float[np.ndarray, "s n"], frequency: Float[np.ndarray, "s n"]) -> Association:
    """Of a score with the frequency, from those of every seed and sample."""
    coefficient = -_mean_correlation(Coefficient.spearman, score, frequency)
    return Association(coefficient, no_correlation(coefficient, frequency.shape[1]))


def associations_answer(associations: dict[str, dict[str, Association]]) -> str:
    """Hypotheses 1, 2 and 4 over all bases, the p-values corrected by Holm's method for all of them.

    Args:
        associations: of each base and of the scores "AVH", "confidence" and "norm".
    """
    every = {(base, score): of for base, scores in associations.items() for score, of in scores.items()}
    defined = [key for key, of in every.items() if not np.isnan(of.test.p)]
    corrected = dict(zip(defined, holm([every[key].test.p for key in defined]), strict=True))

    def words(score: str) -> str:
        return "; ".join(
            f"{base} {every[base, score].coefficient:.3f}, p = {corrected[base, score]:.2g}"
            if (base, score) in corrected
            else f"{base} undefined"
            for base in associations
        )

    def significant(score: str, sign: int | None = None) -> list[bool]:
        return [
            corrected[base, score] < SIGNIFICANT and (sign is None or sign * every[base, score].coefficient > 0)
            for base in associations
            if (base, score) in corrected
        ]

    def held(values: list[bool]) -> str:
        return verdict(all(values) if len(values) == len(associations) else None)

    return (
        f"That AVH of the true class goes with the frequency (hypothesis 1) {held(significant('AVH', 1))} "
        f"({words('AVH')}); that the model confidence does (hypothesis 2) {held(significant('confidence', 1))} "
        f"({words('confidence')}); that the norm, scaled within each class, does not (hypothesis 4) "
        f"{held([not value for value in significant('norm')])} ({words('norm')})."
    )


class Lead(NamedTuple):
    """By how much AVH goes more with the frequency than the model confidence does, for one base.

    Attributes:
        avh, confidence: minus the coefficient with the frequency, as hard samples have a low one; means over
            seeds.
        test: of their difference, on the same samples.
        independent: the paper's test, as if on two samples.
        interval: 95 % interval of the difference; None where the test is undefined.
    """

    avh: float
    confidence: float
    test: Difference
    independent: Difference
    interval: tuple[float, float] | None


def lead(
    avh: Float[np.ndarray, "s n"],
    confidence: Float[np.ndarray, "s n"],
    frequency: Float[np.ndarray, "s n"],
    kind: Coefficient = Coefficient.spearman,
    resamples: int = 500,
) -> Lead:
    """The lead of AVH over the model confidence, from both scores and the frequency of every seed and sample.

    Kendall's coefficient has an interval but no test.
    """
    samples = frequency.shape[1]
    first, second = (-_mean_correlation(kind, value, frequency) for value in (avh, confidence))
    independent = independent_difference(first, second, samples, samples)
    test = UNDEFINED
    if kind is not Coefficient.kendall:
        test = dependent_difference(first, second, _mean_correlation(kind, avh, confidence), samples, kind)
    if np.isnan(independent.p if kind is Coefficient.kendall else test.p):
        return Lead(first, second, test, independent, None)
    interval = bootstrap_interval(kind, -avh, frequency, -confidence, resamples=resamples)
    return Lead(first, second, test, independent, interval)


def table_2(
    avh: Float[np.ndarray, "s n"], confidence: Float[np.ndarray, "s n"], frequency: Float[np.ndarray, "s n"]
) -> str:
    """Pearson's and Kendall's coefficients of both scores, with tests for the same samples and the paper's for
    independent ones; Spearman's are in the answer."""
    words = []
    for kind in (Coefficient.pearson, Coefficient.kendall):
        of_kind = lead(avh, confidence, frequency, kind, resamples=100)
        if of_kind.interval is None:
            words.append(f"{kind.name} undefined")
            continue
        test = "" if np.isnan(of_kind.test.p) else f"z = {of_kind.test.z:.2f}, p = {of_kind.test.p:.2g}, "
        low, high = of_kind.interval
        words.append(
            f"{kind.name} {of_kind.avh:.3f} against {of_kind.confidence:.3f} ({test}95 % interval of the lead "
            f"{low:.3f} to {high:.3f}; as if independent z = {of_kind.independent.z:.2f})"
        )
    return "; ".join(words)


def answer(leads: dict[str, Lead]) -> str:
    """Whether AVH leads significantly with every base, the p-values corrected by Holm's method for the bases."""
    tested = {name: of_base.test.p for name, of_base in leads.items() if of_base.interval is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    many = f", Holm-corrected for {len(tested)} bases" if len(tested) > 1 else ""
    words = []
    for name, of_base in leads.items():
        if of_base.interval is None:
            words.append(f"{name}: undefined, for a score or the frequency is constant")
            continue
        low, high = of_base.interval
        words.append(
            f"{name}: {of_base.avh:.3f} with AVH, {of_base.confidence:.3f} with the model confidence (dependent test "
            f"z = {of_base.test.z:.2f}, p = {corrected[name]:.2g}{many}; 95 % interval of the lead {low:.3f} to "
            f"{high:.3f}; the paper's independent test z = {of_base.independent.z:.2f})"
        )
    held = all(leads[name].test.z > 0 and p < SIGNIFICANT for name, p in corrected.items())
    return (
        f"That AVH of the true class goes more with the frequency than the model confidence does (hypothesis 3) "
        f"{verdict(held if len(tested) == len(leads) else None)}: {'; '.join(words)}."
    )


def _mean_correlation(kind: Coefficient, a: np.ndarray, b: np.ndarray) -> float:
    """Averaged over seeds; NaN if any is."""
    return float(np.mean([correlation(kind, *pair).coefficient for pair in zip(a, b, strict=True)]))
