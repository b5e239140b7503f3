"""ABP: a feature-to-feature translator learned by alternating back-propagation (Zhu et al. 2019).

Every equation number is the ABP paper's. Each training sample keeps its latents between visits (section 3.2.2): the
warm start of a chain that runs as long as training does.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.errors import require_positive
from jzsl.generators.back_propagation import Learned, Samples, infer, learn, learn_in_turn, step_stability, stored
from jzsl.generators.generator import Generator
from jzsl.generators.observation_noise import FixedNoise, ObservationNoiseConfig
from jzsl.keys import stream
from jzsl.nets.conditional_generator import MLP, GeneratorNet, GeneratorNetConfig, feature_size
from jzsl.sampling.kernel import KernelConfig
from jzsl.sampling.latent_model import LatentModel
from jzsl.sampling.unadjusted import Unadjusted
from jzsl.training.epochs import epoch_order, run_epochs
from jzsl.training.minibatch import labelled, minibatch
from jzsl.types import ClassTable, Metrics, PerSample, Pool

_STABILITY_SAMPLES = 16
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
    """l, Langevin steps per visit of a sample"""
    step_size: float = 0.3
    """s, the Langevin step size"""
    kernel: KernelConfig = Unadjusted()
    """how the latents are inferred; Unadjusted is eq. 6"""
    step_decay: float = 1.0
    """factor by which s shrinks in every 1,000 learning steps; 1 leaves it"""
    observation_noise: ObservationNoiseConfig = FixedNoise()
    """where the sigma of eq. 1 comes from; FixedNoise is the paper's"""
    batch_size: int = 64
    """samples of a minibatch"""
    minibatches: int = 1
    """minibatches whose latents are inferred together, before a learning step on each: more is closer to the full
    alternation of algorithm 1, and reads the weights less often"""
    learning_rate: float = 1e-3
    """of Adam, with beta 0.9 and 0.999"""
    network: GeneratorNetConfig = MLP()
    """the family of g; MLP is the paper's"""

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
    """Everything that training carries: theta, Adam's moments, every sample's latents, the learned sigma^2 of each
    class and of all samples (last), scalars, key, epochs done."""

    params: Any
    optimizer: Any
    latents: PerSample
    variance: Float[Array, " c_1"]
    scalars: Scalars
    key: Key[Array, ""]
    epoch: Int[Array, ""]


def abp(hyper: ABP) -> Generator:
    """The generator as pure functions: `init`, `fit` (algorithm 1 on minibatches) and `sample` (section 4.1).

    Departures from algorithm 1, which takes all samples together: the paper's minibatches and Adam (section 5.1); a
    sample drawn more than once into a minibatch keeps the latents of its first chain there. `step_decay`,
    `observation_noise` and `minibatches` are additions, off by default.
    """
    optimizer = optax.scale_by_adam(b1=0.9, b2=0.999)
    noise = hyper.observation_noise.build()

    def network(features: int) -> GeneratorNet:
        return hyper.network.build(features, hyper.hidden, hyper.latent)

    def init(key: Key[Array, ""], pool: Pool, classes: ClassTable) -> ABPState:
        params = network(pool.x.shape[1]).init(stream(key, "parameters"), jnp.asarray(classes.required_semantics[0]))
        latents = jax.random.normal(stream(key, "latents"), (len(pool.x), hyper.latent))
        scalars = Scalars(*map(jnp.float32, (hyper.sigma, hyper.step_size, hyper.learning_rate)))
        variance = jnp.full(classes.count + 1, scalars.sigma**2)
        return ABPState(params, optimizer.init(params), PerSample(latents), variance, scalars, key, jnp.int32(0))

    def step_size_at(scalars: Scalars, optimizer_state: Any) -> Float[Array, ""]:
        """s, shrunk by `step_decay` in every 1,000 learning steps done."""
        if hyper.step_decay == 1:
            return scalars.step_size
        return scalars.step_size * hyper.step_decay ** (optimizer_state.count / _DECAY_STEPS)

    def fit(
        state: ABPState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[ABPState, Metrics]:
        del total
        pool, scalars = labelled(pool), state.scalars
        net = network(pool.x.shape[1])

        def samples_at(indices, learned: Learned) -> Samples:
            x, observed, y = minibatch(pool, indices)
            sigma = noise.sigma(scalars.sigma, learned.variance, y)
            return Samples(x, observed, y, classes.required_semantics[y], sigma)

        def learning_step(learned: Learned, indices, latents, valid):
            samples = samples_at(indices, learned)
            return learn(optimizer, scalars.learning_rate, net, noise, learned, samples, latents, valid)

        def step(learned: Learned, key, indices, valid):
            kernel = hyper.kernel.build(step_size_at(scalars, learned.optimizer))
            samples, start = samples_at(indices, learned), learned.latents[indices]
            latents, info = infer(key, kernel, net, learned.params, samples, start, hyper.langevin_steps)
            learned = learned._replace(latents=stored(learned.latents, indices, valid, latents))
            learned, loss = learn_in_turn(learning_step, learned, hyper.batch_size, indices, latents, valid)
            share = valid / jnp.sum(valid)
            chains = {name: jnp.sum(value.mean(1) * share) for name, value in info._asdict().items()}
            return learned, {"loss": loss / jnp.sum(valid), **chains}

        start = Learned(state.params, state.optimizer, state.latents.values, state.variance)
        key, size = stream(state.key, "training"), hyper.batch_size * hyper.minibatches
        learned, metrics = run_epochs(step, start, key, pool.w, state.epoch, epochs, size)

        order, used = epoch_order(stream(state.key, "stability", state.epoch), pool.w)
        some = order[:_STABILITY_SAMPLES]
        valid, step_size = jnp.arange(len(some)) < used, step_size_at(scalars, learned.optimizer)
        metrics["stability"] = step_stability(
            hyper.kernel.build(step_size), step_size, net, learned.params, samples_at(some, learned),
            learned.latents[some], valid,
        )  # fmt: skip
        sigma = noise.sigma(scalars.sigma, learned.variance, jnp.asarray(pool.y))
        metrics["sigma"] = jnp.sum(pool.w * sigma) / jnp.sum(pool.w)
        after = learned._asdict() | {"latents": PerSample(learned.latents)}
        return state._replace(**after, epoch=state.epoch + epochs), metrics

    def latent_model(state: ABPState, semantics: Float[Array, " a"]) -> LatentModel:
        net = network(feature_size(state.params))
        preactivation = net.class_preactivation(state.params, semantics)
        sigma = noise.sigma_of_new_class(state.scalars.sigma, state.variance)
        return LatentModel(lambda z: net.decode(state.params, preactivation, z), hyper.latent, sigma)

    def sample(
        key: Key[Array, ""], state: ABPState, semantics: Float[Array, "m a"], noisy: bool
    ) -> Float[Array, "m d"]:
        net = network(feature_size(state.params))
        latents = jax.random.normal(stream(key, "latents"), (len(semantics), hyper.latent))
        generated = net.decode(state.params, net.class_preactivation(state.params, semantics), latents)
        if not noisy:
            return generated
        sigma = noise.sigma_of_new_class(state.scalars.sigma, state.variance)
        return generated + sigma * jax.random.normal(stream(key, "noise"), generated.shape)

    def relabel(key: Key[Array, ""], state: ABPState, changed: Bool[Array, " n"]) -> ABPState:
        """Latents inferred under another class are of no use: those samples start again from the prior."""
        latents = state.latents.values
        fresh = jax.random.normal(key, latents.shape)
        return state._replace(latents=PerSample(jnp.where(changed[:, None], fresh, latents)))

    return Generator(init, fit, sample, relabel, latent_model, batch_size=hyper.batch_size)
