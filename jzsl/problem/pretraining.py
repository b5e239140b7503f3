"""Weights that a method's training starts from: results record them, as they decide what a number compares with."""

from typing import Any, NamedTuple

from jzsl.problem.problem import Backbone


class Pretraining(NamedTuple):
    """Where a network's first weights come from.

    Attributes:
        network: its name.
        weights: SHA-256 of the file of the weights.
        backbone: whether they were learned on the unseen classes, too.
    """

    network: str
    weights: str
    backbone: Backbone

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {**self._asdict(), "backbone": self.backbone.name}
