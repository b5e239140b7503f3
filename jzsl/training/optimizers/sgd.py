"""Stochastic gradient descent with momentum."""

from dataclasses import dataclass

import optax

from jzsl.errors import InputError, require_positive
from jzsl.training.optimizers.optimizer import Optimizer
from jzsl.training.rates.constant import Constant
from jzsl.training.rates.rate import RateConfig


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum; the momentum holds gradients, not steps, as PyTorch's does."""

    learning_rate: float = 0.1
    """before the schedule"""
    momentum: float = 0.9
    """share of the direction that is kept at each step"""
    nesterov: bool = False
    """whether the gradient is taken as if the momentum's next step were done"""
    l2: float = 5e-4
    """factor of the squared weights' half in the loss, `weight_decay` in PyTorch; of all parameters"""
    rate: RateConfig = Constant()
    """schedule of the learning rate"""

    def __post_init__(self):
        require_positive(self, "learning_rate")
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum: {self.momentum} found, expected 0 or more and less than 1")
        if not self.l2 >= 0:
            raise InputError(f"l2: {self.l2} found, expected zero or more")

    def build(self) -> Optimizer:
        direction = optax.chain(optax.add_decayed_weights(self.l2), optax.trace(self.momentum, self.nesterov))
        return Optimizer(direction, self.learning_rate, self.rate.build())
