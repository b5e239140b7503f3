"""Linear softmax on features, the classifier of generalized zero-shot learning (ABP paper, section 4.1)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.errors import require_positive
from jzsl.training.epochs import run_epochs
from jzsl.types import Classifier, ClassTable


@dataclass(frozen=True)
class Softmax:
    """Linear softmax trained by Adam, as in the code of f-CLSWGAN, which the ABP paper follows."""

    epochs: int = 25
    """passes over real and generated rows"""
    learning_rate: float = 1e-3
    """of Adam, with beta 0.5 and 0.999"""
    batch_size: int = 300
    """rows of a minibatch"""

    def __post_init__(self):
        require_positive(self, "epochs", "learning_rate", "batch_size")

    def build(self) -> Classifier:
        return softmax(self)


class Linear(NamedTuple):
    """Scores x W + b."""

    weight: Float[Array, "d c"]
    bias: Float[Array, " c"]


def softmax(hyper: Softmax) -> Classifier:
    """Cross-entropy over all classes of the table; weights start at zero. A row counts as often as w says."""
    optimizer = optax.adam(hyper.learning_rate, b1=0.5)

    def fit(
        key: Key[Array, ""],
        x: Float[Array, "n d"],
        y: Int[Array, " n"],
        w: Int[Array, " n"],
        classes: ClassTable,
    ) -> Linear:
        def loss(linear, rows, valid):
            scores = x[rows].astype(jnp.float32) @ linear.weight + linear.bias
            entropy = optax.softmax_cross_entropy_with_integer_labels(scores, y[rows])
            return jnp.sum(valid * entropy) / hyper.batch_size

        def step(carry, step_key, rows, valid):
            del step_key
            linear, moments = carry
            value, gradient = jax.value_and_grad(loss)(linear, rows, valid)
            update, moments = optimizer.update(gradient, moments)
            return (optax.apply_updates(linear, update), moments), {"loss": value}

        count = len(classes.semantics)
        start = Linear(jnp.zeros((x.shape[1], count)), jnp.zeros(count))
        first = jnp.int32(0)
        carry = (start, optimizer.init(start))
        (linear, _), _ = run_epochs(step, carry, key, w, first, hyper.epochs, hyper.batch_size)
        return linear

    def logits(linear: Linear, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        return x @ linear.weight[:, candidates] + linear.bias[candidates]

    return Classifier(fit, logits)
