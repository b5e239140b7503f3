"""CBST: class-balanced self-training (Zou et al. 2018; AVH paper, section 5.1)."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Key

from jzsl.self_training.parts import Selector
from jzsl.self_training.selection.class_balanced import log_balanced
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class CBST:
    """The same portion of every predicted class, the most confident samples."""

    def build(self) -> Selector:
        return Selector(cbst)


def cbst(key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest) -> Selected:
    """Label argmax_k p / lambda_k, where that is at least 1 (AVH paper, the solver after eq. 2).

    The paper prints "above lambda_k"; public code takes the sample at the threshold too, as here, so that the portion
    is whole. Samples of equal confidence all count.
    """
    del key, parameters
    ratio = log_balanced(predictions, request.n)
    taken = predictions.selectable & (request.n > 0) & (ratio.max(1) >= 0)
    return Selected(taken.astype(jnp.int32), jnp.argmax(ratio, 1).astype(jnp.int32))
