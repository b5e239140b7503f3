"""`jzsl study`: answer one question of the papers with a table and a figure."""

import tyro
from rich.console import Console

from jzsl.errors import require_positive
from jzsl.exchange import encode
from jzsl.report.figures import require_room
from jzsl.report.terminal import finding_table
from jzsl.studies.options import StudyOptions, setting_of
from jzsl.studies.questions import Study
from jzsl.studies.study import write


def study(arguments: list[str]) -> int:
    # The names have dashes on the command line and underscores in Python.
    arguments = [part.replace("-", "_") if part.replace("-", "_") in Study.__members__ else part for part in arguments]
    options = tyro.cli(StudyOptions, args=arguments, prog="jzsl study")
    require_positive(options, "seeds")
    require_room(options.out)
    console = Console(stderr=True)
    with console.status("") as status:
        setting = setting_of(options, status.update)
        finding = options.name.value.ask(setting)
    problem, bases = setting.problem, setting.bases
    header = {
        "study": options.name.name,
        "data": {"name": problem.provenance.name, "hash": problem.hash, "features": problem.provenance.features},
        "epochs": setting.epochs,
        "seeds": setting.seeds,
        "rounds": setting.rounds,
        "hard": setting.hard,
        "bases": {name: encode(base) for name, base in bases.items()},
    }
    write(finding, options.out, header)
    screen = Console()
    screen.print(finding_table(finding.question, finding.rows, finding.columns))
    for line in (finding.answer, *finding.notes, f"saved in {options.out}"):
        screen.print(line)
    return 0
