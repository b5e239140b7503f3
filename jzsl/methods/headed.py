"""A network with heads on its features, trained on labelled and unlabelled samples; methods that discover share it."""

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, Num

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError
from jzsl.interfaces import Adopt, Fit, Method, Task
from jzsl.keys import stream
from jzsl.nets.in_blocks import in_blocks
from jzsl.nets.network import BatchNormPolicy, Network, Variables, learned_blocks, policies, split
from jzsl.training.minibatch import first_sample, minibatch, scaled
from jzsl.training.network_descent import Learning, Position, run_updates
from jzsl.training.optimizers.optimizer import Optimizer
from jzsl.types import ClassTable, Metrics, Pool

NONE = -1e9
"""The score of a class that a head does not know."""


class HeadedState(NamedTuple):
    """The network's variables, the heads, the optimizer's moments, base key and epochs done."""

    variables: Variables
    heads: Any
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


class HeadedPredictor(NamedTuple):
    """The network's variables, the heads, and the class table without semantics."""

    variables: Variables
    heads: Any
    classes: ClassTable


class Samples(NamedTuple):
    """A minibatch of labelled and unlabelled samples.

    Attributes:
        x: in float32; pixels in [0, 1].
        number: of each sample in the pool.
        y: classes; 0 where there is no label.
        labelled, unlabelled: 1 for samples of that kind, both 0 for padding.
    """

    x: Float[Array, "b *s"]
    number: Int[Array, " b"]
    y: Int[Array, " b"]
    labelled: Float[Array, " b"]
    unlabelled: Float[Array, " b"]


class Embed(Protocol):
    def __call__(
        self, variables: Variables, x: Float[Array, "b *s"], key: Key[Array, ""], valid: Num[Array, " b"], /
    ) -> tuple[Float[Array, "b e"], Variables]:
        """The features of a minibatch in training, and the variables after it; `key` is that of dropout."""
        ...


class MakeHeads(Protocol):
    def __call__(self, key: Key[Array, ""], size: int, classes: ClassTable, /) -> Any:
        """The heads before training, for features of this size."""
        ...


class HeadsLoss(Protocol):
    def __call__(
        self,
        heads: Any,
        variables: Variables,
        embed: Embed,
        key: Key[Array, ""],
        samples: Samples,
        classes: ClassTable,
        position: Position,
        /,
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """The loss of a minibatch, the variables after it, and its metrics."""
        ...


class HeadsScores(Protocol):
    def __call__(self, heads: Any, features: Float[Array, "m e"], classes: ClassTable, /) -> Float[Array, "m c"]:
        """A score for each class of the table, clusters among them; `NONE` for those that no head knows."""
        ...


class Trained(NamedTuple):
    """What of a method is trained, and how.

    Attributes:
        network: samples to features.
        optimizer: of blocks and heads.
        learned: starts of the names of blocks that learn; None: all.
        others: batch normalisation in the other blocks.
        batch_size: samples of a minibatch, at most.
    """

    network: Network
    optimizer: Optimizer
    learned: tuple[str, ...] | None
    others: BatchNormPolicy
    batch_size: int


def headed(trained: Trained, heads_of: MakeHeads, fit: Fit, scores_of: HeadsScores, adopt: Adopt) -> Method:
    """A method that discovers clusters, from its heads and their training.

    Args:
        trained: the network and how it learns.
        heads_of, scores_of: see their protocols.
        fit: such as `fit_by` a loss.
        adopt: the state with variables of an earlier stage.
    """
    network, optimizer = trained.network, trained.optimizer
    learned = learned_blocks(network, trained.learned)

    def features_of(variables, x):
        return network.apply(variables, scaled(x), BatchNormPolicy.running, None)[0].features

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> HeadedState:
        sample = first_sample(pool)
        variables = network.init(stream(key, "parameters"), sample)
        size = jax.eval_shape(features_of, variables, sample).shape[-1]
        heads = heads_of(stream(key, "heads"), size, classes)
        params, _ = split(variables["params"], learned)
        return HeadedState(variables, heads, optimizer.init((params, heads)), key, jnp.int32(0))

    def predictor(state: HeadedState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> HeadedPredictor:
        del pool, unseen
        table = ClassTable(None, jnp.asarray(classes.seen), jnp.asarray(classes.required_clusters))
        return HeadedPredictor(state.variables, state.heads, table)

    def logits(made: HeadedPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Float[Array, "m k"]:
        def scores(samples):
            return scores_of(made.heads, features_of(made.variables, samples), made.classes)

        return in_blocks(scores, x)[:, candidates]

    return Method(
        init,
        fit,
        predictor,
        logits,
        adopt=adopt,
        takes_images=True,
        batch_size=trained.batch_size,
        discovers=True,
        pretraining=network.pretraining,
    )


def fit_by(trained: Trained, loss_of: HeadsLoss, labels: bool = True) -> Fit:
    """The training of network and heads by the loss of a minibatch.

    Minibatches are drawn from labelled and unlabelled samples together, each as often as its multiplicity says. An
    epoch is divided evenly, so that no small last minibatch has too few samples to compare.

    Args:
        trained: the network and how it learns.
        loss_of: see its protocol.
        labels: whether labelled samples are learned from, too; else they are left out.
    """

    def fit(
        state: HeadedState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[HeadedState, Metrics]:
        w = pool.w if labels else of_unlabelled(pool)
        return train(trained, loss_of, state, pool._replace(w=w), classes, epochs, total)

    return fit


def train(
    trained: Trained,
    loss_of: HeadsLoss,
    state: HeadedState,
    pool: Pool,
    classes: ClassTable,
    epochs: int | Int[Array, ""],
    total: int | Int[Array, ""],
) -> tuple[HeadedState, Metrics]:
    """Trains network and heads further; the arguments are those of `Fit`, after what is trained and its loss."""
    network, optimizer = trained.network, trained.optimizer
    learned = learned_blocks(network, trained.learned)
    policy = policies(network.blocks, learned, trained.others)

    def embed(variables, x, key, valid):
        outputs, variables = network.apply(variables, x, policy, valid, key=key)
        return outputs.features, variables

    def update(learning, key, indices, valid, position):
        x, _, y = minibatch(pool, indices)
        samples = Samples(x, indices, jnp.maximum(y, 0), valid * (y >= 0), valid * (y < 0))

        def loss(learnable):
            params, heads = learnable
            variables = {**learning.rest, "params": learning.rest["params"] | params}
            return loss_of(heads, variables, embed, key, samples, classes, position)

        gradient, (variables, metrics) = jax.grad(loss, has_aux=True)(learning.params)
        learnable, moments = optimizer.step(gradient, learning.moments, learning.params, position.share)
        return Learning(learnable, variables, moments), metrics

    params, _ = split(state.variables["params"], learned)
    learning = Learning((params, state.heads), state.variables, state.optimizer)
    key = stream(state.key, "training")
    learning, metrics = run_updates(
        update, learning, key, pool.w, state.epoch, epochs, total, trained.batch_size, even=True
    )
    params, heads = learning.params
    variables = {**learning.rest, "params": learning.rest["params"] | params}
    return HeadedState(variables, heads, learning.moments, state.key, state.epoch + epochs), metrics


def of_unlabelled(pool: Pool) -> Int[Array, " n"]:
    """The multiplicity of unlabelled samples; 0 for labelled ones."""
    return jnp.where(jnp.asarray(pool.y) < 0, pool.w, 0)


def require_clusters(task: Task, name: str) -> None:
    """Raises an InputError for a task that has no clusters to be discovered."""
    if not task.clusters:
        raise InputError(f"method: {name} discovers classes, so it has no answer to the task {task.name}")


def linear(key: Key[Array, ""], size: int, classes: int) -> Linear:
    """A head before training: normal weights of variance 1 / size, no bias."""
    return Linear(jax.random.normal(key, (size, classes)) / jnp.sqrt(size), jnp.zeros(classes))


def scores(head: Linear, features: Float[Array, "b e"]) -> Float[Array, "b k"]:
    """x W + b."""
    return features @ head.weight + head.bias


def of_seen(columns: Float[Array, "b c"], seen: Bool[Any, " c"]) -> Float[Array, "b c"]:
    """The scores of seen classes; `NONE` for others."""
    return jnp.where(jnp.asarray(seen), columns, NONE)


def cross_entropy(columns: Float[Array, "b c"], y: Int[Array, " b"], counts: Float[Array, " b"]) -> Float[Array, ""]:
    """-log p(y) by the softmax of scores, averaged over the samples that count; 0 where none does (equation 1)."""
    log_p = jnp.take_along_axis(jax.nn.log_softmax(columns), y[:, None], 1)[:, 0]
    return mean(jnp.where(counts > 0, -log_p, 0), counts)


def mean(values: Float[Array, " b"], counts: Float[Array, " b"]) -> Float[Array, ""]:
    """The mean over the samples that count; 0 where none does."""
    return jnp.sum(counts * values) / jnp.maximum(jnp.sum(counts), 1)


def connected(same: Float[Array, "b b"], counts: Float[Array, " b"]) -> Float[Array, ""]:
    """Share of the ordered pairs of different samples that are connected; 0 where there is none."""
    number = jnp.sum(counts)
    return (jnp.sum(same) - number) / jnp.maximum(number * (number - 1), 1)


def taken_over(state: HeadedState, earlier: Any) -> HeadedState:
    """The state with the network's variables of the stage before."""
    return state._replace(variables=earlier.variables)
