"""What an optimizer is: an Optax transformation, a learning rate and its schedule."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import optax
from jaxtyping import Array, Float

from jzsl.training.rates.rate import Rate


class Optimizer(NamedTuple):
    """An optimizer of parameters in any pytree.

    Attributes:
        direction: turns gradients into directions, which the learning rate scales.
        learning_rate: before the schedule.
        rate: its schedule.
    """

    direction: optax.GradientTransformation
    learning_rate: float
    rate: Rate

    def init(self, params: Any) -> Any:
        """The moments before the first step."""
        return self.direction.init(params)

    def step(self, gradient: Any, moments: Any, params: Any, progress: Float[Array, ""]) -> tuple[Any, Any]:
        """Parameters and moments after one step.

        Args:
            gradient: of the loss, a pytree as `params`.
            moments: after the step before.
            params: before this step.
            progress: share of the training's steps that are done.
        """
        direction, moments = self.direction.update(gradient, moments, params)
        size = -self.learning_rate * self.rate(progress)
        return optax.apply_updates(params, jax.tree.map(lambda leaf: size * leaf, direction)), moments


@runtime_checkable
class OptimizerConfig(Protocol):
    """A frozen dataclass that makes an optimizer."""

    def build(self) -> Optimizer: ...
