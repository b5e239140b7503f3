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
from jaxtyping import Array, Float, Int, Key

from jzsl.classifiers.softmax import Linear, Softmax, softmax
from jzsl.devices.mesh import over_data
from jzsl.errors import InputError, require_positive
from jzsl.interfaces import Generator
from jzsl.keys import stream
from jzsl.nets.conditional_generator import GeneratorShape, feature_size
from jzsl.nets.critic import critic
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
    """rows of a minibatch"""
    learning_rate: float = 1e-4
    """of both Adams, with beta 0.5 and 0.999"""
    classifier: Softmax = Softmax(epochs=50, batch_size=100)
    """the softmax on real rows that the classification loss asks"""

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


class _Learned(NamedTuple):
    """The part of the state that changes within an epoch."""

    params: Any
    optimizer: Any
    critic: Any
    critic_optimizer: Any


def gradient_penalty(
    judge: Callable[[Float[Array, " d"], Float[Array, " a"]], Float[Array, ""]],
    x: Float[Array, "b d"],
    semantics: Float[Array, "b a"],
) -> Float[Array, " b"]:
    """(||dD/dX||_2 - 1)^2 row by row (eq. 2)."""
    slope = jax.vmap(jax.grad(judge))(x, semantics)
    # The root's gradient is infinite at 0, which a critic of zero slope would meet.
    length = jnp.sqrt(jnp.maximum(jnp.sum(slope**2, 1), 1e-24))
    return (length - 1) ** 2


def critic_loss(
    judge: Callable[..., Float[Array, "*n"]],
    real: Float[Array, "b d"],
    generated: Float[Array, "b d"],
    mixing: Float[Array, "b 1"],
    semantics: Float[Array, "b a"],
    valid: Float[Array, " b"],
    penalty: float,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """What the critic minimises (eq. 2, negated), and its estimate of the Wasserstein distance, over valid rows.

    Args:
        judge: (x, semantics) -> D.
        real, generated: rows of the same classes.
        mixing: places between them, uniform in [0, 1], where the slope is held at 1.
        semantics: of the rows' classes.
        valid: 1 for rows that count, 0 for fillers.
        penalty: lambda.
    """
    count = jnp.maximum(jnp.sum(valid), 1)
    mixed = mixing * real + (1 - mixing) * generated
    estimate = jnp.sum(valid * (judge(real, semantics) - judge(generated, semantics))) / count
    held = jnp.sum(valid * gradient_penalty(judge, mixed, semantics)) / count
    return penalty * held - estimate, estimate


def wgan(hyper: WGAN) -> Generator:
    """The generator as pure functions; an epoch is as many generator steps as the pool has minibatches.

    Each critic step draws a minibatch of its own from the pool, with replacement, as each of f-CLSWGAN's does. The
    classifier of the classification loss (eq. 4) is trained by `init` on the rows that the pool then has; rows of
    classes that are not seen, such as pseudo-labelled ones, do not enter that loss. Entries that are not observed are
    zeros: an adversarial loss has no place for a mask.
    """
    optimizer = optax.adam(hyper.learning_rate, b1=0.5)
    judge_net = critic(hyper.hidden)
    classifier = softmax(hyper.classifier)

    def network(features: int, dimensions: int):
        return GeneratorShape.mlp.value(features, hyper.hidden, _latents(dimensions))

    def _latents(dimensions: int) -> int:
        return dimensions if hyper.latent is None else hyper.latent

    def observed(pool: Pool) -> Float[Array, "n d"]:
        return jnp.asarray(pool.x) if pool.observed is None else jnp.where(pool.observed, pool.x, 0.0)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> WGANState:
        pool = labelled(pool)
        features, dimensions = pool.x.shape[1], classes.required_semantics.shape[1]
        semantics = jnp.asarray(classes.required_semantics[0])
        params = network(features, dimensions).init(stream(key, "parameters"), semantics)
        judge_params = judge_net.init(stream(key, "critic"), jnp.asarray(pool.x[0]), semantics)
        if hyper.classification > 0:
            y, w = jnp.asarray(pool.y), jnp.asarray(pool.w)
            linear = classifier.fit(stream(key, "classifier"), observed(pool), y, w, classes)
        else:
            linear = Linear(jnp.zeros((features, classes.count)), jnp.zeros(classes.count))
        return WGANState(
            params, optimizer.init(params), judge_params, optimizer.init(judge_params), linear, key, jnp.int32(0)
        )

    def fit(
        state: WGANState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[WGANState, Metrics]:
        pool = labelled(pool)
        dimensions = classes.required_semantics.shape[1]
        net = network(pool.x.shape[1], dimensions)
        x_all, y_all, semantics_all = observed(pool), jnp.asarray(pool.y), jnp.asarray(classes.required_semantics)
        seen = jnp.asarray(classes.seen)
        every_class = jnp.arange(len(semantics_all))
        ends = jnp.cumsum(jnp.asarray(pool.w))

        def generate(params, key, semantics):
            latents = jax.random.normal(key, (*semantics.shape[:-1], _latents(dimensions)))
            return net.decode(params, net.class_preactivation(params, semantics), latents)

        def critic_step(learned: _Learned, key) -> tuple[_Learned, Float[Array, ""]]:
            place = jax.random.randint(stream(key, "rows"), (hyper.batch_size,), 0, jnp.maximum(ends[-1], 1))
            rows = over_data(jnp.searchsorted(ends, place, side="right"))
            semantics = semantics_all[y_all[rows]]
            generated = generate(learned.params, stream(key, "latents"), semantics)
            mixing = jax.random.uniform(stream(key, "mixing"), (hyper.batch_size, 1))
            valid = jnp.ones(hyper.batch_size)

            def loss(judge_params):
                def judge(x, c):
                    return judge_net.apply(judge_params, x, c)

                return critic_loss(
                    judge, x_all[rows].astype(jnp.float32), generated, mixing, semantics, valid, hyper.penalty
                )

            gradient, estimate = jax.grad(loss, has_aux=True)(learned.critic)
            update, moments = optimizer.update(gradient, learned.critic_optimizer)
            judged = learned._replace(critic=optax.apply_updates(learned.critic, update), critic_optimizer=moments)
            return judged, estimate

        def generator_loss(params, judge_params, key, rows, valid):
            """Eq. 5: the critic's verdict and the cross-entropy of the seen classes (eqs. 2, 4)."""
            y = y_all[rows]
            semantics = semantics_all[y]
            generated = generate(params, key, semantics)
            verdict = judge_net.apply(judge_params, generated, semantics)
            scores = classifier.logits(state.classifier, generated, every_class)
            entropy = jnp.where(seen[y], optax.softmax_cross_entropy_with_integer_labels(scores, y), 0.0)
            return jnp.sum(valid * (hyper.classification * entropy - verdict)) / hyper.batch_size

        def step(learned: _Learned, key, rows, valid):
            learned, estimates = jax.lax.scan(
                critic_step, learned, jax.random.split(stream(key, "critic"), hyper.critic_steps)
            )
            value, gradient = jax.value_and_grad(generator_loss)(
                learned.params, learned.critic, stream(key, "latents"), rows, valid
            )
            update, moments = optimizer.update(gradient, learned.optimizer)
            params = optax.apply_updates(learned.params, update)
            metrics = {"loss": value * hyper.batch_size / jnp.sum(valid), "wasserstein": estimates[-1]}
            return learned._replace(params=params, optimizer=moments), metrics

        learned, metrics = run_epochs(
            step,
            _Learned(state.params, state.optimizer, state.critic, state.critic_optimizer),
            stream(state.key, "training"),
            pool.w,
            state.epoch,
            epochs,
            hyper.batch_size,
        )
        return state._replace(**learned._asdict(), epoch=state.epoch + epochs), metrics

    def sample(
        key: Key[Array, ""], state: WGANState, semantics: Float[Array, "m a"], noise: bool
    ) -> Float[Array, "m d"]:
        del noise  # the model has no observation noise
        net = network(feature_size(state.params), semantics.shape[1])
        latents = jax.random.normal(stream(key, "latents"), (len(semantics), _latents(semantics.shape[1])))
        return net.decode(state.params, net.class_preactivation(state.params, semantics), latents)

    return Generator(init, fit, sample, whole_pool=hyper.classification > 0)
