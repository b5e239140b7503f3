"""Which parts of AutoNovel does the discovery of new classes need? (low-supervision thesis, chapter 6, table 1)

AutoNovel of a config without its incremental head is the paper's "full", and each part is left out of that. Without a
stage, the stages after it are trained as ever; without the first one, or where the config has none, what is trained
first learns all blocks of the network, since blocks that nothing trained would stay random.

Columns: base, variant, ACC_new_pool (%, mean over seeds), std, values (one per seed), NMI_new_pool, vs full (difference
in points to the full method) and its p.
"""

from dataclasses import replace

from jzsl.config import Stage
from jzsl.methods.autonovel import AutoNovel
from jzsl.report.figures import horizontal_bars
from jzsl.studies.clusters import (
    LAST,
    ON_POOL,
    Trials,
    Variant,
    discovery_rows,
    listed,
    only,
    shown_columns,
    whole,
    with_new_classes,
)
from jzsl.studies.study import Seeds, Study, StudyResult, StudySetup, claim, compare
from jzsl.tasks.discovery import Discovery

FULL, INCREMENTAL = "full", "with the incremental head"
_WEIGHTS = {
    "without consistency": "consistency_weight",
    "without cross-entropy": "labelled_weight",
    "without pairs (BCE)": "pair_weight",
}


def variants(base: AutoNovel, stages: tuple[Stage, ...]) -> dict[str, Variant]:
    """The variants by name, in the order of the paper's table."""
    base = base if stages else whole(base)
    full = replace(base, incremental=False)
    named = {name: Variant(replace(full, **{weight: 0.0}), stages) for name, weight in _WEIGHTS.items()}
    named |= {f"without {stage.name}": without(number, full, stages) for number, stage in enumerate(stages)}
    named |= {"without any stage": Variant(whole(full), ())} if len(stages) > 1 else {}
    return {**named, FULL: Variant(full, stages), INCREMENTAL: Variant(replace(base, incremental=True), stages)}


def without(number: int, method: AutoNovel, stages: tuple[Stage, ...]) -> Variant:
    """The method after all stages but one."""
    left = stages[:number] + stages[number + 1 :]
    if number:
        return Variant(method, left)
    if not left:
        return Variant(whole(method), ())
    return Variant(method, (replace(left[0], method=whole(left[0].method)), *left[1:]))


def discovery_ablation(setup: StudySetup) -> StudyResult:
    """ACC_new_pool of each variant."""
    setup = with_new_classes(setup)
    trials = Trials(setup, Discovery())
    metrics = {}
    for name, base in only(setup, AutoNovel).items():
        for variant, trained in variants(base, setup.stages).items():
            setup.progress(f"{name}: {variant}")
            metrics[name, variant] = trials.metrics(trained)
    return _result(setup, metrics)


def _result(setup: StudySetup, metrics: dict[tuple[str, str], list[dict[str, float]]]) -> StudyResult:
    acc: dict[tuple[str, str], Seeds] = {
        key: [of_seed["ACC_new_pool"] for of_seed in of_seeds] for key, of_seeds in metrics.items()
    }
    differences = compare({key: (of_seeds, acc[key[0], FULL]) for key, of_seeds in acc.items() if key[1] != FULL})
    parts = [variant for variant in dict.fromkeys(variant for _, variant in acc) if variant not in (FULL, INCREMENTAL)]

    def claimed(variant: str, sign: int) -> str:
        of_bases = {name: differences[name, variant] for name in setup.bases}
        words = "; ".join(f"{name}: {difference}" for name, difference in of_bases.items())
        signed = [difference._replace(mean=sign * difference.mean) for difference in of_bases.values()]
        return f"{claim(signed)} ({words})"

    lost = " ".join(f"That ACC_new_pool is lower {variant} {claimed(variant, -1)}." for variant in parts)
    rows = discovery_rows(metrics, differences, "variant", FULL)
    return StudyResult(
        f"{lost} That it is higher {INCREMENTAL} {claimed(INCREMENTAL, 1)}.",
        rows,
        lambda figure: horizontal_bars(figure, acc, "ACC_new_pool (%)"),
        (
            f"{setup.epochs} epochs after {listed(setup.stages)}; {LAST}; {ON_POOL}",
            f"{len(setup.problem.splits.unlabelled)} unlabelled samples, {setup.problem.clusters} clusters",
        ),
        shown_columns(rows, len(setup.bases)),
    )


STUDY = Study(
    "Which parts of AutoNovel does the discovery of new classes need? (Han et al., 2020, table 1)",
    discovery_ablation,
    ("autonovel",),
    150,
    "digits_images",
    stages=True,
)
