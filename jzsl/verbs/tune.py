"""`jzsl tune`: choose the settings of self-training on classes treated as unseen."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from jzsl.config import Experiment
from jzsl.driver.load import load_namespace
from jzsl.driver.tune import Grid
from jzsl.driver.tune import tune as try_all
from jzsl.exchange import encode
from jzsl.report.figures import require_room
from jzsl.report.terminal import study_table
from jzsl.studies.study import write
from jzsl.verbs.parts import as_options, parse
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
    namespace = load_namespace(path)
    default: Any = {"experiment": namespace["CONFIG"], "out": tyro.MISSING}
    options = parse(TuneOptions, TuneOptions(**default), arguments[1:], f"jzsl tune {path}", namespace)
    require_room(options.out)
    problem = options.experiment.load()
    with Console(stderr=True).status("") as status:
        candidates = try_all(options.experiment, problem, options.grid, status.update)
    result = tuning_result(candidates)
    write(TUNING_TITLE, result, options.out, {"experiment": encode(options.experiment), "data": problem.hash})
    screen = Console()
    screen.print(study_table(TUNING_TITLE, result.rows, result.columns))
    screen.print(result.answer)
    chosen = candidates[0].setting.applied(options.experiment)
    words = ["jzsl", "run", str(path), *as_options(namespace["CONFIG"], chosen)]
    screen.print(shlex.join(words), soft_wrap=True, markup=False, highlight=False)
    return 0
