"""Adam (Kingma and Ba, 2015)."""

from dataclasses import dataclass

import optax

from jzsl.errors import InputError, require_positive
from jzsl.training.optimizers.optimizer import Optimizer
from jzsl.training.rates.constant import Constant
from jzsl.training.rates.rate import RateConfig


@dataclass(frozen=True)
class Adam:
    """Adam, with an optional penalty of squared weights."""

    learning_rate: float = 1e-3
    """before the schedule"""
    beta1: float = 0.9
    """share of the mean gradient that is kept at each step"""
    beta2: float = 0.999
    """share of the mean squared gradient that is kept at each step"""
    l2: float = 0.0
    """factor of the squared weights' half in the loss, as `weight_decay` in PyTorch's Adam"""
    rate: RateConfig = Constant()
    """schedule of the learning rate"""

    def __post_init__(self):
        require_positive(self, "learning_rate")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name}: {getattr(self, name)} found, expected 0 or more and less than 1")
        if not self.l2 >= 0:
            raise InputError(f"l2: {self.l2} found, expected zero or more")

    def build(self) -> Optimizer:
        adam = optax.scale_by_adam(self.beta1, self.beta2)
        direction = optax.chain(optax.add_decayed_weights(self.l2), adam) if self.l2 else adam
        return Optimizer(direction, self.learning_rate, self.rate.build())
