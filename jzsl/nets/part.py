"""Some consecutive blocks of a network as a network of its own, so that frozen blocks can be computed once."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from jzsl.errors import InputError
from jzsl.nets.efficientnet_lite import PretrainedEfficientNetLite0
from jzsl.nets.network import HEAD, BatchNormPolicy, Network, NetworkConfig, Outputs, Variables

_IMAGE = (1, 64, 64, 3)
"""Of the initial variables; those after the first block do not depend on it."""


@dataclass(frozen=True)
class FromBlock:
    """The last blocks of a network, on the maps of those before."""

    network: NetworkConfig = PretrainedEfficientNetLite0()
    """the whole one"""
    first: str = "stage7"
    """the first block, by how its name starts"""

    def build(self) -> Network:
        network = self.network.build()
        position = network.blocks.index(block_named(network, self.first, "first"))
        return part(network, network.blocks[position:])


def block_named(network: Network, start: str, field: str, last: bool = False) -> str:
    """The first block, or the last one, whose name starts so.

    Raises:
        InputError: naming `field`, if there is none.
    """
    names = [name for name in network.blocks if name.startswith(start)]
    if not names:
        raise InputError(f"{field}: {start!r} found, expected the start of a block's name: {', '.join(network.blocks)}")
    return names[-1 if last else 0]


def part(network: Network, blocks: tuple[str, ...]) -> Network:
    """The network of these consecutive blocks; what lies before the last block of all is pooled to be its features."""
    whole, ends = blocks[0] == network.blocks[0], blocks[-1] == network.blocks[-1]
    kept = (*blocks, HEAD) if ends else blocks

    def require_maps(variables, x):
        before = network.blocks[network.blocks.index(blocks[0]) - 1]

        def maps(variables):
            return network.run(variables, jnp.zeros(_IMAGE), network.blocks[0], before, BatchNormPolicy.running, None)

        channels = jax.eval_shape(maps, variables)[0].shape[-1]
        if x.shape[-1] != channels:
            raise InputError(
                f"samples: {x.shape[-1]} channels found, expected the {channels} of the maps after block {before}, for "
                f"{blocks[0]} is the first block here"
            )

    def init(key, x, /) -> Variables:
        variables = network.init(key, x if whole else jnp.zeros(_IMAGE))
        if not whole:
            require_maps(variables, x)
        return {
            collection: {name: values[name] for name in values if name in kept}
            for collection, values in variables.items()
        }

    def readout(variables, maps, /) -> Outputs:
        return network.readout(variables, maps) if ends else Outputs(maps, jnp.mean(maps, (1, 2)))

    def apply(variables, x, policy, valid, /, key=None):
        maps, after = network.run(variables, x, blocks[0], blocks[-1], policy, valid, key=key)
        return readout(variables, maps), after

    return network._replace(init=init, apply=apply, blocks=blocks, readout=readout)
