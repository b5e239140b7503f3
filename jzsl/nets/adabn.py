"""AdaBN (Li et al., 2016): batch normalisation of each domain by its own statistics, with a shared affine map."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from jzsl.errors import require_positive
from jzsl.nets.network import BatchNormPolicy, Network, Variables, as_float

STATISTICS = "batch_stats"
"""The collection of running statistics."""


@dataclass(frozen=True)
class AdaBN:
    """Samples without labels are the target domain, and normalised by statistics of their own.

    In training each minibatch has statistics of its source and of its target samples. Before predictions the target's
    are estimated anew, from all of its samples, no labels needed.
    """

    images: int = 256
    """that an estimate takes together; of more, the statistics of such parts are merged"""

    def __post_init__(self):
        require_positive(self, "images")


def by_domain(source: Variables, target: Variables) -> Variables:
    """Statistics [2, channels] of both domains."""
    return jax.tree.map(lambda *pair: jnp.stack(pair), source, target)


def of_domain(statistics: Variables, domain: int) -> Variables:
    """Statistics [channels] of one of the domains of `by_domain`."""
    return jax.tree.map(lambda leaf: leaf[domain], statistics)


def membership(valid: Float[Array, " b"], in_target: Bool[Array, " b"]) -> Float[Array, "b 2"]:
    """1 in the column of the domain of each sample that counts."""
    return valid[:, None] * jax.nn.one_hot(in_target.astype(jnp.int32), 2)


def target_statistics(
    network: Network, variables: Variables, images: Num[Array, "n h w c"], in_target: Bool[Array, " n"], size: int
) -> Variables:
    """The running statistics of a network, estimated from images of the target domain.

    Up to `size` images the result is exact: mean and variance of each layer's inputs, which the layers before have
    normalised by theirs. More images are dealt into parts, whose statistics are merged: an estimate, since a later
    layer's inputs are normalised by those of the part.

    Args:
        network: with batch normalisation.
        variables: of the network, with the statistics of one domain.
        images: of both domains; uint8, or floats.
        in_target: which of them are of the target domain; where none is, the statistics stay as they are.
        size: of a part.
    """
    images = jnp.asarray(images)
    count, slots = jnp.sum(in_target), jnp.arange(min(size, len(images)))
    order = jnp.argsort(~in_target, stable=True)
    parts = (count + len(slots) - 1) // len(slots)

    def merge(part, carry):
        done, statistics = carry
        positions = part + parts * slots
        valid = (positions < count).astype(jnp.float32)
        some = as_float(images[order[jnp.minimum(positions, len(images) - 1)]]).astype(jnp.float32)
        _, after = network.apply(variables, some, BatchNormPolicy.estimate, valid)
        done += valid.sum()
        return done, merged(statistics, after[STATISTICS], valid.sum() / done)

    return jax.lax.fori_loop(0, parts, merge, (jnp.float32(0), variables[STATISTICS]))[1]


def merged(first: Variables, second: Variables, share: Float[Array, ""]) -> Variables:
    """Means and variances of a union of samples, of which `share` are those of `second`."""
    if "mean" not in first:
        return {name: merged(part, second[name], share) for name, part in first.items()}
    difference = second["mean"] - first["mean"]
    mean = first["mean"] + share * difference
    within = first["var"] + share * (second["var"] - first["var"])
    return {"mean": mean, "var": within + share * (1 - share) * difference**2}
