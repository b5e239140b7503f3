"""The training of an attribute prototype network: the losses of APN, and HAS's second step on perturbed images.

Equations are those of HAS (Chen et al. 2023).
"""

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jzsl.keys import stream
from jzsl.methods.attribute_prototypes import (
    Heads,
    Pooling,
    attributes_of,
    classification,
    localisation,
    log_probabilities,
)
from jzsl.nets.network import BatchNormPolicy, Network, Policy, Variables
from jzsl.training.augment.augment import Augment
from jzsl.training.augment.mixture import Mix, Mixture, unmixed
from jzsl.training.minibatch import minibatch
from jzsl.training.network_descent import Learning, Position
from jzsl.training.optimizers.optimizer import Optimizer
from jzsl.types import Metrics, Pool


class Perturb(Protocol):
    def __call__(
        self,
        variables: Variables,
        heads: Heads,
        images: Float[Array, "b h w c"],
        y: Int[Array, " b"],
        semantics: Float[Array, "c a"],
        present: Bool[Array, " c"],
        /,
    ) -> Float[Array, "b h w c"]:
        """Other images of the same classes, through which no gradient flows.

        Args:
            variables, heads: of the model.
            images: pixels in [0, 1].
            y: their classes.
            semantics: of all classes, of unit length.
            present: classes that have labelled samples.
        """
        ...


class Perturbation(NamedTuple):
    """What HAS adds: a second step of the optimizers on perturbed images, for minibatches drawn at random."""

    perturb: Perturb
    probability: float


class Parts(NamedTuple):
    """What an APN trains with.

    Attributes:
        network: images to maps.
        optimizer, heads_optimizer: of the network, and of the heads.
        augment: changes images at random.
        mix: composes images; None: they stay single.
        learned: starts of the names of the blocks that learn.
        policy: of batch normalisation, block by block.
        pooling: of the global head.
        local_weight: of the localisation loss.
        warmup: epochs in which the heads alone learn.
        batch_size: samples of a minibatch.
    """

    network: Network
    optimizer: Optimizer
    heads_optimizer: Optimizer
    augment: Augment
    mix: Mix | None
    learned: tuple[str, ...]
    policy: Policy
    pooling: Pooling
    local_weight: float
    warmup: int
    batch_size: int


class Batch(NamedTuple):
    """A minibatch: its images, which may be composed of several, the classes of the single ones, and the mask of its
    padding."""

    mixture: Mixture
    y: Int[Array, " b"]
    valid: Float[Array, " b"]


class Descent(NamedTuple):
    """The training on the minibatches of a pool.

    Attributes:
        parts: what it trains with.
        perturbation: of HAS; None: there is none.
        pool: labelled samples.
        semantics: of all classes, of unit length.
        present: classes that have labelled samples.
    """

    parts: Parts
    perturbation: Perturbation | None
    pool: Pool
    semantics: Float[Array, "c a"]
    present: Bool[Array, " c"]

    def loss(
        self, params: Variables, heads: Heads, variables: Variables, key: Key[Array, ""], batch: Batch, policy: Policy
    ) -> tuple[Float[Array, ""], tuple[Variables, Metrics]]:
        """The losses of eqs. 1 and 2, summed over a minibatch and divided by its size."""
        parts, mixture, valid = self.parts, batch.mixture, batch.valid
        variables = with_params(variables, params)
        images, of_sources = mixture.images, batch.y[mixture.sources]
        model, variables = attributes_of(parts.network, parts.pooling, variables, heads, images, policy, valid, key)
        log_p = log_probabilities(model.predicted, self.semantics, self.present)
        entropy = jnp.sum(mixture.shares * jax.vmap(classification, (None, 0))(log_p, of_sources), 0)
        # Padding may be of any class, also of one that is absent and has p = 0.
        entropy = jnp.where(valid > 0, entropy, 0)
        local = valid * localisation(model.attention, mixture.mixed(self.semantics[batch.y]))
        right = jnp.sum(mixture.shares * (jnp.argmax(log_p, 1) == of_sources), 0)
        total = jnp.sum(entropy + parts.local_weight * local)
        metrics = {
            "loss": total / jnp.sum(valid),
            "localisation": jnp.sum(local) / jnp.sum(valid),
            "training_accuracy": jnp.sum(valid * right) / jnp.sum(valid),
        }
        return total / parts.batch_size, (variables, metrics)

    def step_all(
        self, learning: Learning, key: Key[Array, ""], batch: Batch, share: Float[Array, ""]
    ) -> tuple[Learning, Metrics]:
        """A step of the network and the heads."""
        (params, heads), variables, (moments, heads_moments) = learning
        (gradient, heads_gradient), (variables, metrics) = jax.grad(self.loss, (0, 1), has_aux=True)(
            params, heads, variables, key, batch, self.parts.policy
        )
        params, moments = self.parts.optimizer.step(gradient, moments, params, share)
        heads, heads_moments = self.parts.heads_optimizer.step(heads_gradient, heads_moments, heads, share)
        return Learning((params, heads), variables, (moments, heads_moments)), metrics

    def step_heads(
        self, learning: Learning, key: Key[Array, ""], batch: Batch, share: Float[Array, ""]
    ) -> tuple[Learning, Metrics]:
        """A step of the heads alone, as the warm-up takes it."""
        (params, heads), variables, (moments, heads_moments) = learning
        gradient, (_, metrics) = jax.grad(self.loss, 1, has_aux=True)(
            params, heads, variables, key, batch, BatchNormPolicy.running
        )
        heads, heads_moments = self.parts.heads_optimizer.step(gradient, heads_moments, heads, share)
        return Learning((params, heads), variables, (moments, heads_moments)), metrics

    def step(
        self, learning: Learning, key: Key[Array, ""], batch: Batch, position: Position
    ) -> tuple[Learning, Metrics]:
        """A step on a minibatch."""
        arguments = (learning, stream(key, "dropout"), batch, position.share)
        if not self.parts.warmup:
            return self.step_all(*arguments)
        return jax.lax.cond(position.epoch < self.parts.warmup, self.step_heads, self.step_all, *arguments)

    def update(
        self,
        learning: Learning,
        key: Key[Array, ""],
        indices: Int[Array, " b"],
        valid: Float[Array, " b"],
        position: Position,
    ) -> tuple[Learning, Metrics]:
        """A step on a minibatch and, where HAS perturbs it, another one on the perturbed images (algorithm 1)."""
        x, _, y = minibatch(self.pool, indices)
        mix = self.parts.mix
        images = self.parts.augment(stream(key, "augmentation"), x)
        mixture = unmixed(images) if mix is None else mix(stream(key, "mixture"), images, valid)
        learning, metrics = self.step(learning, key, Batch(mixture, y, valid), position)
        if self.perturbation is None:
            return learning, metrics
        perturb, probability = self.perturbation

        def adversarial(learning):
            (params, heads), variables, _ = learning
            perturbed = perturb(with_params(variables, params), heads, images, y, self.semantics, self.present)
            return self.step(learning, stream(key, "perturbed"), Batch(unmixed(perturbed), y, valid), position)[0]

        if probability == 1:
            return adversarial(learning), metrics
        drawn = jax.random.bernoulli(stream(key, "perturbation"), probability)
        return jax.lax.cond(drawn, adversarial, lambda learning: learning, learning), metrics


def with_params(variables: Variables, params: Variables) -> Variables:
    """The variables with these parameters in the place of theirs."""
    return {**variables, "params": variables["params"] | params}
