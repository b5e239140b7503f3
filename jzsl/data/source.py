"""What every data source of a config can do."""

from typing import Protocol, runtime_checkable

from jzsl.problem.problem import Problem


@runtime_checkable
class SourceConfig(Protocol):
    """A frozen dataclass that loads a problem."""

    def load(self) -> Problem: ...
