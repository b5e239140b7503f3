"""`jzsl tune`: choose the settings of self-training on classes treated as unseen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from jzsl.config import Experiment
from jzsl.driver.load import load_config
from jzsl.driver.tune import Grid
from jzsl.driver.tune import tune as try_all
from jzsl.exchange import encode
from jzsl.report.figures import require_room
from jzsl.report.terminal import study_table
from jzsl.studies.study import write
from jzsl.verbs.status import fail
from jzsl.verbs.tuning_table import TUNING_TITLE, tuning_result


@dataclass(frozen=True)
class TuneOptions:
    """Choose the settings of self-training on classes treated as unseen."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    out: Path
    """folder for table.csv, table.json, figure.png and figure.svg"""
    grid: Grid = Grid()


def tune(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        return fail("tune: the first argument is a config file", 2)
    path = Path(arguments[0])
    default: Any = {"experiment": load_config(path), "out": tyro.MISSING}
    options = tyro.cli(TuneOptions, default=TuneOptions(**default), args=arguments[1:], prog=f"jzsl tune {path}")
    require_room(options.out)
    problem = options.experiment.load()
    with Console(stderr=True).status("") as status:
        candidates = try_all(options.experiment, problem, options.grid, status.update)
    result = tuning_result(candidates)
    write(TUNING_TITLE, result, options.out, {"experiment": encode(options.experiment), "data": problem.hash})
    screen = Console()
    screen.print(study_table(TUNING_TITLE, result.rows, result.columns))
    best = candidates[0]
    screen.print(result.answer)
    screen.print(
        f"jzsl run {path} --train.epochs {best.epochs} --self-training.rounds {best.rounds} "
        f"--self-training.hard {best.hard} --selection {best.selection.name} "
        f"--self-training.refinement {best.refinement.name}"
    )
    return 0
