"""ABP: a feature-to-feature translator learned by alternating back-propagation (Zhu et al. 2019).

Every equation number is the ABP paper's. Each training row keeps its own latents between visits (section 3.2.2):
the warm start of a chain that runs as long as training does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.errors import require_positive
from jzsl.generators.observation_noise import ObservationNoise, variance_ema
from jzsl.interfaces import Generator, LatentModel
from jzsl.keys import stream
from jzsl.nets.conditional_generator import GeneratorShape, feature_size
from jzsl.sampling.chain import Langevin, run
from jzsl.sampling.stability import stability
from jzsl.training.epochs import epoch_order, run_epochs
from jzsl.training.minibatch import labelled, minibatch
from jzsl.types import ClassTable, Metrics, PerSample, Pool

_STABILITY_ROWS = 16
_DECAY_STEPS = 1000


@dataclass(frozen=True)
class ABP:
    """Alternating back-propagation; the defaults are the ABP paper's (section 5.1)."""

    hidden: int = 4096
    """nodes of the hidden layer"""
    latent: int = 10
    """d, the number of latent factors"""
    sigma: float = 0.3
    """standard deviation of the noise in eq. 1, in units of the scaled features"""
    langevin_steps: int = 10
    """l, Langevin steps per visit of a row"""
    step_size: float = 0.3
    """s, the Langevin step size"""
    kernel: Langevin = Langevin.unadjusted
    """how the latents are inferred; unadjusted is eq. 6"""
    step_decay: float = 1.0
    """factor by which s shrinks in every 1,000 learning steps; 1 leaves it"""
    observation_noise: ObservationNoise = ObservationNoise.fixed
    """where the sigma of eq. 1 comes from; fixed is the paper's"""
    batch_size: int = 64
    """rows of a minibatch"""
    minibatches: int = 1
    """minibatches whose latents are inferred at once, before a learning step on each: more is closer to the full
    alternation of algorithm 1, and reads the weights less often"""
    learning_rate: float = 1e-3
    """of Adam, with beta 0.9 and 0.999"""
    network: GeneratorShape = GeneratorShape.mlp
    """the family of g; mlp is the paper's"""

    def __post_init__(self):
        require_positive(
            self,
            "hidden",
            "latent",
            "langevin_steps",
            "batch_size",
            "minibatches",
            "step_decay",
            "sigma",
            "step_size",
            "learning_rate",
        )

    def build(self) -> Generator:
        return abp(self)


class Scalars(NamedTuple):
    """Hyper-parameters that a study may sweep by `vmap` over the state."""

    sigma: Float[Array, ""]
    step_size: Float[Array, ""]
    learning_rate: Float[Array, ""]


class ABPState(NamedTuple):
    """Everything that training carries: theta, Adam's moments, every row's latents, the learned sigma^2 of each class
    and of all rows (last), scalars, key, epochs done."""

    params: Any
    optimizer: Any
    latents: PerSample
    variance: Float[Array, " c_1"]
    scalars: Scalars
    key: Key[Array, ""]
    epoch: Int[Array, ""]


class _Learned(NamedTuple):
    """The part of the state that changes within an epoch."""

    params: Any
    optimizer: Any
    latents: Float[Array, "n z"]
    variance: Float[Array, " c_1"]


def squared_error(
    x: Float[Array, "*n d"], generated: Float[Array, "*n d"], observed: Bool[Array, "*n d"] | None
) -> Float[Array, "*n"]:
    """||M o (X - g(C, Z))||^2 row by row (section 4.2). An entry that is not observed has no influence at all."""
    residual = x - generated
    if observed is not None:
        residual = jnp.where(observed, residual, 0.0)
    return jnp.sum(residual**2, -1)


def potential(
    decode: Callable[[Float[Array, " z"]], Float[Array, " d"]],
    x: Float[Array, " d"],
    observed: Bool[Array, " d"] | None,
    sigma: float | Float[Array, ""],
) -> Callable[[Float[Array, " z"]], Float[Array, ""]]:
    """U(Z) = -log p(X, Z | C) up to a constant (eq. 2): ||X - g||^2 / (2 sigma^2) + ||Z||^2 / 2, of one row."""
    return lambda z: squared_error(x, decode(z), observed) / (2 * sigma**2) + jnp.sum(z**2) / 2


def learning_loss(
    x: Float[Array, "b d"],
    generated: Float[Array, "b d"],
    observed: Bool[Array, "b d"] | None,
    sigma: float | Float[Array, ""] | Float[Array, " b"],
    valid: Float[Array, " b"],
) -> Float[Array, ""]:
    """||X - g||^2 / (2 sigma^2) summed over valid rows and divided by the minibatch size b.

    Its negative gradient in theta is eq. 8, up to the division, which Adam does not feel.
    """
    return jnp.sum(valid * squared_error(x, generated, observed) / (2 * sigma**2)) / len(x)


def abp(hyper: ABP) -> Generator:
    """The generator as pure functions: `init`, `fit` (algorithm 1 on minibatches) and `sample` (section 4.1).

    Departures from algorithm 1, which takes all rows at once: the paper's own minibatches and Adam (section 5.1);
    a row drawn more than once into a minibatch keeps the latents of its first chain there. `step_decay`,
    `observation_noise` and `minibatches` are additions, off by default.
    """
    optimizer = optax.scale_by_adam(b1=0.9, b2=0.999)

    def network(features: int):
        return hyper.network.value(features, hyper.hidden, hyper.latent)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ABPState:
        params = network(pool.x.shape[1]).init(stream(key, "parameters"), jnp.asarray(classes.required_semantics[0]))
        latents = jax.random.normal(stream(key, "latents"), (len(pool.x), hyper.latent))
        scalars = Scalars(*map(jnp.float32, (hyper.sigma, hyper.step_size, hyper.learning_rate)))
        variance = jnp.full(classes.count + 1, scalars.sigma**2)
        return ABPState(params, optimizer.init(params), PerSample(latents), variance, scalars, key, jnp.int32(0))

    def sigma_of(state_sigma: Float[Array, ""], variance: Float[Array, " c_1"], y: Int[Array, " b"]):
        """sigma of the rows' classes."""
        if hyper.observation_noise is ObservationNoise.per_class:
            return jnp.sqrt(variance[y])
        if hyper.observation_noise is ObservationNoise.learned:
            return jnp.full(y.shape, jnp.sqrt(variance[-1]))
        return jnp.full(y.shape, state_sigma)

    def fit(
        state: ABPState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[ABPState, Metrics]:
        pool = labelled(pool)
        net = network(pool.x.shape[1])
        scalars = state.scalars

        def step_size_at(optimizer_state) -> Float[Array, ""]:
            """s, as far as it has decayed by now."""
            if hyper.step_decay == 1:
                return scalars.step_size
            return scalars.step_size * hyper.step_decay ** (optimizer_state.count / _DECAY_STEPS)

        def row_potential(params, preactivation, x, observed, sigma):
            return potential(lambda z: net.decode(params, preactivation, z), x, observed, sigma)

        def infer(kernel, params, keys, preactivation, x, observed, sigma, latents):
            """Inferential back-propagation: l Langevin steps for each row (eq. 6)."""

            def chain(key, z, preactivation, x, observed, sigma):
                energy = row_potential(params, preactivation, x, observed, sigma)
                return run(key, kernel, z, energy, hyper.langevin_steps)

            return jax.vmap(chain)(keys, latents, preactivation, x, observed, sigma)

        def loss(params, semantics, x, observed, sigma, latents, valid):
            """Learning back-propagation descends this (eqs. 7, 8)."""
            generated = net.decode(params, net.class_preactivation(params, semantics), latents)
            return learning_loss(x, generated, observed, sigma, valid), generated

        def learn(learned: _Learned, rows, latents, valid) -> tuple[_Learned, Float[Array, ""]]:
            """One learning step on one minibatch, and its loss summed over rows."""
            x, observed, y = minibatch(pool, rows)
            semantics = classes.required_semantics[y]
            sigma = sigma_of(scalars.sigma, learned.variance, y)
            (value, generated), gradient = jax.value_and_grad(loss, has_aux=True)(
                learned.params, semantics, x, observed, sigma, latents, valid
            )
            update, moments = optimizer.update(gradient, learned.optimizer)
            params = jax.tree.map(lambda p, u: p - scalars.learning_rate * u, learned.params, update)
            variance = learned.variance
            if hyper.observation_noise is not ObservationNoise.fixed:
                entries = jnp.full(len(x), x.shape[1], x.dtype) if observed is None else jnp.sum(observed, 1, x.dtype)
                variance = variance_ema(variance, squared_error(x, generated, observed), entries, y, valid)
            return learned._replace(params=params, optimizer=moments, variance=variance), value * hyper.batch_size

        def learn_in_turn(learned: _Learned, rows, latents, valid) -> tuple[_Learned, Float[Array, ""]]:
            """A learning step on each of the minibatches whose latents were inferred at once."""
            if hyper.minibatches == 1:
                return learn(learned, rows, latents, valid)

            def one(number, carry):
                learned, total = carry

                def part(array):
                    return jax.lax.dynamic_slice_in_dim(array, number * hyper.batch_size, hyper.batch_size)

                learned, value = learn(learned, part(rows), part(latents), part(valid))
                return learned, total + value

            used = (jnp.sum(valid).astype(jnp.int32) + hyper.batch_size - 1) // hyper.batch_size
            return jax.lax.fori_loop(0, used, one, (learned, jnp.float32(0)))

        def step(learned: _Learned, key, rows, valid):
            x, observed, y = minibatch(pool, rows)
            semantics = classes.required_semantics[y]
            preactivation = net.class_preactivation(learned.params, semantics)
            keys = jax.random.split(key, len(rows))
            kernel = hyper.kernel.value(step_size_at(learned.optimizer))
            sigma = sigma_of(scalars.sigma, learned.variance, y)
            chains, info = infer(kernel, learned.params, keys, preactivation, x, observed, sigma, learned.latents[rows])
            # A filler row, or a row already in this minibatch, is written to no place.
            earlier = jnp.tril(rows[:, None] == rows[None, :], -1).any(1)
            place = jnp.where((valid > 0) & ~earlier, rows, len(pool.x))
            latents = learned.latents.at[place].set(chains.position, mode="drop")
            learned, total = learn_in_turn(learned._replace(latents=latents), rows, chains.position, valid)
            share = valid / jnp.sum(valid)
            metrics = {
                "loss": total / jnp.sum(valid),
                "energy": jnp.sum(info.energy.mean(1) * share),
                "gradient_norm": jnp.sum(info.gradient_norm.mean(1) * share),
                "acceptance": jnp.sum(info.acceptance.mean(1) * share),
            }
            return learned, metrics

        def step_stability(learned: _Learned, key):
            """Mean over a few random rows of `jzsl.sampling.stability`, where their chains now stand."""
            order, used = epoch_order(key, pool.w)
            rows = order[:_STABILITY_ROWS]
            valid = jnp.arange(len(rows)) < used
            x, observed, y = minibatch(pool, rows)
            semantics = classes.required_semantics[y]
            preactivation = net.class_preactivation(learned.params, semantics)
            step_size = step_size_at(learned.optimizer)
            kernel, sigma = hyper.kernel.value(step_size), sigma_of(scalars.sigma, learned.variance, y)

            def of_row(z, preactivation, x, observed, sigma):
                energy = row_potential(learned.params, preactivation, x, observed, sigma)
                root = getattr(kernel.init(z, energy), "root", None)
                return stability(energy, z, step_size, root)

            values = jax.vmap(of_row)(learned.latents[rows], preactivation, x, observed, sigma)
            return jnp.sum(jnp.where(valid, values, 0.0)) / jnp.sum(valid)

        learned, metrics = run_epochs(
            step,
            _Learned(state.params, state.optimizer, state.latents.values, state.variance),
            stream(state.key, "training"),
            pool.w,
            state.epoch,
            epochs,
            hyper.batch_size * hyper.minibatches,
        )
        metrics["stability"] = step_stability(learned, stream(state.key, "stability", state.epoch))
        sigma = sigma_of(scalars.sigma, learned.variance, jnp.asarray(pool.y))
        metrics["sigma"] = jnp.sum(pool.w * sigma) / jnp.sum(pool.w)
        after = learned._asdict() | {"latents": PerSample(learned.latents)}
        return state._replace(**after, epoch=state.epoch + epochs), metrics

    def sample(
        key: Key[Array, ""], state: ABPState, semantics: Float[Array, "m a"], noise: bool
    ) -> Float[Array, "m d"]:
        net = network(feature_size(state.params))
        latents = jax.random.normal(stream(key, "latents"), (len(semantics), hyper.latent))
        generated = net.decode(state.params, net.class_preactivation(state.params, semantics), latents)
        if not noise:
            return generated
        return generated + sigma_of_all(state) * jax.random.normal(stream(key, "noise"), generated.shape)

    def sigma_of_all(state: ABPState) -> Float[Array, ""]:
        """sigma for classes of which no row is known."""
        fixed = hyper.observation_noise is ObservationNoise.fixed
        return state.scalars.sigma if fixed else jnp.sqrt(state.variance[-1])

    def latent_model(state: ABPState, semantics: Float[Array, " a"]) -> LatentModel:
        net = network(feature_size(state.params))
        preactivation = net.class_preactivation(state.params, semantics)
        return LatentModel(lambda z: net.decode(state.params, preactivation, z), hyper.latent, sigma_of_all(state))

    def relabel(key: Key[Array, ""], state: ABPState, changed: Bool[Array, " n"]) -> ABPState:
        """Latents inferred under another class say nothing: those rows start again from the prior."""
        latents = state.latents.values
        fresh = jax.random.normal(key, latents.shape)
        return state._replace(latents=PerSample(jnp.where(changed[:, None], fresh, latents)))

    return Generator(init, fit, sample, relabel, latent_model)
