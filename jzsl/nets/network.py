"""A network of images or vectors as pure functions; its variables, running statistics among them, are explicit."""

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from jzsl.errors import InputError
from jzsl.problem.pretraining import Pretraining

HEAD = "head"
"""The key of the parameters of a network's own head."""

Variables = dict[str, Any]
"""Collections: "params", which the optimizer changes, and others, such as the running statistics "batch_stats"."""


class BatchNormPolicy(enum.Enum):
    """Which statistics batch normalisation uses, and whether its affine map learns."""

    train = "train"
    """those of the minibatch, which also move the running ones; the affine map learns"""
    frozen_affine = "frozen_affine"
    """those of the minibatch, which also move the running ones; the affine map has no gradient"""
    running = "running"
    """the running ones, which stay"""
    estimate = "estimate"
    """those of the minibatch, with the biased variance, which replace the running ones"""


Policy = BatchNormPolicy | Mapping[str, BatchNormPolicy]
"""One policy for all blocks, or one for each block by its name."""


class Outputs(NamedTuple):
    """The outputs of a network.

    Attributes:
        maps: of the last block, before pooling.
        features: the pooled maps.
        logits: one per class of the network's own head; None for networks without one.
    """

    maps: Float[Array, "b h w e"]
    features: Float[Array, "b e"]
    logits: Float[Array, "b c"] | None = None


@runtime_checkable
class InitNetwork(Protocol):
    def __call__(self, key: Key[Array, ""], x: Num[Any, "b *s"], /) -> Variables:
        """The variables for images of this many channels, or vectors of this size."""
        ...


@runtime_checkable
class ApplyNetwork(Protocol):
    def __call__(
        self,
        variables: Variables,
        x: Num[Any, "b *s"],
        policy: Policy,
        valid: Float[Array, " b"] | Float[Array, "b d"] | None,
        /,
        key: Key[Array, ""] | None = None,
    ) -> tuple[Outputs, Variables]:
        """The outputs for a minibatch, and the variables after it.

        Args:
            variables: as `init` or an earlier call returned them.
            x: images, or vectors; uint8 ones are divided by 255, float ones stay as they are.
            policy: of batch normalisation.
            valid: 1 for samples that count, 0 for the padding, which enters no statistic; None: all count. Where the
                running statistics are those of several domains [d, channels], 1 in the column of a sample's domain.
            key: of dropout, where the network has one; None: no dropout.
        """
        ...


@runtime_checkable
class RunBlocks(Protocol):
    def __call__(
        self,
        variables: Variables,
        x: Num[Any, "b *s"],
        first: str,
        last: str,
        policy: Policy,
        valid: Float[Array, " b"] | Float[Array, "b d"] | None,
        /,
        key: Key[Array, ""] | None = None,
    ) -> tuple[Float[Array, "b i j e"], Variables]:
        """The maps after block `last`, from the input of block `first`; other arguments as in `ApplyNetwork`."""
        ...


@runtime_checkable
class Readout(Protocol):
    def __call__(self, variables: Variables, maps: Float[Array, "b h w e"], /) -> Outputs:
        """The outputs, from the maps of the last block."""
        ...


class Network(NamedTuple):
    """The functions of a network.

    Attributes:
        init, apply: as their protocols say.
        blocks: the names of its blocks, in order; each is a key of "params". Names of stages are prefixes of those of
            their blocks: "stage2_block1".
        run: some consecutive blocks; `apply` is all of them, then `readout`.
        readout: as its protocol says.
        pretraining: says where the variables of `init` come from, if they are pre-trained; it may read a file.
    """

    init: InitNetwork
    apply: ApplyNetwork
    blocks: tuple[str, ...]
    run: RunBlocks
    readout: Readout
    pretraining: Callable[[], Pretraining] | None = None


@runtime_checkable
class NetworkConfig(Protocol):
    """A frozen dataclass that makes a network."""

    def build(self) -> Network: ...


def as_float(x: Num[Any, "*s"]) -> Float[Array, "*s"]:
    """Pixels of eight bits in [0, 1]; floats as they are."""
    values = jnp.asarray(x)
    return values.astype(jnp.float32) / 255 if values.dtype == jnp.uint8 else values


def policies(blocks: tuple[str, ...], learned: tuple[str, ...], others: BatchNormPolicy) -> dict[str, BatchNormPolicy]:
    """`train` for the blocks whose names start with one of `learned`, `others` for the rest."""
    return {name: BatchNormPolicy.train if name.startswith(learned) else others for name in blocks}


def learned_blocks(network: Network, learned: tuple[str, ...] | None) -> tuple[str, ...]:
    """The starts of names of the blocks that learn; None means all of them, the network's own head too.

    Raises:
        InputError: if one of them is the start of no block's name.
    """
    if learned is None:
        return (*network.blocks, HEAD)
    for start in learned:
        if not any(name.startswith(start) for name in network.blocks):
            raise InputError(f"learned: {start!r} found, expected starts of block names: {', '.join(network.blocks)}")
    return learned


def split(params: Variables, learned: tuple[str, ...]) -> tuple[Variables, Variables]:
    """The parameters of the blocks whose names start with one of `learned`, and those of the rest.

    A gradient with respect to the first alone costs no backward pass through frozen blocks; `first | rest` joins them.
    """
    chosen = {name: part for name, part in params.items() if name.startswith(learned)}
    return chosen, {name: part for name, part in params.items() if name not in chosen}
