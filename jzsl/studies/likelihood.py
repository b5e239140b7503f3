"""How probable are held-out seen rows under each generator? Annealed importance sampling; no paper reports it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jzsl.errors import InputError
from jzsl.report.figures import COLOURS
from jzsl.sampling.annealed_importance import annealed_importance
from jzsl.studies.study import Finding, Setting, group_rows, only_generative
from jzsl.studies.training_epochs import Trainee

ROWS, CHAINS, TEMPERATURES = 100, 8, 300
_AT_ONCE = 4


def likelihood(setting: Setting) -> Finding:
    """log p(X | C), in nats a feature, of random test rows of seen classes, under generators that have a density."""
    problem = setting.problem
    rows = problem.splits.test_seen
    if not len(rows):
        raise InputError(f"{problem.provenance.origin}: splits.test_seen: no rows of seen classes are held out")
    rows = np.sort(np.random.default_rng(0).choice(rows, min(ROWS, len(rows)), replace=False))
    values: dict[tuple[str, str], list[float]] = {}
    effective: dict[str, list[float]] = {}
    for name, base in only_generative(setting).items():
        generator = base.generator.build()
        model_of = generator.latent_model
        if model_of is None:
            continue
        trainee = Trainee(problem, base, setting.transform)
        x = jnp.asarray(trainee.view.transform(problem.samples[rows], None))
        semantics = trainee.classes.semantics[problem.labels[rows]]

        def estimate(state, key, x, semantics, model_of=model_of):
            def one(given):
                key, x, semantics = given
                return annealed_importance(key, model_of(state, semantics), x, None, CHAINS, TEMPERATURES)

            return jax.lax.map(one, (jax.random.split(key, len(x)), x, semantics), batch_size=_AT_ONCE)

        compiled: Any = jax.jit(estimate)
        for seed in range(setting.seeds):
            setting.tell(f"{name}: seed {seed}")
            state = trainee.trained(seed, setting.epochs).generator
            found = compiled(state, jax.random.key(seed), x, semantics)
            values.setdefault((name, "held-out"), []).append(float(found.log_likelihood.mean()) / x.shape[1])
            effective.setdefault(name, []).append(float(found.effective.mean()))
    names = list(effective)
    if not names:
        raise InputError("base: none of these generators has a density; choose abp or cvae")
    best = max(names, key=lambda name: np.mean(values[name, "held-out"]))
    words = "; ".join(
        f"{name} {np.mean(values[name, 'held-out']):.4f} ({np.mean(effective[name]):.1f} of {CHAINS} chains effective)"
        for name in names
    )

    def draw(figure):
        axes = figure.subplots()
        for place, name in enumerate(names):
            found = values[name, "held-out"]
            axes.plot(np.full(len(found), place), found, "o", color=COLOURS[place], alpha=0.5)
            axes.plot([place - 0.15, place + 0.15], [np.mean(found)] * 2, color=COLOURS[place], linewidth=2)
            axes.annotate(f"{np.mean(found):.4f}", (place + 0.18, float(np.mean(found))), va="center")
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.25)
        axes.set_ylabel("log p(X | C) of held-out seen rows (nats a feature)")
        axes.set_xlabel("dots: seeds; lines: their means")

    return Finding(
        "How probable are held-out rows of seen classes under each generator?",
        f"Most probable under {best}. log p(X | C), nats a feature: {words}.",
        group_rows(values, "nats a feature", digits=4),
        draw,
        (
            f"{len(rows)} test rows of seen classes, {setting.epochs} epochs; annealed importance sampling, {CHAINS} "
            f"chains, {TEMPERATURES} temperatures; each generator's own sigma",
        ),
    )
