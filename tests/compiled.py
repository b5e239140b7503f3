"""Methods whose functions are compiled once for all tests of a process."""

from functools import cache

import jax

from jzsl.interfaces import Method, MethodConfig, Task


def jitted(method: Method) -> Method:
    """The method with compiled functions."""
    return method._replace(
        init=jax.jit(method.init),
        fit=jax.jit(method.fit),
        predictor=jax.jit(method.predictor),
        logits=jax.jit(method.logits),
    )


@cache
def compiled(config: MethodConfig, task: Task) -> Method:
    """The method of a config with compiled functions, the same ones for every test that asks."""
    return jitted(config.build(task))
