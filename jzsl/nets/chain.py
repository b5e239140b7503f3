"""A network as a chain of named blocks, so that any of them can be frozen, and maps taken after any of them."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn

from jzsl.keys import stream
from jzsl.nets.network import HEAD, BatchNormPolicy, Network, Outputs, Variables, as_float


def chain(blocks: Mapping[str, nn.Module], classes: int | None) -> Network:
    """The network of these blocks, global average pooling and, where `classes` is given, a dense layer.

    Args:
        blocks: Flax modules by name, called with (x, policy, valid, key).
        classes: of the head; None: no head.
    """
    names = tuple(blocks)
    head = None if classes is None else nn.Dense(classes)

    def init(key, x) -> Variables:
        variables: Variables = {}
        x = as_float(x)
        for name, module in blocks.items():
            x, created = module.init_with_output(stream(key, name), x, BatchNormPolicy.running, None, None)
            for collection, values in created.items():
                variables.setdefault(collection, {})[name] = values
        if head is not None:
            variables["params"][HEAD] = head.init(stream(key, HEAD), jnp.mean(x, (1, 2)))["params"]
        return variables

    def run(variables, x, first, last, policy, valid, /, key=None):
        x = as_float(x)
        changed = {collection: dict(values) for collection, values in variables.items()}
        for name in names[names.index(first) : names.index(last) + 1]:
            local = {collection: values[name] for collection, values in variables.items() if name in values}
            chosen = policy if isinstance(policy, BatchNormPolicy) else policy[name]
            block_key = None if key is None else stream(key, name)
            x, updated = blocks[name].apply(local, x, chosen, valid, block_key, mutable=["batch_stats"])
            for collection, values in updated.items():
                changed[collection][name] = values
        return x, changed

    def readout(variables, maps, /) -> Outputs:
        features = jnp.mean(maps, (1, 2))
        if head is None:
            return Outputs(maps, features)
        logits = head.apply({"params": variables["params"][HEAD]}, features)
        assert isinstance(logits, jax.Array)
        return Outputs(maps, features, logits)

    def apply(variables, x, policy, valid, /, key=None):
        maps, after = run(variables, x, names[0], names[-1], policy, valid, key=key)
        return readout(variables, maps), after

    return Network(init, apply, names, run, readout)
