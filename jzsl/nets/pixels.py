"""The pixels themselves as features: what a network's features are compared with."""

from dataclasses import dataclass

from jzsl.nets.network import Network, Outputs, as_float


@dataclass(frozen=True)
class Pixels:
    """The pixels of an image in one vector; it has no parameters."""

    def build(self) -> Network:
        def init(key, x, /):
            del key, x
            return {"params": {}}

        def run(variables, x, first, last, policy, valid, /, key=None):
            del first, last, policy, valid, key
            return as_float(x).reshape(len(x), 1, 1, -1), variables

        def readout(variables, maps, /):
            del variables
            return Outputs(maps, maps[:, 0, 0])

        def apply(variables, x, policy, valid, /, key=None):
            maps, variables = run(variables, x, "pixels", "pixels", policy, valid, key=key)
            return readout(variables, maps), variables

        return Network(init, apply, ("pixels",), run, readout)
