"""Where the leaves of states lie on several devices."""

from typing import Any, cast

import jax
import jax.numpy as jnp

from jzsl.devices.mesh import layout
from jzsl.types import PerSample


def test_only_marked_leaves_are_cut_by_samples():
    """A weight as wide as there are samples is not, and a replica that does not divide them is whole."""
    mesh = jax.sharding.AbstractMesh((1, 4), ("replica", "data"))
    part = jax.ShapeDtypeStruct((2, 4096, 8), jnp.float32)
    states = {"weight": part, "latents": PerSample(part), "odd": PerSample(jax.ShapeDtypeStruct((2, 6), jnp.int32))}
    specs: Any = jax.tree.map(lambda sharding: tuple(sharding.spec), layout(states, cast(Any, mesh)))
    assert specs == {"weight": ("replica",), "latents": PerSample(("replica", "data")), "odd": PerSample(("replica",))}
