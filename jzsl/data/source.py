"""What a source of data is: anything that loads a problem."""

from typing import Protocol, runtime_checkable

from jzsl.problem.problem import Problem


@runtime_checkable
class SourceConfig(Protocol):
    """A frozen dataclass that loads a problem."""

    def load(self) -> Problem: ...
