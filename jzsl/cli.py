"""The command line: `jzsl VERB`. Each verb is a function of its own file; here a failure becomes one line."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from jzsl.devices.compilation import keep_programs
from jzsl.devices.processes import leave_at_once, lost_process
from jzsl.driver.interrupt import Interrupted
from jzsl.errors import DivergedError, InputError, WriteError
from jzsl.verbs.data import data
from jzsl.verbs.export import export
from jzsl.verbs.features import features
from jzsl.verbs.name import name
from jzsl.verbs.predict import predict
from jzsl.verbs.report import report
from jzsl.verbs.run import run
from jzsl.verbs.semantics import semantics
from jzsl.verbs.status import USAGE, fail
from jzsl.verbs.study import study
from jzsl.verbs.table import table
from jzsl.verbs.tune import tune

VERBS: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "tune": tune,
    "study": study,
    "predict": predict,
    "name": name,
    "export": export,
    "report": report,
    "table": table,
    "features": features,
    "semantics": semantics,
    "data": data,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb and returns the exit status: 0, 1 if training diverged or a file cannot be written, 2 for mistakes
    in the input, 128 + signal."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    if arguments[0] not in VERBS:
        return fail(f"{arguments[0]}: no such verb, expected {', '.join(VERBS)}", 2)
    keep_programs()
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _leave_out_closed_loops
    try:
        return VERBS[arguments[0]](arguments[1:])
    except InputError as error:
        return fail(str(error), 2)
    except (DivergedError, WriteError) as error:
        return fail(str(error), 1)
    except KeyboardInterrupt:
        return fail("interrupted", 130)
    except Interrupted as stop:
        return fail(f"stopped by {stop}; the state is saved, and --resume goes on from it", stop.status)
    except Exception as error:
        lost = lost_process(error)
        if lost is None:
            raise
        leave_at_once(fail(lost, 1))


def _leave_out_closed_loops(unraisable: Any) -> None:
    """Hides errors of a checkpoint's other tasks, whose event loop is closed after a failed write was reported."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)
