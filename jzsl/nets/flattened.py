"""A network whose features keep the places of its last maps, as LeNet's do, where global pooling averages over them."""

from dataclasses import dataclass

from jzsl.nets.network import Network, NetworkConfig, Outputs
from jzsl.nets.small_cnn import SmallCNN


@dataclass(frozen=True)
class Flattened:
    """The network, with all entries of its last maps as features; for small images of one size, and without a head."""

    network: NetworkConfig = SmallCNN()
    """that makes the maps"""

    def build(self) -> Network:
        network = self.network.build()

        def readout(variables, maps, /) -> Outputs:
            del variables
            return Outputs(maps, maps.reshape(len(maps), -1))

        def apply(variables, x, policy, valid, /, key=None):
            maps, after = network.run(variables, x, network.blocks[0], network.blocks[-1], policy, valid, key=key)
            return readout(variables, maps), after

        return network._replace(apply=apply, readout=readout)
