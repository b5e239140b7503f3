"""Several trainings as one program: replicas that differ in their seeds, or in scalars that their states carry.

A replica is an entry of a leading axis of every leaf of the state; what all share (pool, classes) has no such axis.
On an accelerator replicas are vectorised. On a CPU that would turn matrix products into slower batched ones, so they
run one after another inside the program; over several devices each takes its share.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int

REPLICA, DATA = "replica", "data"
"""Names of the mesh's axes."""


def replica_mesh(replicas: int, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh over all devices, or over one a replica where there are fewer of these, of shape (replica, data)."""
    devices = jax.devices() if devices is None else devices
    count = min(replicas, len(devices))
    kinds = (AxisType.Auto, AxisType.Auto)
    return jax.make_mesh((count, 1), (REPLICA, DATA), axis_types=kinds, devices=devices[:count])


def replicate(
    function: Callable[..., Any], mesh: Mesh, replicated: Sequence[bool], batched: bool | None = None
) -> Callable[..., Any]:
    """`function` for every replica; equal to single calls up to rounding, exactly so where not vectorised.

    Args:
        function: of arrays, for one replica.
        mesh: over whose replica axis the replicas are dealt out evenly.
        replicated: for each argument, whether its leaves have the leading axis; the others are shared.
        batched: vectorise; None does so on accelerators.

    Returns:
        A function of the same arguments, whose results all have the leading axis.
    """
    vectorised = jax.default_backend() != "cpu" if batched is None else batched

    def local(*arguments):
        own = [argument for argument, has_axis in zip(arguments, replicated, strict=True) if has_axis]
        shared = [argument for argument, has_axis in zip(arguments, replicated, strict=True) if not has_axis]

        def one(own):
            mine, theirs = iter(own), iter(shared)
            return function(*(next(mine if has_axis else theirs) for has_axis in replicated))

        if len(jax.tree.leaves(own)[0]) == 1:
            return jax.tree.map(lambda leaf: leaf[None], one(replica(own, 0)))
        return jax.vmap(one)(own) if vectorised else jax.lax.map(one, own)

    if mesh.size == 1:
        return local
    specs = tuple(PartitionSpec(REPLICA) if has_axis else PartitionSpec() for has_axis in replicated)
    return jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=PartitionSpec(REPLICA), check_vma=False)


def replica(states: Any, number: int | Int[Array, ""]) -> Any:
    """One replica's entry of every leaf."""
    return jax.tree.map(lambda leaf: leaf[number], states)


def keys_of(seeds: Sequence[int], mesh: Mesh) -> Any:
    """The base key of each seed, sharded over the replicas' devices."""
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    return jax.device_put(keys, NamedSharding(mesh, PartitionSpec(REPLICA)))


def shared(value: Any, mesh: Mesh) -> Any:
    """What all replicas share, on every device of the mesh."""
    return jax.device_put(value, NamedSharding(mesh, PartitionSpec()))
