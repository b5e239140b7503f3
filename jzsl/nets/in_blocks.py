"""A function of many images, computed in blocks, so that memory does not grow with their number."""

from collections.abc import Callable

import jax
import jax.export
import jax.numpy as jnp
from jaxtyping import Array, Num

from jzsl.nets.network import BatchNormPolicy, Network, Variables

IMAGES = 64
"""of a block"""


def in_blocks(
    function: Callable[[Num[Array, "b *s"]], Num[Array, "b *t"]], x: Num[Array, "n *s"], size: int = IMAGES
) -> Num[Array, "n *t"]:
    """`function` of all samples, `size` at a time; each one's result must not depend on the others of its block.

    The last block begins earlier where the samples do not fill it, and what that repeats is dropped. In a program for
    any number of samples, such as an exported one, all are one block.
    """
    x = jnp.asarray(x)
    if jax.export.is_symbolic_dim(x.shape[0]):
        return function(x)
    size = min(size, len(x))
    count = -(-len(x) // size)

    def of_block(number):
        start = jnp.minimum(number * size, len(x) - size)
        return function(jax.lax.dynamic_slice_in_dim(x, start, size))

    results = jax.lax.map(of_block, jnp.arange(count))
    repeated = count * size - len(x)
    return jnp.concatenate([results[:-1].reshape(-1, *results.shape[2:]), results[-1, repeated:]])


def pooled_features(
    network: Network, variables: Variables, x: Num[Array, "n h w c"], block: str | None = None, size: int = IMAGES
) -> Num[Array, "n e"]:
    """The features of images by running statistics, or the maps after `block`, averaged over their pixels."""

    def features(images):
        if block is None:
            return network.apply(variables, images, BatchNormPolicy.running, None)[0].features
        maps, _ = network.run(variables, images, network.blocks[0], block, BatchNormPolicy.running, None)
        return jnp.mean(maps, (1, 2))

    return in_blocks(features, x, size)
