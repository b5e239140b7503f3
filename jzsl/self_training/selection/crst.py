"""CRST: confidence-regularised self-training (Zou et al. 2019; AVH paper, section 5.1)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jzsl.errors import InputError
from jzsl.self_training.parts import Selector
from jzsl.self_training.selection.cbst import cbst
from jzsl.self_training.selection.class_balanced import log_balanced
from jzsl.types import Predictions, Selected, SelectionRequest


@dataclass(frozen=True)
class CRST:
    """CBST with soft labels, with a divergence from uniform predictions in the loss, or, by default, both."""

    lrent: float = 0.25
    """weight of the entropy of soft labels; 0 keeps the labels hard"""
    mrkld: float = 0.1
    """weight of the divergence from uniform predictions; 0 leaves it out"""

    def __post_init__(self):
        for name in ("lrent", "mrkld"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name}: {getattr(self, name)} found, expected zero or more")

    def build(self) -> Selector:
        base = soft_labels(self.lrent) if self.lrent else cbst

        def select(
            key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest
        ) -> Selected:
            selected = base(key, parameters, predictions, request)
            return mass_on_every_class(selected, predictions.scores.shape[1], self.mrkld) if self.mrkld else selected

        return Selector(select)


def soft_labels(alpha: float):
    """LRENT: y_k proportional to (p_k / lambda_k)^(1 / alpha) minimises the entropy-regularised loss.

    A sample is taken where that beats no label at all: where the sum over k of these powers is at least 1.
    """

    def select(key: Key[Array, ""], parameters: Any, predictions: Predictions, request: SelectionRequest) -> Selected:
        del key, parameters
        power = log_balanced(predictions, request.n) / alpha
        taken = predictions.selectable & (request.n > 0) & (jax.nn.logsumexp(power, 1) >= 0)
        return Selected(taken.astype(jnp.int32), jnp.argmax(power, 1).astype(jnp.int32), jax.nn.softmax(power))

    return select


def mass_on_every_class(selected: Selected, classes: int, alpha: float) -> Selected:
    """MRKLD: -sum_k y_k log p_k - alpha sum_k (1 / K) log p_k is the cross-entropy of a label y_k + alpha / K."""
    soft = jax.nn.one_hot(selected.label, classes) if selected.soft is None else selected.soft
    return selected._replace(soft=soft + alpha / classes)
