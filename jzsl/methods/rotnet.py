"""RotNet (Gidaris et al., 2018): a network learns by recognising how its images are turned; it uses no labels.

Settings are those of the low-supervision thesis, chapters 5 to 7.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, Num

from jzsl.classifiers.softmax import Linear
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Method, Task
from jzsl.keys import stream
from jzsl.nets.in_blocks import IMAGES, in_blocks
from jzsl.nets.network import BatchNormPolicy, Network, NetworkConfig, Variables
from jzsl.nets.resnet import ResNet
from jzsl.training.augment.augment import AugmentConfig, Sequence
from jzsl.training.augment.crop import PaddedCrop
from jzsl.training.augment.flip import RandomFlip
from jzsl.training.augment.rotation import four_turns
from jzsl.training.minibatch import first_image, minibatch, scaled
from jzsl.training.network_descent import Learning, descend_network
from jzsl.training.optimizers.optimizer import OptimizerConfig
from jzsl.training.optimizers.sgd import SGD
from jzsl.training.rates.step_decay import StepDecay
from jzsl.types import ClassTable, Metrics, Pool

TURNS = 4
NO_CLASSES = (
    "method: RotNet predicts turns of images, no classes; name it in `stages`, before a method that does, such as "
    "Probe or ImageClassifier"
)


@dataclass(frozen=True)
class RotNet:
    """A network trained to recognise the four turns of images; a stage before a method that knows classes."""

    network: NetworkConfig = ResNet()
    """images to features"""
    augment: AugmentConfig = Sequence((PaddedCrop(4), RandomFlip()))
    """changes each image at random before it is turned"""
    optimizer: OptimizerConfig = SGD(0.1, nesterov=True, l2=5e-4, rate=StepDecay((0.3, 0.6, 0.8), 0.2))
    """SGD, Adam, with a schedule of the learning rate"""
    batch_size: int = 128
    """images of a minibatch, each of them in four turns"""

    def __post_init__(self):
        require_positive(self, "batch_size")

    def build(self, task: Task) -> Method:
        del task
        return rotnet(self)


class RotNetState(NamedTuple):
    """The network's variables, the classifier of turns, the optimizer's moments, base key and epochs done."""

    variables: Variables
    turns: Linear
    optimizer: Any
    key: Key[Array, ""]
    epoch: Int[Array, ""]


def rotnet(hyper: RotNet) -> Method:
    """Minimises the mean of -log p(turn | turned image) over the four turns of every image, labelled or not.

    Each minibatch holds all four turns of its images, as in Gidaris et al., where the thesis (chapter 6) speaks of a
    random turn of each. The last state is kept, not the one that recognises most turns of test images. Batch
    normalisation takes its statistics over all four turns.

    It has no answer for classes: its predictor raises an InputError that says so.
    """
    network = hyper.network.build()
    optimizer, augment = hyper.optimizer.build(), hyper.augment.build()

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> RotNetState:
        del classes
        image = first_image(pool)
        if image.shape[1] != image.shape[2]:
            raise InputError(f"samples: images of {image.shape[1]} x {image.shape[2]} found, expected square ones")
        variables = network.init(stream(key, "parameters"), image)
        outputs, _ = jax.eval_shape(lambda: network.apply(variables, image, BatchNormPolicy.running, None))
        size = outputs.features.shape[-1]
        weight = jax.random.normal(stream(key, "turns"), (size, TURNS)) / jnp.sqrt(size)
        turns = Linear(weight, jnp.zeros(TURNS))
        return RotNetState(variables, turns, optimizer.init((variables["params"], turns)), key, jnp.int32(0))

    def fit(
        state: RotNetState,
        pool: Pool,
        classes: ClassTable,
        epochs: int | Int[Array, ""],
        total: int | Int[Array, ""],
    ) -> tuple[RotNetState, Metrics]:
        del classes

        def loss(learnable, variables, key, samples, valid):
            params, turns = learnable
            images = augment(stream(key, "augmentation"), minibatch(pool, samples).x)
            turned, turn = four_turns(images)
            valid = jnp.tile(valid, TURNS)
            variables = {**variables, "params": params}
            outputs, variables = network.apply(
                variables, turned, BatchNormPolicy.train, valid, key=stream(key, "dropout")
            )
            logits = outputs.features @ turns.weight + turns.bias
            entropy = optax.softmax_cross_entropy_with_integer_labels(logits, turn)
            right = valid * (jnp.argmax(logits, 1) == turn)
            metrics = {
                "loss": jnp.sum(valid * entropy) / jnp.sum(valid),
                "rotation_accuracy": jnp.sum(right) / jnp.sum(valid),
            }
            return jnp.sum(valid * entropy) / (TURNS * hyper.batch_size), (variables, metrics)

        learning = Learning((state.variables["params"], state.turns), state.variables, state.optimizer)
        key = stream(state.key, "training")
        learning, metrics = descend_network(
            loss, optimizer, learning, key, pool.w, state.epoch, epochs, total, hyper.batch_size
        )
        params, turns = learning.params
        variables = {**learning.rest, "params": params}
        return RotNetState(variables, turns, learning.moments, state.key, state.epoch + epochs), metrics

    def predictor(state: RotNetState, pool: Pool, classes: ClassTable, unseen: Int[Any, " u"]) -> Any:
        raise InputError(NO_CLASSES)

    def logits(trained: Any, x: Num[Any, "m *s"], candidates: Int[Any, " k"]) -> Float[Array, "m k"]:
        raise InputError(NO_CLASSES)

    def adopt(key: Key[Array, ""], state: RotNetState, earlier: Any) -> RotNetState:
        del key
        return state._replace(variables=earlier.variables)

    return Method(
        init,
        fit,
        predictor,
        logits,
        adopt=adopt,
        takes_images=True,
        batch_size=hyper.batch_size,
        pretraining=network.pretraining,
    )


def turn_logits(network: Network, state: RotNetState, x: Num[Array, "m h w c"]) -> Float[Array, "m 4"]:
    """Scores of no turn, and of one, two and three quarter turns counterclockwise, by running statistics."""
    outputs, _ = network.apply(state.variables, scaled(x), BatchNormPolicy.running, None)
    return outputs.features @ state.turns.weight + state.turns.bias


def rotation_accuracy(
    network: Network, state: RotNetState, x: Num[Array, "n h w c"], size: int = IMAGES
) -> Float[Array, ""]:
    """Share of the four turns of all images that are recognised, `size` images at a time."""

    def right(images):
        turned, turn = four_turns(images)
        predicted = jnp.argmax(turn_logits(network, state, turned), 1)
        return jnp.mean((predicted == turn).reshape(TURNS, -1), 0)

    return jnp.mean(in_blocks(right, x, size))
