"""f-CLSWGAN: a conditional Wasserstein GAN of features with gradient penalty and classification loss.

Xian et al. 2018, "Feature generating networks for zero-shot learning" (FGZSL in the ABP paper); equation numbers are
theirs. It is the WGAN base of the STHS paper with `classification=0`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.classifiers.softmax import Linear, Softmax, softmax
from jzsl.devices.mesh import over_data
from jzsl.errors import InputError, require_positive
from jzsl.generators.generator import Generator
from jzsl.keys import stream
from jzsl.nets.conditional_generator import MLP, GeneratorNet, feature_size
from jzsl.nets.critic import CriticNet, critic
from jzsl.training.epochs import run_epochs
from jzsl.training.minibatch import labelled
from jzsl.types import ClassTable, Metrics, Pool


@dataclass(frozen=True)
class WGAN:
    """Wasserstein GAN with gradient penalty; the defaults are f-CLSWGAN's."""

    hidden: int = 4096
    """nodes of the hidden layers of generator and critic"""
    latent: int | None = None
    """number of latent factors; None: as many as the class semantics have dimensions"""
    critic_steps: int = 5
    """steps of the critic before each step of the generator"""
    penalty: float = 10.0
    """weight of the gradient penalty"""
    classification: float = 0.01
    """weight of the classification loss; 0 leaves it out"""
    batch_size: int = 64
    """samples of a minibatch"""
    learning_rate: float = 1e-4
    """of both Adams, with beta 0.5 and 0.999"""
    classifier: Softmax = Softmax(epochs=50, batch_size=100)
    """the softmax on real samples that the classification loss uses"""

    def __post_init__(self):
        require_positive(self, "hidden", "critic_steps", "penalty", "batch_size", "learning_rate")
        if self.latent is not None and self.latent < 1:
            raise InputError(f"latent: {self.latent} found, expected at least 1")
        if not self.classification >= 0:
            raise InputError(f"classification: {self.classification} found, expected zero or more")

    def build(self) -> Generator:
        return wgan(self)


class WGANState(NamedTuple):
    """Parameters and Adam's moments of both networks, the softmax on seen classes, base key, epochs done."""

    params: Any
    optimizer: Any
    critic: Any
    critic_optimizer: Any
    classifier: Linear
    key: Key[Array, ""]
    epoch: Int[Array, ""]


class Learned(NamedTuple):
    """The part of the state that changes within an epoch."""

    params: Any
    optimizer: Any
    critic: Any
    critic_optimizer: Any


Score = Callable[[Float[Array, "*n d"], Float[Array, "*n a"]], Float[Array, "*n"]]
"""D: features and semantics to critic scores."""


def gradient_penalty(score: Score, x: Float[Array, "b d"], semantics: Float[Array, "b a"]) -> Float[Array, " b"]:
    """(||dD/dX||_2 - 1)^2 of each sample (eq. 2)."""
    slope = jax.vmap(jax.grad(score))(x, semantics)
    # The root's gradient is infinite at 0, which a critic of zero slope would meet.
    length = jnp.sqrt(jnp.maximum(jnp.sum(slope**2, 1), 1e-24))
    return (length - 1) ** 2


def critic_loss(
    score: Score,
    real: Float[Array, "b d"],
    generated: Float[Array, "b d"],
    mixing: Float[Array, "b 1"],
    semantics: Float[Array, "b a"],
    valid: Float[Array, " b"],
    penalty: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """What the critic minimises (eq. 2, negated), and its estimate of the Wasserstein distance, over valid samples.

    Args:
        score: D.
        real, generated: samples of the same classes.
        mixing: points between them, uniform in [0, 1], at which the penalty draws the slope to 1.
        semantics: of the samples' classes.
        valid: 1 for samples that count, 0 for padding.
        penalty: lambda.
    """
    count = jnp.maximum(jnp.sum(valid), 1)
    mixed = mixing * real + (1 - mixing) * generated
    estimate = jnp.sum(valid * (score(real, semantics) - score(generated, semantics))) / count
    squared = jnp.sum(valid * gradient_penalty(score, mixed, semantics)) / count
    return penalty * squared - estimate, estimate


def generate(
    key: Key[Array, ""], net: GeneratorNet, params: Any, semantics: Float[Array, "m a"], latent: int
) -> Float[Array, "m d"]:
    """A sample of each row of semantics, with `latent` normal latents."""
    latents = jax.random.normal(key, (len(semantics), latent))
    return net.decode(params, net.class_preactivation(params, semantics), latents)


def critic_step(
    key: Key[Array, ""],
    net: CriticNet,
    optimizer: optax.GradientTransformation,
    learned: Learned,
    real: Float[Array, "b d"],
    generated: Float[Array, "b d"],
    semantics: Float[Array, "b a"],
    penalty: float,
) -> tuple[Learned, Float[Array, ""]]:
    """One step of the critic, and its estimate of the Wasserstein distance before it."""
    mixing = jax.random.uniform(key, (len(real), 1))

    def loss(params):
        def score(x, semantics):
            return net.apply(params, x, semantics)

        return critic_loss(score, real, generated, mixing, semantics, jnp.ones(len(real)), penalty)

    gradient, estimate = jax.grad(loss, has_aux=True)(learned.critic)
    update, moments = optimizer.update(gradient, learned.critic_optimizer)
    return learned._replace(critic=optax.apply_updates(learned.critic, update), critic_optimizer=moments), estimate


def generator_loss(
    critic_score: Float[Array, " b"],
    class_scores: Float[Array, "b c"],
    y: Int[Array, " b"],
    seen: Bool[Array, " c"],
    valid: Float[Array, " b"],
    classification: float,
) -> Float[Array, ""]:
    """Eq. 5 over valid samples, divided by the minibatch size: minus the critic score, plus `classification` times the
    cross-entropy of samples of seen classes (eqs. 2, 4)."""
    entropy = jnp.where(seen[y], optax.softmax_cross_entropy_with_integer_labels(class_scores, y), 0.0)
    return jnp.sum(valid * (classification * entropy - critic_score)) / len(y)


class Game(NamedTuple):
    """The two networks' steps on the minibatches of a pool.

    Attributes:
        hyper: hyper-parameters.
        latent: number of latent factors.
        net, critic_net: the families of generator and critic.
        optimizer: of both.
        class_scores: the classifier's scores of samples, one column per class.
        x, y: labelled samples and their classes, zeros where an entry is not observed.
        ends: cumulative multiplicities of the samples.
        semantics, seen: of all classes.
    """

    hyper: WGAN
    latent: int
    net: GeneratorNet
    critic_net: CriticNet
    optimizer: optax.GradientTransformation
    class_scores: Callable[[Float[Array, "b d"]], Float[Array, "b c"]]
    x: Float[Array, "n d"]
    y: Int[Array, " n"]
    ends: Int[Array, " n"]
    semantics: Float[Array, "c a"]
    seen: Bool[Array, " c"]

    def step(
        self, learned: Learned, key: Key[Array, ""], indices: Int[Array, " b"], valid: Float[Array, " b"]
    ) -> tuple[Learned, Metrics]:
        """Some steps of the critic on minibatches of their own, then one of the generator."""
        keys = jax.random.split(stream(key, "critic"), self.hyper.critic_steps)
        learned, estimates = jax.lax.scan(self.step_of_critic, learned, keys)
        value, gradient = jax.value_and_grad(self.loss_of_generator)(
            learned.params, learned.critic, stream(key, "latents"), indices, valid
        )
        update, moments = self.optimizer.update(gradient, learned.optimizer)
        params = optax.apply_updates(learned.params, update)
        metrics = {"loss": value * self.hyper.batch_size / jnp.sum(valid), "wasserstein": estimates[-1]}
        return learned._replace(params=params, optimizer=moments), metrics

    def step_of_critic(self, learned: Learned, key: Key[Array, ""]) -> tuple[Learned, Float[Array, ""]]:
        """On a minibatch drawn from the pool with replacement; also its estimate of the Wasserstein distance."""
        size = (self.hyper.batch_size,)
        draws = jax.random.randint(stream(key, "rows"), size, 0, jnp.maximum(self.ends[-1], 1))
        indices = over_data(jnp.searchsorted(self.ends, draws, side="right"))
        c = self.semantics[self.y[indices]]
        generated = generate(stream(key, "latents"), self.net, learned.params, c, self.latent)
        real, key = self.x[indices].astype(jnp.float32), stream(key, "mixing")
        return critic_step(key, self.critic_net, self.optimizer, learned, real, generated, c, self.hyper.penalty)

    def loss_of_generator(
        self, params: Any, critic_params: Any, key: Key[Array, ""], indices: Int[Array, " b"], valid: Float[Array, " b"]
    ) -> Float[Array, ""]:
        """On generated samples of the minibatch's classes."""
        y = self.y[indices]
        c = self.semantics[y]
        generated = generate(key, self.net, params, c, self.latent)
        class_scores = self.class_scores(generated)
        critic_score = self.critic_net.apply(critic_params, generated, c)
        return generator_loss(critic_score, class_scores, y, self.seen, valid, self.hyper.classification)


def wgan(hyper: WGAN) -> Generator:
    """The generator as pure functions; an epoch is as many generator steps as the pool has minibatches.

    Each critic step draws its minibatch from the pool, with replacement, as each of f-CLSWGAN's does. The classifier of
    the classification loss (eq. 4) is trained by `init` on the samples that the pool then has; samples of classes that
    are not seen, such as pseudo-labelled ones, do not enter that loss. Entries that are not observed are zeros: an
    adversarial loss cannot leave them out.
    """
    optimizer = optax.adam(hyper.learning_rate, b1=0.5)
    critic_net = critic(hyper.hidden)
    classifier = softmax(hyper.classifier)

    def latent_of(dimensions: int) -> int:
        return dimensions if hyper.latent is None else hyper.latent

    def network(features: int, dimensions: int) -> GeneratorNet:
        return MLP().build(features, hyper.hidden, latent_of(dimensions))

    def observed(pool: Pool) -> Float[Array, "n d"]:
        return jnp.asarray(pool.x) if pool.observed is None else jnp.where(pool.observed, pool.x, 0.0)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> WGANState:
        pool = labelled(pool)
        features, dimensions = pool.x.shape[1], classes.required_semantics.shape[1]
        semantics = jnp.asarray(classes.required_semantics[0])
        params = network(features, dimensions).init(stream(key, "parameters"), semantics)
        critic_params = critic_net.init(stream(key, "critic"), jnp.asarray(pool.x[0]), semantics)
        if hyper.classification > 0:
            y, w = jnp.asarray(pool.y), jnp.asarray(pool.w)
            linear = classifier.fit(stream(key, "classifier"), observed(pool), y, w, classes)
        else:
            linear = Linear(jnp.zeros((features, classes.count)), jnp.zeros(classes.count))
        return WGANState(
            params, optimizer.init(params), critic_params, optimizer.init(critic_params), linear, key, jnp.int32(0)
        )

    def fit(
        state: WGANState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[WGANState, Metrics]:
        del total
        pool, semantics = labelled(pool), jnp.asarray(classes.required_semantics)
        features, dimensions = pool.x.shape[1], semantics.shape[1]
        game = Game(
            hyper,
            latent_of(dimensions),
            network(features, dimensions),
            critic_net,
            optimizer,
            class_scores=lambda x: classifier.logits(state.classifier, x, jnp.arange(classes.count)),
            x=observed(pool),
            y=jnp.asarray(pool.y),
            ends=jnp.cumsum(jnp.asarray(pool.w)),
            semantics=semantics,
            seen=jnp.asarray(classes.seen),
        )
        start = Learned(state.params, state.optimizer, state.critic, state.critic_optimizer)
        key = stream(state.key, "training")
        learned, metrics = run_epochs(game.step, start, key, pool.w, state.epoch, epochs, hyper.batch_size)
        return state._replace(**learned._asdict(), epoch=state.epoch + epochs), metrics

    def sample(
        key: Key[Array, ""], state: WGANState, semantics: Float[Array, "m a"], noise: bool
    ) -> Float[Array, "m d"]:
        del noise  # the model has no observation noise
        dimensions = semantics.shape[1]
        net = network(feature_size(state.params), dimensions)
        return generate(stream(key, "latents"), net, state.params, semantics, latent_of(dimensions))

    return Generator(init, fit, sample, whole_pool=hyper.classification > 0, batch_size=hyper.batch_size)
