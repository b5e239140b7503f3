"""The two ways in which a run ends early: the user's input is wrong, or training diverged."""

from collections.abc import Sequence


class InputError(Exception):
    """A mistake in a file, an option or an array that the user gave.

    The message is one line that names the culprit (file, field or option), what was found and what was
    expected. The command line prints it without a traceback and exits with status 2.

    Attributes:
        problems: everything found wrong, where a check went on after the first finding.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()):
        super().__init__(message)
        self.problems = tuple(problems) or (message,)


class DivergedError(ArithmeticError):
    """Training produced a value that is not finite. Nothing was saved over the last good checkpoint."""


def require_positive(config: object, *fields: str) -> None:
    """Raises InputError that names the first of `fields` of `config` that is not a positive number."""
    for name in fields:
        if not getattr(config, name) > 0:
            raise InputError(f"{name}: {getattr(config, name)} found, expected a positive number")
