"""How probable are held-out seen samples under each generator? Annealed importance sampling; no paper reports it.

Columns: base, group (held-out), nats a feature (log p(X | C) divided by the number of features, mean over samples and
seeds), std, values (one per seed).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jzsl.errors import InputError
from jzsl.methods.generative import Generative
from jzsl.report.figures import COLOURS
from jzsl.sampling.annealed_importance import annealed_importance
from jzsl.studies.harness import Harness
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, group_rows, only_generative

SAMPLES, CHAINS, TEMPERATURES = 100, 8, 300
_SAMPLES_PER_BLOCK = 4


def likelihood(setup: StudySetup) -> StudyResult:
    """log p(X | C) of random test samples of seen classes, under the generators that have a density."""
    problem = setup.problem
    samples = problem.splits.test_seen
    if not len(samples):
        raise InputError(f"{problem.provenance.origin}: splits.test_seen: no samples of seen classes are held out")
    samples = np.sort(np.random.default_rng(0).choice(samples, min(SAMPLES, len(samples)), replace=False))
    values: dict[tuple[str, str], Seeds] = {}
    effective: dict[str, Seeds] = {}
    for name, base in only_generative(setup).items():
        if base.generator.build().latent_model is not None:
            values[name, "held-out"], effective[name] = _estimates(setup, name, base, samples)
    if not effective:
        raise InputError("base: none of these generators has a density; choose abp or cvae")
    best = max(effective, key=lambda name: np.mean(values[name, "held-out"]))
    words = "; ".join(
        f"{name} {np.mean(values[name, 'held-out']):.4f} ({np.mean(of_seeds):.1f} of {CHAINS} chains effective)"
        for name, of_seeds in effective.items()
    )
    return StudyResult(
        f"Most probable under {best}. log p(X | C), nats per feature: {words}.",
        group_rows(values, "nats a feature", digits=4),
        lambda figure: _draw(figure, {name: values[name, "held-out"] for name in effective}),
        (
            f"{len(samples)} test samples of seen classes, {setup.epochs} epochs; annealed importance sampling, "
            f"{CHAINS} chains, {TEMPERATURES} temperatures; sigma as each generator has it",
        ),
    )


def _estimates(setup: StudySetup, name: str, base: Generative, samples: Int[np.ndarray, " n"]) -> tuple[Seeds, Seeds]:
    """Mean log-likelihood in nats per feature, and mean number of effective chains, of every seed."""
    harness = Harness(setup, base)
    model_of: Any = base.generator.build().latent_model
    x = jnp.asarray(harness.scaled(setup.problem.samples[samples]))
    semantics = harness.classes.required_semantics[setup.problem.labels[samples]]

    def estimate(state, key, x, semantics):
        def one(sample):
            key, x, semantics = sample
            return annealed_importance(key, model_of(state, semantics), x, None, CHAINS, TEMPERATURES)

        return jax.lax.map(one, (jax.random.split(key, len(x)), x, semantics), batch_size=_SAMPLES_PER_BLOCK)

    compiled: Any = jax.jit(estimate)
    values, effective = [], []
    for seed in range(setup.seeds):
        setup.progress(f"{name}: seed {seed}")
        state: Any = harness.trained(seed)
        estimates = compiled(state.generator, jax.random.key(seed), x, semantics)
        values.append(float(estimates.log_likelihood.mean()) / x.shape[1])
        effective.append(float(estimates.effective.mean()))
    return values, effective


def _draw(figure: Any, values: dict[str, Seeds]) -> None:
    axes = figure.subplots()
    for number, (colour, of_seeds) in enumerate(zip(COLOURS, values.values(), strict=False)):
        mean = float(np.mean(of_seeds))
        axes.plot(np.full(len(of_seeds), number), of_seeds, "o", color=colour, alpha=0.5)
        axes.plot([number - 0.15, number + 0.15], [mean] * 2, color=colour, linewidth=2)
        axes.annotate(f"{mean:.4f}", (number + 0.18, mean), va="center")
    axes.set_xticks(range(len(values)), list(values))
    axes.set_xlim(-0.5, len(values) - 0.25)
    axes.set_ylabel("log p(X | C) of held-out seen samples (nats per feature)")
    axes.set_xlabel("dots: seeds; lines: their means")


STUDY = Study("How probable are held-out samples of seen classes under each generator?", likelihood, ("abp", "cvae"))
