"""ABP paper, fig. 5: what do more seen classes change?"""

from dataclasses import replace

import numpy as np

from jzsl.errors import InputError
from jzsl.evaluation.protocol import NUMBERS, Protocol
from jzsl.problem.problem import Problem
from jzsl.report.figures import COLOURS
from jzsl.studies.study import Finding, Setting, compared, only_generative
from jzsl.studies.training_epochs import Trainee
from jzsl.types import Task

SHARES = (0.25, 0.5, 0.75, 1.0)


def seen_classes(setting: Setting) -> Finding:
    """U, S, H and the area under the curve when a random share of the seen classes has rows; unseen ones stay."""
    problem = setting.problem
    if not len(problem.splits.test_seen):
        raise InputError(f"{problem.provenance.origin}: splits.test_seen: no rows, so seen classes have no score")
    values: dict[tuple[str, int], list[dict[str, float]]] = {}
    for name, base in only_generative(setting).items():
        trainee = Trainee(problem, base, setting.transform, Task.gzsl)
        for seed in range(setting.seeds):
            order = np.random.default_rng(seed).permutation(problem.seen_classes)
            for share in SHARES:
                count = max(2, round(share * len(order)))
                setting.tell(f"{name}: seed {seed}, {count} seen classes")
                part = with_seen(problem, order[:count])
                kept = np.isin(trainee.view.pool.y, order[:count])
                pool = trainee.pool._replace(w=np.where(kept, trainee.view.pool.w, 0).astype(np.int32))
                seen = np.isin(np.arange(len(problem.class_names)), order[:count])
                classes = trainee.classes._replace(seen=seen)
                state = trainee.trained(seed, setting.epochs, pool, classes)
                numbers = trainee.score(state, base, pool, classes, Protocol(part, trainee.view))
                values.setdefault((name, count), []).append(numbers)
    names = list(dict.fromkeys(name for name, _ in values))
    counts = sorted({count for _, count in values})

    def means(name: str, number: str) -> np.ndarray:
        return np.array([np.mean([found[number] for found in values[name, count]]) for count in counts])

    words = [
        f"{name}: S {means(name, 'S')[0]:.1f} to {means(name, 'S')[-1]:.1f} %, U {means(name, 'U')[0]:.1f} to "
        f"{means(name, 'U')[-1]:.1f} %, area under the curve {means(name, 'AUSUC')[0]:.1f} to "
        f"{means(name, 'AUSUC')[-1]:.1f} %"
        for name in names
    ]

    def of_seeds(name: str, count: int, number: str) -> list[float]:
        return [found[number] for found in values[name, count]]

    few, many = counts[0], counts[-1]
    falls = compared([(of_seeds(name, few, "S"), of_seeds(name, many, "S")) for name in names])
    rises = compared([(of_seeds(name, many, "U"), of_seeds(name, few, "U")) for name in names])

    def draw(figure):
        titles = {"U": "accuracy of unseen classes, U (%)", "S": "accuracy of seen classes, S (%)",
                  "AUSUC": "area under the seen-unseen curve (%)"}  # fmt: skip
        for axes, (number, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
            for place, name in enumerate(names):
                label = name if number == "U" else None
                axes.plot(counts, means(name, number), marker="o", color=COLOURS[place], label=label)
            axes.set_xlabel("seen classes in training")
            axes.set_ylabel(title)
        figure.legend(ncols=4, loc="outside lower center", frameon=False, fontsize="small")

    return Finding(
        "What do more seen classes change? (ABP, fig. 5)",
        f"That S falls with more seen classes {falls}, that U rises {rises}, from {counts[0]} to "
        f"{counts[-1]} classes. {'; '.join(words)}.",
        [
            {
                "base": name,
                "seen classes": count,
                **{number: round(float(np.mean([f[number] for f in found])), 2) for number in NUMBERS[Task.gzsl]},
                **{
                    f"{number} std": round(float(np.std([f[number] for f in found], ddof=1)), 2)
                    if len(found) > 1
                    else 0.0
                    for number in NUMBERS[Task.gzsl]
                },
            }
            for (name, count), found in values.items()
        ],
        draw,
        (f"inductive generalized task, {setting.epochs} epochs, no calibration; each seed draws its own classes",),
    )


def with_seen(problem: Problem, classes: np.ndarray) -> Problem:
    """The problem with rows of these seen classes only; the unseen ones stay."""
    splits = problem.splits

    def kept(rows: np.ndarray) -> np.ndarray:
        return rows[np.isin(problem.labels[rows], classes)]

    nothing = np.zeros(0, np.int64)
    part = splits._replace(
        train=kept(splits.train), test_seen=kept(splits.test_seen), validation_classes=nothing, validation_seen=nothing
    )
    return replace(problem, splits=part)
