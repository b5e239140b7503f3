"""The functions of an image classifier: its loss, its training, and the statistics of a target domain (AdaBN)."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.errors import InputError
from jzsl.keys import stream
from jzsl.methods.losses import LogitsOf
from jzsl.nets.adabn import STATISTICS, AdaBN, by_domain, membership, of_domain, target_statistics
from jzsl.nets.in_blocks import in_blocks
from jzsl.nets.network import BatchNormPolicy, Network, Outputs, Policy, Variables, split
from jzsl.training.augment.augment import Augment
from jzsl.training.augment.mixture import Mix
from jzsl.training.minibatch import first_sample, labelled, minibatch, scaled
from jzsl.training.network_descent import Learning, descend_network
from jzsl.training.optimizers.optimizer import Optimizer
from jzsl.types import UNLABELLED, ClassTable, Embedding, Metrics, PerSample, Pool


class TargetDomain(NamedTuple):
    """The target domain of AdaBN: running statistics, and which samples of the pool are in it."""

    statistics: Variables
    samples: PerSample


class ImageClassifierState(NamedTuple):
    """The network's variables, class weights, the optimizer's moments, base key and epochs done.

    With AdaBN the running statistics among the variables are those of the source domain.
    """

    variables: Variables
    weights: Float[Array, "e c"]
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]
    target: TargetDomain | None = None


class ImageClassifierPredictor(NamedTuple):
    """The network's variables and class weights."""

    variables: Variables
    weights: Float[Array, "e c"]


class Parts(NamedTuple):
    """What an image classifier is made of, and its functions; see `image_classifier`.

    Attributes:
        network: images to features.
        optimizer: of the learned blocks and the class weights.
        logits_of: features and class weights to logits.
        augment: changes images at random.
        mix: composes images; None: they stay single.
        learned: starts of the names of the blocks that learn.
        policy: of batch normalisation, block by block.
        adabn: how the statistics of a target domain are estimated; None: there is none.
        batch_size: samples of a minibatch.
    """

    network: Network
    optimizer: Optimizer
    logits_of: LogitsOf
    augment: Augment
    mix: Mix | None
    learned: tuple[str, ...]
    policy: Policy
    adabn: AdaBN | None
    batch_size: int

    def init(self, key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ImageClassifierState:
        """The state before training."""
        image = first_sample(pool)
        variables = self.network.init(stream(key, "parameters"), image)
        outputs, _ = jax.eval_shape(self.embed, variables, image)
        shape = (outputs.features.shape[-1], classes.count)
        weights = jax.random.normal(stream(key, "class weights"), shape) / jnp.sqrt(shape[0])
        params, _ = split(variables["params"], self.learned)
        target = None if self.adabn is None else target_domain(variables, pool)
        moments = self.optimizer.init((params, weights))
        return ImageClassifierState(variables, weights, moments, key, jnp.int32(0), target)

    def fit(
        self,
        state: ImageClassifierState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[ImageClassifierState, Metrics]:
        """Trains further."""
        pool, domain, rest = labelled(pool), state.target, state.variables
        if domain is not None and self.adabn is not None:
            known = domain.statistics
            estimate = partial(self.adapted, self.adabn, state.variables, pool, domain)
            statistics = jax.lax.cond(state.epoch == 0, estimate, lambda: known)
            rest = {**rest, STATISTICS: by_domain(rest[STATISTICS], statistics)}

        params, _ = split(state.variables["params"], self.learned)
        learning = Learning((params, state.weights), rest, state.optimizer)
        objective = Objective(self, pool, classes.count, domain)
        key = stream(state.key, "training")
        learning, metrics = descend_network(
            objective.loss, self.optimizer, learning, key, pool.w, state.epoch, epochs, total, self.batch_size
        )
        params, weights = learning.params
        variables = {**learning.rest, "params": learning.rest["params"] | params}
        if domain is not None:
            domain = domain._replace(statistics=of_domain(variables[STATISTICS], 1))
            variables = {**variables, STATISTICS: of_domain(variables[STATISTICS], 0)}
        epoch = state.epoch + epochs
        return ImageClassifierState(variables, weights, learning.moments, state.key, epoch, domain), metrics

    def predictor(
        self, state: ImageClassifierState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]
    ) -> ImageClassifierPredictor:
        """The network, by the statistics of the target domain where there is one, and the class weights."""
        del classes, unseen
        variables = state.variables
        if self.adabn is not None and state.target is not None:
            variables = {**variables, STATISTICS: self.adapted(self.adabn, variables, pool, state.target)}
        return ImageClassifierPredictor(variables, state.weights)

    def logits(
        self, trained: ImageClassifierPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]
    ) -> Float[Array, "m k"]:
        """Scores, one column per candidate."""
        return self.logits_of(self.embedding(trained, x, candidates))

    def embedding(
        self, trained: ImageClassifierPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]
    ) -> Embedding:
        """Features, and the candidates' class weights."""
        features = in_blocks(lambda images: self.embed(trained.variables, scaled(images))[0].features, x)
        return Embedding(features, trained.weights.T[candidates])

    def embed(self, variables: Variables, x: Num[Any, "b h w c"]) -> tuple[Outputs, Variables]:
        """The network's outputs by the running statistics."""
        return self.network.apply(variables, x, BatchNormPolicy.running, None)

    def adapted(self, adabn: AdaBN, variables: Variables, pool: Pool, target: TargetDomain) -> Variables:
        """The running statistics of the target domain, from all of its samples."""
        return target_statistics(self.network, variables, jnp.asarray(pool.x), target.samples.values, adabn.images)


class Objective(NamedTuple):
    """What is minimised on the minibatches of a pool.

    Attributes:
        parts: of the classifier.
        pool: labelled samples.
        classes: their number.
        domain: the target domain of AdaBN; None: there is none.
    """

    parts: Parts
    pool: Pool
    classes: int
    domain: TargetDomain | None

    def loss(
        self,
        learnable: tuple[Variables, Float[Array, "e c"]],
        variables: Variables,
        key: Key[Array, ""],
        samples: Int[Array, " b"],
        valid: Float[Array, " b"],
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """The cross-entropy, summed over a minibatch and divided by its size."""
        params, weights = learnable
        parts, pool = self.parts, self.pool
        x, _, y = minibatch(pool, samples)
        target = jax.nn.one_hot(y, self.classes) if pool.soft is None else jnp.asarray(pool.soft)[samples]
        x = parts.augment(stream(key, "augmentation"), x)
        if parts.mix is not None:
            mixture = parts.mix(stream(key, "mixture"), x, valid)
            x, target = mixture.images, mixture.mixed(target)
        variables = {**variables, "params": variables["params"] | params}
        counted = valid if self.domain is None else membership(valid, self.domain.samples.values[samples])
        outputs, variables = parts.network.apply(variables, x, parts.policy, counted, key=stream(key, "dropout"))
        logits = parts.logits_of(Embedding(outputs.features, weights.T))
        entropy = -jnp.sum(target * jax.nn.log_softmax(logits), 1)
        right = valid * (jnp.argmax(logits, 1) == jnp.argmax(target, 1))
        metrics = {
            "loss": jnp.sum(valid * entropy) / jnp.sum(valid),
            "training_accuracy": jnp.sum(right) / jnp.sum(valid),
        }
        return jnp.sum(valid * entropy) / parts.batch_size, (variables, metrics)


def target_domain(variables: Variables, pool: Pool) -> TargetDomain:
    """The samples of a pool without labels, with the statistics of a new network."""
    if STATISTICS not in variables:
        raise InputError("adabn: given for a network without batch normalisation")
    unlabelled = (jnp.asarray(pool.y) == UNLABELLED) & (jnp.asarray(pool.w) > 0)
    return TargetDomain(variables[STATISTICS], PerSample(unlabelled))


def adopt(key: Key[Array, ""], state: ImageClassifierState, earlier: Any) -> ImageClassifierState:
    """The network of the stage before, running statistics included, and its class weights, where it has some."""
    del key
    target = state.target
    if target is not None:
        target = target._replace(statistics=earlier.variables[STATISTICS])
    weights = earlier.weights if isinstance(earlier, ImageClassifierState) else state.weights
    return state._replace(variables=earlier.variables, weights=weights, target=target)
