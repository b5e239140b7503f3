"""What happens in a run, as values: the driver yields them, sinks write and show them."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jzsl.config import Experiment


class Started(NamedTuple):
    """An item of the plan begins, or goes on after `done` of `total` epochs; a choice of length may end it earlier."""

    title: str
    total: int
    done: int


class Evaluated(NamedTuple):
    """The metrics of one seed after a chunk of epochs or a round: a line of metrics.jsonl, with `stage` in a stage."""

    experiment: Experiment
    line: dict[str, Any]


class Advanced(NamedTuple):
    """`done` epochs of the item under way are done."""

    done: int


class Chosen(NamedTuple):
    """The length of training was chosen on validation classes: the entry `choice` of result.json."""

    choice: dict[str, Any]


Event = Started | Evaluated | Advanced | Chosen


@runtime_checkable
class Sink(Protocol):
    """What takes events: a journal, a progress bar, TensorBoard, or a user's sink."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...
