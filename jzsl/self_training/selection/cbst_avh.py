"""CBST+AVH: class-balanced self-training by angular visual confidence (AVH paper, section 5.1, eq. 4)."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Key

from jzsl.hardness.angular import avc
from jzsl.self_training.parts import Selector
from jzsl.self_training.selection.class_balanced import class_threshold, log_balanced
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class CBSTAVH:
    """CBST's labels, the same portion of every class by angular visual confidence."""

    def build(self) -> Selector:
        return Selector(cbst_avh, uses_angles=True)


def cbst_avh(key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest) -> Selected:
    """CBST's label, taken where its AVC reaches beta_k, the threshold of the portion by AVC."""
    del key, parameters
    label = jnp.argmax(log_balanced(predictions, request.n), 1).astype(jnp.int32)
    confidence = avc(predictions.angles)
    reached = confidence >= class_threshold(confidence, predictions, request.n, empty=1.0)
    taken = predictions.selectable & (request.n > 0) & jnp.take_along_axis(reached, label[:, None], 1)[:, 0]
    return Selected(taken.astype(jnp.int32), label)
