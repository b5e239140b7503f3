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
from jzsl.generators.observation_noise import FixedNoise, ObservationNoise, ObservationNoiseConfig
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


class Alternation(NamedTuple):
    """Algorithm 1 on the minibatches of a pool.

    Attributes:
        hyper: hyper-parameters.
        scalars: those that a study may sweep.
        net: the family of g.
        noise: the observation noise of eq. 1.
        optimizer: of theta.
        pool: labelled samples.
        classes: the class table.
    """

    hyper: ABP
    scalars: Scalars
    net: GeneratorNet
    noise: ObservationNoise
    optimizer: optax.GradientTransformation
    pool: Pool
    classes: ClassTable

    def samples(self, indices: Int[Array, " b"], learned: Learned) -> Samples:
        """The samples at `indices`."""
        x, observed, y = minibatch(self.pool, indices)
        sigma = self.noise.sigma(self.scalars.sigma, learned.variance, y)
        return Samples(x, observed, y, self.classes.required_semantics[y], sigma)

    def step_size(self, learned: Learned) -> Float[Array, ""]:
        """s, shrunk by `step_decay` in every 1,000 learning steps done."""
        if self.hyper.step_decay == 1:
            return self.scalars.step_size
        return self.scalars.step_size * self.hyper.step_decay ** (learned.optimizer.count / _DECAY_STEPS)

    def step(
        self, learned: Learned, key: Key[Array, ""], indices: Int[Array, " b"], valid: Float[Array, " b"]
    ) -> tuple[Learned, Metrics]:
        """Infers the latents of some minibatches together, then learns from each."""
        kernel = self.hyper.kernel.build(self.step_size(learned))
        samples, start = self.samples(indices, learned), learned.latents[indices]
        latents, info = infer(key, kernel, self.net, learned.params, samples, start, self.hyper.langevin_steps)
        learned = learned._replace(latents=stored(learned.latents, indices, valid, latents))
        learned, loss = learn_in_turn(self.learning_step, learned, self.hyper.batch_size, indices, latents, valid)
        share = valid / jnp.sum(valid)
        chains = {name: jnp.sum(value.mean(1) * share) for name, value in info._asdict().items()}
        return learned, {"loss": loss / jnp.sum(valid), **chains}

    def learning_step(
        self, learned: Learned, indices: Int[Array, " b"], latents: Float[Array, "b z"], valid: Float[Array, " b"]
    ) -> tuple[Learned, Float[Array, ""]]:
        """Learns from one minibatch."""
        rate, samples = self.scalars.learning_rate, self.samples(indices, learned)
        return learn(self.optimizer, rate, self.net, self.noise, learned, samples, latents, valid)

    def stability(self, key: Key[Array, ""], learned: Learned) -> Float[Array, ""]:
        """Of the Langevin step, at a few samples."""
        order, used = epoch_order(key, self.pool.w)
        some = order[:_STABILITY_SAMPLES]
        valid, size = jnp.arange(len(some)) < used, self.step_size(learned)
        kernel, samples = self.hyper.kernel.build(size), self.samples(some, learned)
        return step_stability(kernel, size, self.net, learned.params, samples, learned.latents[some], valid)

    def mean_sigma(self, learned: Learned) -> Float[Array, ""]:
        """Of the observation noise, over the samples."""
        sigma = self.noise.sigma(self.scalars.sigma, learned.variance, jnp.asarray(self.pool.y))
        return jnp.sum(self.pool.w * sigma) / jnp.sum(self.pool.w)


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

    def fit(
        state: ABPState, pool: Pool, classes: ClassTable, epochs: int | Int[Array, ""], total: int | Int[Array, ""]
    ) -> tuple[ABPState, Metrics]:
        del total
        net = network(pool.x.shape[1])
        alternation = Alternation(hyper, state.scalars, net, noise, optimizer, labelled(pool), classes)
        start = Learned(state.params, state.optimizer, state.latents.values, state.variance)
        key, w, size = stream(state.key, "training"), alternation.pool.w, hyper.batch_size * hyper.minibatches
        learned, metrics = run_epochs(alternation.step, start, key, w, state.epoch, epochs, size)
        metrics["stability"] = alternation.stability(stream(state.key, "stability", state.epoch), learned)
        metrics["sigma"] = alternation.mean_sigma(learned)
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

    return Generator(init, fit, sample, relabel, latent_model, batch_size=hyper.batch_size)


def relabel(key: Key[Array, ""], state: ABPState, changed: Bool[Array, " n"]) -> ABPState:
    """Latents inferred under another class are of no use: those samples start again from the prior."""
    latents = state.latents.values
    fresh = jax.random.normal(key, latents.shape)
    return state._replace(latents=PerSample(jnp.where(changed[:, None], fresh, latents)))
