"""A supervised classifier of images: a network with batch normalisation, and class weights on its features."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.methods.losses import LogitsOf, LossConfig, SoftmaxLoss
from jzsl.nets.adabn import STATISTICS, AdaBN, by_domain, membership, of_domain, target_statistics
from jzsl.nets.in_blocks import in_blocks
from jzsl.nets.network import (
    BatchNormPolicy,
    Network,
    NetworkConfig,
    Policy,
    Variables,
    learned_blocks,
    policies,
    split,
)
from jzsl.nets.small_cnn import SmallCNN
from jzsl.packages import PartsIn
from jzsl.training.augment.augment import Augment, AugmentConfig, Sequence
from jzsl.training.augment.mixture import Mix, MixConfig
from jzsl.training.minibatch import first_sample, labelled, minibatch, scaled
from jzsl.training.network_descent import Learning, descend_network
from jzsl.training.optimizers.adam import Adam
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.types import UNLABELLED, ClassTable, Embedding, Metrics, PerSample, Pool


@dataclass(frozen=True)
class ImageClassifier:
    """A network and class weights, trained by cross-entropy on labelled samples."""

    network: NetworkConfig = SmallCNN()
    """images to features"""
    loss: LossConfig = SoftmaxLoss()
    """the logits whose cross-entropy is minimised: SoftmaxLoss, AVHLoss"""
    augment: AugmentConfig = Sequence()
    """changes each training image at random; Sequence(parts=(...)) does several things in turn"""
    mix: Annotated[MixConfig | None, PartsIn("jzsl.training.augment")] = None
    """composes training images and their labels: MixUp, CutMix, RICAP; not with AdaBN, whose domains they would mix.
    None: they stay single"""
    optimizer: OptimizerConfig = Adam()
    """Adam, SGD, with a schedule of the learning rate"""
    learned: tuple[str, ...] | None = None
    """blocks of the network that learn, by how their names start, such as stage4; None: all"""
    others: BatchNormPolicy = BatchNormPolicy.running
    """batch normalisation in the other blocks"""
    adabn: AdaBN | None = None
    """statistics of their own for the samples that have no label when training begins, some of which there must be;
    None: no sample has"""
    batch_size: int = 64
    """samples of a minibatch"""

    def __post_init__(self):
        require_positive(self, "batch_size")
        if self.mix is not None and self.adabn is not None:
            raise InputError(
                f"mix: {type(self.mix).__name__} found beside adabn, expected one of the two: an image composed of "
                "both domains is in none of them, so neither has statistics for it"
            )

    def build(self, task: Task) -> Method:
        if task.unseen:
            raise InputError(
                f"method: ImageClassifier knows no unseen class, so it has no answer to the task {task.name}"
            )
        return image_classifier(self)


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
    """What an image classifier trains with.

    Attributes:
        network: images to features.
        logits_of: features and class weights to logits.
        augment: changes images at random.
        mix: composes images; None: they stay single.
        policy: of batch normalisation, block by block.
        batch_size: samples of a minibatch.
    """

    network: Network
    logits_of: LogitsOf
    augment: Augment
    mix: Mix | None
    policy: Policy
    batch_size: int


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


def image_classifier(hyper: ImageClassifier) -> Method:
    """Minimises -sum_k y_k log p(k | x) over the labelled samples, y one-hot, soft labels or a mixture of either.

    Training normalises by each minibatch's statistics, padding left out; predictions by the running ones, with AdaBN
    by those of the target domain. These are estimated before the first epoch, too, for blocks that do not learn.
    `adopt` takes the network over from the stage before, running statistics included, and the class weights where that
    was an image classifier, too.
    """
    network = hyper.network.build()
    optimizer = hyper.optimizer.build()
    logits_of = hyper.loss.build()
    learned = learned_blocks(network, hyper.learned)
    parts = Parts(
        network,
        logits_of,
        hyper.augment.build(),
        None if hyper.mix is None else hyper.mix.build(),
        policies(network.blocks, learned, hyper.others),
        hyper.batch_size,
    )

    def embed(variables, x):
        return network.apply(variables, x, BatchNormPolicy.running, None)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ImageClassifierState:
        image = first_sample(pool)
        variables = network.init(stream(key, "parameters"), image)
        outputs, _ = jax.eval_shape(embed, variables, image)
        shape = (outputs.features.shape[-1], classes.count)
        weights = jax.random.normal(stream(key, "class weights"), shape) / jnp.sqrt(shape[0])
        params, _ = split(variables["params"], learned)
        target = None
        if hyper.adabn is not None:
            if STATISTICS not in variables:
                raise InputError("adabn: given for a network without batch normalisation")
            unlabelled = (jnp.asarray(pool.y) == UNLABELLED) & (jnp.asarray(pool.w) > 0)
            target = TargetDomain(variables[STATISTICS], PerSample(unlabelled))
        return ImageClassifierState(variables, weights, optimizer.init((params, weights)), key, jnp.int32(0), target)

    def adapted(adabn: AdaBN, variables: Variables, pool: Pool, target: TargetDomain) -> Variables:
        return target_statistics(network, variables, jnp.asarray(pool.x), target.samples.values, adabn.images)

    def fit(
        state: ImageClassifierState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[ImageClassifierState, Metrics]:
        pool, domain, rest = labelled(pool), state.target, state.variables
        if domain is not None and hyper.adabn is not None:
            known = domain.statistics
            estimate = partial(adapted, hyper.adabn, state.variables, pool, domain)
            statistics = jax.lax.cond(state.epoch == 0, estimate, lambda: known)
            rest = {**rest, STATISTICS: by_domain(rest[STATISTICS], statistics)}

        params, _ = split(state.variables["params"], learned)
        learning = Learning((params, state.weights), rest, state.optimizer)
        objective = Objective(parts, pool, classes.count, domain)
        key = stream(state.key, "training")
        learning, metrics = descend_network(
            objective.loss, optimizer, learning, key, pool.w, state.epoch, epochs, total, hyper.batch_size
        )
        params, weights = learning.params
        variables = {**learning.rest, "params": learning.rest["params"] | params}
        if domain is not None:
            domain = domain._replace(statistics=of_domain(variables[STATISTICS], 1))
            variables = {**variables, STATISTICS: of_domain(variables[STATISTICS], 0)}
        epoch = state.epoch + epochs
        return ImageClassifierState(variables, weights, learning.moments, state.key, epoch, domain), metrics

    def predictor(
        state: ImageClassifierState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]
    ) -> ImageClassifierPredictor:
        del classes, unseen
        variables = state.variables
        if hyper.adabn is not None and state.target is not None:
            variables = {**variables, STATISTICS: adapted(hyper.adabn, variables, pool, state.target)}
        return ImageClassifierPredictor(variables, state.weights)

    def embedding(trained: ImageClassifierPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Embedding:
        features = in_blocks(lambda images: embed(trained.variables, scaled(images))[0].features, x)
        return Embedding(features, trained.weights.T[candidates])

    def logits(
        trained: ImageClassifierPredictor, x: Num[Any, "m *s"], candidates: Int[Any, " k"]
    ) -> Float[Array, "m k"]:
        return logits_of(embedding(trained, x, candidates))

    def adopt(key: Key[Array, ""], state: ImageClassifierState, earlier: Any) -> ImageClassifierState:
        del key
        target = state.target
        if target is not None:
            target = target._replace(statistics=earlier.variables[STATISTICS])
        weights = earlier.weights if isinstance(earlier, ImageClassifierState) else state.weights
        return state._replace(variables=earlier.variables, weights=weights, target=target)

    return Method(
        init,
        fit,
        predictor,
        logits,
        embedding=embedding,
        adopt=adopt,
        takes_soft=True,
        takes_images=True,
        whole_pool=hyper.adabn is not None,
        batch_size=hyper.batch_size,
        needs_unlabelled=None if hyper.adabn is None else "adabn",
        pretraining=network.pretraining,
    )
