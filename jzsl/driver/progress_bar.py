"""The sink that a user watches: a bar of epochs with the newest metrics, and a line for each finished round."""

from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from jzsl.driver.events import Advanced, Chosen, Evaluated, Event, Started
from jzsl.driver.lengths import in_words


class _Rate(ProgressColumn):
    """Epochs per second, or seconds per epoch where that is more readable."""

    def render(self, task) -> Text:
        speed = task.finished_speed or task.speed or (task.completed / task.elapsed if task.elapsed else None)
        if not speed:
            return Text("- s/epoch")
        return Text(f"{speed:.1f} epochs/s" if speed > 1 else f"{1 / speed:.1f} s/epoch")


class ProgressBar:
    """Shows a bar per item with its epochs, their rate, the remaining time and the newest metrics."""

    def __init__(self, console: Console):
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=console,
        )
        self._bar = TaskID(0)
        self._progress.start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._bar = self._progress.add_task(event.title, total=event.total, completed=event.done, metrics="")
        elif isinstance(event, Advanced):
            self._progress.update(self._bar, completed=event.done)
        elif isinstance(event, Chosen):
            self._progress.console.print(in_words(event.choice))
        else:
            self._evaluated(event)

    def _evaluated(self, event: Evaluated) -> None:
        line: dict[str, Any] = event.line
        headlines = [task.headline for task in event.experiment.tasks if task.headline in line]
        shown = "  ".join(f"{name} {line[name]:.1f}" for name in headlines)
        if "stage" in line:
            shown = f"loss {line['loss']:.3g}" if "loss" in line else ""
        self._progress.update(self._bar, metrics=shown)
        if "round" in line:
            relabelled = f"  {100 * line['changed']:.0f} % relabelled" if line["round"] else ""
            self._progress.console.print(
                f"seed {line['seed']}  round {line['round']}  {line['selected']:.0f} samples selected  {shown}  "
                f"class entropy {line['frequency_entropy']:.2f}{relabelled}"
            )

    def close(self) -> None:
        """Leaves the bars as they are."""
        self._progress.stop()
