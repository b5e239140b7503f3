"""A run's events reach a sink of a user's own, in their order, and the sink is closed at the end."""

import dataclasses
import json

from rich.console import Console

from jzsl.config import Train
from jzsl.driver.events import Advanced, Evaluated, Sink, Started
from jzsl.driver.runner import run
from jzsl.tasks.zsl import ZSL
from tests.driver.tiny import CONFIG as TINY


class Recorder:
    """Keeps all events."""

    def __init__(self):
        self.events, self.closed = [], 0

    def __call__(self, event):
        assert not self.closed
        self.events.append(event)

    def close(self):
        self.closed += 1


def test_a_sink_takes_every_event(tmp_path):
    sink = Recorder()
    assert isinstance(sink, Sink)
    experiment = dataclasses.replace(TINY, train=Train(epochs=2), tasks=(ZSL(),), seeds=2)
    run(experiment, tmp_path / "run", False, Console(quiet=True), sinks=[sink])
    assert sink.closed == 1
    kinds = [type(event) for event in sink.events]
    assert kinds == [Started, Evaluated, Advanced, Evaluated, Advanced] * 2
    assert [event.done for event in sink.events if isinstance(event, Advanced)] == [1, 2, 1, 2]
    journal = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [event.line for event in sink.events if isinstance(event, Evaluated)] == journal
