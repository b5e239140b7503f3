"""Several trainings as one program: replicas that differ in their seeds, or in scalars that their states carry.

A replica is an entry of a leading axis of every leaf of the state; what all share (pool, classes) has no such axis.
On an accelerator replicas are vectorised. On a CPU that would turn matrix products into slower batched ones, so they
run one after another inside the program; over several devices each takes its share.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Int

from jzsl.devices.mesh import REPLICA, layout


def replicate(
    function: Callable[..., Any], mesh: Mesh, replicated: Sequence[bool], batched: bool | None = None
) -> Callable[..., Any]:
    """`function` for every replica; equal to single calls up to rounding, exactly so where not vectorised.

    Args:
        function: of arrays, for one replica.
        mesh: over whose replica axis the replicas are dealt out evenly. The devices of its data axis share each one's
            work as the compiler sees fit, guided by `jzsl.devices.mesh.over_data`.
        replicated: for each argument, whether its leaves have the leading axis; the others are shared.
        batched: vectorise; None does so on accelerators.

    Returns:
        A function of the same arguments, whose results all have the leading axis, laid out by `layout`.
    """
    vectorised = jax.default_backend() != "cpu" if batched is None else batched

    def local(*arguments):
        replicas = [argument for argument, has_axis in zip(arguments, replicated, strict=True) if has_axis]
        shared = [argument for argument, has_axis in zip(arguments, replicated, strict=True) if not has_axis]

        def one(of_replica):
            replica_leaves, shared_leaves = iter(of_replica), iter(shared)
            return function(*(next(replica_leaves if has_axis else shared_leaves) for has_axis in replicated))

        if len(jax.tree.leaves(replicas)[0]) == 1:
            return jax.tree.map(lambda leaf: leaf[None], one(replica(replicas, 0)))
        return jax.vmap(one)(replicas) if vectorised else jax.lax.map(one, replicas)

    if mesh.size == 1:
        return local
    specs = tuple(PartitionSpec(REPLICA) if has_axis else PartitionSpec() for has_axis in replicated)
    dealt = jax.shard_map(
        local, mesh=mesh, in_specs=specs, out_specs=PartitionSpec(REPLICA), axis_names={REPLICA}, check_vma=False
    )

    def laid_out(*arguments):
        results = dealt(*arguments)
        return jax.lax.with_sharding_constraint(results, layout(results, mesh))

    return laid_out


def replica(states: Any, number: int | Int[Array, ""]) -> Any:
    """One replica's entry of every leaf."""
    return jax.tree.map(lambda leaf: leaf[number], states)
