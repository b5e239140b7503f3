"""All samples: self-training without a selection."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Key

from jzsl.self_training.parts import Selector
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class AllSamples:
    """Every eligible sample once, in every round after the first base."""

    def build(self) -> Selector:
        return Selector(all_samples)


def all_samples(key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest) -> Selected:
    """Every eligible sample as soon as n is above 0."""
    del key, parameters
    return Selected((predictions.selectable & (request.n > 0)).astype(jnp.int32), predictions.label)
