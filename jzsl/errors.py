"""The ways in which a run ends early: the user's input is wrong, training diverged, or a file cannot be written."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

_LONGEST = 2000


class InputError(Exception):
    """A mistake in a file, an option or an array that the user gave.

    The message is one line that names the culprit (file, field or option), what was found and what was
    expected. The command line prints it without a traceback and exits with status 2.

    Attributes:
        problems: everything found wrong, where a check went on after the first problem.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()):
        super().__init__(_printable(message))
        self.problems = tuple(map(_printable, problems)) or self.args


def _printable(message: str) -> str:
    """One line of moderate length; names from a user's file may hold anything, such as terminal commands."""
    text = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
    return "".join(letter if letter.isprintable() else "?" for letter in text)


class DivergedError(ArithmeticError):
    """Training produced a value that is not finite. Nothing was saved over the last good checkpoint."""


def require_positive(config: object, *fields: str) -> None:
    """Raises InputError that names the first of `fields` of `config` that is not a positive number."""
    for name in fields:
        if not getattr(config, name) > 0:
            raise InputError(f"{name}: {getattr(config, name)} found, expected a positive number")


def require_share(config: object, *fields: str) -> None:
    """Raises InputError that names the first of `fields` of `config` that is not in [0, 1]."""
    for name in fields:
        if not 0 <= getattr(config, name) <= 1:
            raise InputError(f"{name}: {getattr(config, name)} found, expected a share from 0 to 1")


class WriteError(Exception):
    """A file of a run cannot be written, for example because the disk is full; what was saved before is intact."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises a WriteError that names the path, where writing fails, or the array store finds the disk full."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        full = "No space left" in reason or "RESOURCE_EXHAUSTED" in reason
        if isinstance(error, ValueError) and not full:
            raise  # the array store raises this class for other failures, too, such as a lost process
        short = "no space left" if full else reason[:200]
        raise WriteError(
            f"{path}: cannot be written ({short}); what was saved before is whole, and --resume goes on from it"
        ) from error
