"""A supervised classifier of images: a network with batch normalisation, and class weights on its embedding."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.nets.network import BatchNormPolicy, NetworkConfig, Variables
from jzsl.nets.small_cnn import SmallCNN
from jzsl.training.epochs import run_epochs
from jzsl.training.minibatch import labelled, minibatch, scaled
from jzsl.types import ClassTable, Embedding, Metrics, Pool


@dataclass(frozen=True)
class ImageClassifier:
    """A network and class weights, trained by cross-entropy on labelled samples."""

    network: NetworkConfig = SmallCNN()
    """images to embeddings"""
    learning_rate: float = 1e-3
    """of Adam"""
    batch_size: int = 64
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "learning_rate", "batch_size")

    def build(self, task: Task) -> Method:
        if task.unseen:
            raise InputError(
                f"method: ImageClassifier knows no unseen class, so it has no answer to the task {task.name}"
            )
        return image_classifier(self)


class ImageClassifierState(NamedTuple):
    """The network's variables, class weights, Adam's moments of both, base key and epochs done."""

    variables: Variables
    weights: Float[Array, "e c"]
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


class ImageClassifierPredictor(NamedTuple):
    """The network's variables and class weights."""

    variables: Variables
    weights: Float[Array, "e c"]


def image_classifier(hyper: ImageClassifier) -> Method:
    """Minimises -log softmax(e W)_y over the labelled samples, e the network's features.

    Training normalises by each minibatch's statistics, padding left out; predictions by the running ones. `adopt`
    takes the network over from the stage before, running statistics included; class weights start anew.
    """
    network = hyper.network.build()
    optimizer = optax.adam(hyper.learning_rate)

    def embed(variables, x):
        return network.apply(variables, x, BatchNormPolicy.running, None)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ImageClassifierState:
        variables = network.init(stream(key, "parameters"), scaled(jnp.asarray(pool.x[:1])))
        outputs, _ = jax.eval_shape(embed, variables, scaled(pool.x[:1]))
        shape = (outputs.features.shape[-1], classes.count)
        weights = jax.random.normal(stream(key, "class weights"), shape) / jnp.sqrt(shape[0])
        return ImageClassifierState(
            variables, weights, optimizer.init((variables["params"], weights)), key, jnp.int32(0)
        )

    def fit(
        state: ImageClassifierState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[ImageClassifierState, Metrics]:
        del classes, total
        pool = labelled(pool)

        def loss(learned, variables, samples, valid):
            params, weights = learned
            x, _, y = minibatch(pool, samples)
            outputs, variables = network.apply({**variables, "params": params}, x, BatchNormPolicy.train, valid)
            entropy = optax.softmax_cross_entropy_with_integer_labels(outputs.features @ weights, y)
            right = valid * (jnp.argmax(outputs.features @ weights, 1) == y)
            return jnp.sum(valid * entropy) / hyper.batch_size, (variables, jnp.sum(right) / jnp.sum(valid))

        def step(carry, key, samples, valid):
            del key
            variables, weights, moments = carry
            learned = (variables["params"], weights)
            (value, (variables, accuracy)), gradient = jax.value_and_grad(loss, has_aux=True)(
                learned, variables, samples, valid
            )
            update, moments = optimizer.update(gradient, moments)
            params, weights = jax.tree.map(jnp.add, learned, update)
            metrics = {"loss": value * hyper.batch_size / jnp.sum(valid), "training_accuracy": accuracy}
            return ({**variables, "params": params}, weights, moments), metrics

        carry = (state.variables, state.weights, state.optimizer)
        key = stream(state.key, "training")
        learned, metrics = run_epochs(step, carry, key, pool.w, state.epoch, epochs, hyper.batch_size)
        variables, weights, moments = learned
        return ImageClassifierState(variables, weights, moments, state.key, state.epoch + epochs), metrics

    def predictor(
        state: ImageClassifierState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]
    ) -> ImageClassifierPredictor:
        del pool, classes, unseen
        return ImageClassifierPredictor(state.variables, state.weights)

    def embedding(trained: ImageClassifierPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Embedding:
        outputs, _ = embed(trained.variables, scaled(x))
        return Embedding(outputs.features, trained.weights.T[candidates])

    def logits(
        trained: ImageClassifierPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]
    ) -> Float[Array, "m k"]:
        embedded = embedding(trained, x, candidates)
        return embedded.x @ embedded.weights.T

    def adopt(key: Key[Array, ""], state: ImageClassifierState, earlier: Any) -> ImageClassifierState:
        del key
        return state._replace(variables=earlier.variables)

    return Method(init, fit, predictor, logits, embedding=embedding, adopt=adopt, batch_size=hyper.batch_size)
