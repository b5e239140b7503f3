"""The devices of a run as a mesh of two axes, and where arrays lie on it.

Replicas are dealt out over the axis `replica`. The devices of the axis `data` share the samples of the pool and
of each minibatch; the compiler adds up their gradients. Nothing here changes what a program computes, only where.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jzsl.errors import InputError
from jzsl.keys import stream
from jzsl.types import per_sample

REPLICA, DATA = "replica", "data"

SAMPLES_MULTIPLE = 64
"""The capacity of a pool is a multiple of this number, so that any number of devices that divides it can share the
samples: states then have the same shapes on every machine. Padding has no weight and changes no random number."""


def device_mesh(replicas: int, devices_per_replica: int = 1, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh over all devices, or over as many as the replicas can use, of shape (replica, data).

    Raises:
        InputError: if there are fewer devices than one replica is to have.
    """
    devices = jax.devices() if devices is None else devices
    if devices_per_replica > len(devices):
        raise InputError(f"devices_per_seed: {devices_per_replica} found, but there are {len(devices)} devices")
    shape = (min(replicas, len(devices) // devices_per_replica), devices_per_replica)
    kinds = (AxisType.Auto, AxisType.Auto)
    return jax.make_mesh(shape, (REPLICA, DATA), axis_types=kinds, devices=devices[: shape[0] * shape[1]])


def whole(mesh: Mesh) -> NamedSharding:
    """The sharding that `shared` gives arrays."""
    return NamedSharding(mesh, PartitionSpec())


def cut(mesh: Mesh) -> NamedSharding:
    """The sharding that `by_samples` gives arrays."""
    return NamedSharding(mesh, PartitionSpec(DATA))


def shapes(value: Any, sharding: NamedSharding) -> Any:
    """Shapes, dtypes and sharding of arrays: what a program is compiled for before the arrays are on the devices."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), value)


def shared(value: Any, mesh: Mesh) -> Any:
    """Whole on every device of the mesh."""
    return _put(value, whole(mesh))


def by_samples(value: Any, mesh: Mesh) -> Any:
    """Every array cut along its first axis over the data axis; its length must be a multiple of `SAMPLES_MULTIPLE`."""
    return _put(value, cut(mesh))


def keys_of(seeds: Sequence[int], mesh: Mesh, stage: str | None = None) -> Any:
    """The base key of each seed, in a stage that of the stage, on the devices of its replica."""
    keys = jax.vmap(jax.random.key)(jnp.array(seeds, jnp.uint32))
    if stage is not None:
        keys = jax.vmap(lambda key: stream(key, f"stage {stage}"))(keys)
    return _put(keys, NamedSharding(mesh, PartitionSpec(REPLICA)))


def _put(value: Any, sharding: NamedSharding) -> Any:
    if jax.process_count() == 1:
        return jax.device_put(value, sharding)

    def put(leaf):
        """Every process holds the whole array and gives its devices their part of it."""
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(put(jax.random.key_data(leaf)))
        host = np.asarray(leaf)
        return jax.make_array_from_callback(host.shape, sharding, lambda part: host[part])

    return jax.tree.map(put, value)


def over_data(arrays: Any) -> Any:
    """Inside a compiled function: arrays of a minibatch, cut along their first axis over the data axis.

    Arrays stay as they are outside a mesh, or where the length is no multiple of the number of devices.
    """
    count = jax.sharding.get_abstract_mesh().shape.get(DATA, 1)

    def cut(leaf):
        if count == 1 or leaf.shape[0] % count:
            return leaf
        return jax.lax.with_sharding_constraint(leaf, PartitionSpec(DATA))

    return jax.tree.map(cut, arrays)


def layout(states: Any, mesh: Mesh) -> Any:
    """The sharding of each leaf of replicas' states: by replica; those that `PerSample` marks also by samples."""

    def of(leaf, of_samples):
        replicas = REPLICA if leaf.shape[0] % mesh.shape[REPLICA] == 0 else None
        samples = (DATA,) if of_samples and leaf.shape[1] % mesh.shape[DATA] == 0 else ()
        return NamedSharding(mesh, PartitionSpec(replicas, *samples))

    return jax.tree.map(of, states, per_sample(states))


def on_host(value: Any) -> Any:
    """Arrays of any layout as NumPy arrays; where there are several processes, each must call this."""
    if jax.process_count() == 1:
        return jax.device_get(value)
    return multihost_utils.process_allgather(value, tiled=True)
