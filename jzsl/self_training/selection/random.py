"""Random sampling, the selection that hardness sampling is compared with (STHS, table 3)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jzsl.self_training.parts import Selector
from jzsl.self_training.selection.top_confidence import first_n
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class RandomSampling:
    """RS: n of all eligible samples at random, without replacement."""

    def build(self) -> Selector:
        return Selector(random_sampling)


def random_sampling(
    key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest
) -> Selected:
    """The n eligible samples of the smallest random numbers."""
    del parameters
    order = jax.random.uniform(key, predictions.label.shape)
    return Selected(first_n(jnp.where(predictions.selectable, order, jnp.inf), request.n), predictions.label)
