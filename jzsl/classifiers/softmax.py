"""Linear softmax on features, the classifier of generalized zero-shot learning (ABP paper, section 4.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from jzsl.errors import require_positive
from jzsl.interfaces import Classifier, StreamedClassifier
from jzsl.training.descent import descend
from jzsl.types import ClassTable, Embedding, LinearHead


@dataclass(frozen=True)
class Softmax:
    """Linear softmax trained by Adam, as in the code of f-CLSWGAN, which the ABP paper follows."""

    epochs: int = 25
    """passes over real and generated samples"""
    learning_rate: float = 1e-3
    """of Adam, with beta 0.5 and 0.999"""
    batch_size: int = 300
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "epochs", "learning_rate", "batch_size")

    def build(self) -> Classifier:
        return softmax(self)


class Linear(NamedTuple):
    """Scores x W + b."""

    weight: Float[Array, "d c"]
    bias: Float[Array, " c"]


def softmax(hyper: Softmax) -> Classifier:
    """Cross-entropy over all classes of the table; weights start at zero. A sample counts as often as w says."""
    optimizer = optax.adam(hyper.learning_rate, b1=0.5)

    def train(
        key: Key[Array, ""],
        take: Callable[..., tuple[Float[Array, "b d"], Int[Array, " b"]]],
        w: Int[Array, " n"],
        features: int,
        columns: int,
    ) -> Linear:
        """Trains on minibatches that `take` gets from (key, indices)."""

        def loss(linear, step_key, indices, valid):
            x, column = take(step_key, indices)
            entropy = optax.softmax_cross_entropy_with_integer_labels(x @ linear.weight + linear.bias, column)
            total = jnp.sum(valid * entropy) / hyper.batch_size
            return total, {"loss": total}

        start = Linear(jnp.zeros((features, columns)), jnp.zeros(columns))
        return descend(
            loss, optimizer, start, optimizer.init(start), key, w, jnp.int32(0), hyper.epochs, hyper.batch_size
        )[0]

    def fit(
        key: Key[Array, ""],
        x: Float[Array, "n d"],
        y: Int[Array, " n"],
        w: Int[Array, " n"],
        classes: ClassTable,
    ) -> Linear:
        def take(step_key, indices):
            del step_key
            return x[indices].astype(jnp.float32), y[indices]

        return train(key, take, w, x.shape[1], classes.count)

    def logits(linear: Linear, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Float[Array, "m k"]:
        return x @ linear.weight[:, candidates] + linear.bias[candidates]

    def embedding(linear: Linear, x: Float[Array, "m d"], candidates: Int[Array, " k"]) -> Embedding:
        return Embedding(x, linear.weight[:, candidates].T)

    def head(linear: Linear, candidates: Int[Array, " k"]) -> LinearHead:
        return LinearHead(linear.weight[:, candidates], linear.bias[candidates], joint=True)

    def streamed(draw: Callable[..., Float[Array, "b d"]], per_class: int, block: int) -> StreamedClassifier:
        """Every minibatch is drawn anew, so that an epoch never repeats a sample; columns are of `unseen`."""
        del block

        def fit_stream(key: Key[Array, ""], source: Any, unseen: Int[Array, " u"]) -> tuple[Linear, Int[Array, " u"]]:
            def take(step_key, indices):
                column = indices // per_class
                return draw(step_key, source, unseen[column]), column

            one = jax.eval_shape(draw, key, source, unseen[:1])
            w = jnp.ones(len(unseen) * per_class, jnp.int32)
            return train(key, take, w, one.shape[1], len(unseen)), unseen

        def logits_stream(
            trained: tuple[Linear, Int[Array, " u"]], x: Float[Array, "m d"], candidates: Int[Array, " k"]
        ) -> Float[Array, "m k"]:
            linear, unseen = trained
            order = jnp.argsort(unseen)
            return logits(linear, x, order[jnp.searchsorted(unseen[order], candidates)])

        return StreamedClassifier(fit_stream, logits_stream)

    return Classifier(fit, logits, streamed, embedding, head)
