"""A network of samples as two pure functions; its variables, running statistics among them, are explicit."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key

Variables = dict[str, Any]
"""Flax collections: "params", which the optimizer changes, and others, such as the running statistics "batch_stats"."""


@runtime_checkable
class InitNetwork(Protocol):
    def __call__(self, key: Key[Array, ""], x: Float[Array, "b *s"], /) -> Variables:
        """The variables for samples of this shape."""
        ...


@runtime_checkable
class ApplyNetwork(Protocol):
    def __call__(
        self, variables: Variables, x: Float[Array, "b *s"], train: bool, valid: Float[Array, " b"] | None, /
    ) -> tuple[Float[Array, "b e"], Variables]:
        """The embedding of a minibatch, and the variables after it.

        Args:
            variables: as `init` or an earlier call returned them.
            x: samples; images in [0, 1].
            train: normalise by the batch's statistics and update the running ones; else normalise by the running ones.
            valid: 1 for samples that count, 0 for the padding, which enters no statistic; None: all count.
        """
        ...


class Network(NamedTuple):
    """The two functions; see their protocols."""

    init: InitNetwork
    apply: ApplyNetwork


@runtime_checkable
class NetworkConfig(Protocol):
    """A frozen dataclass that makes a network."""

    def build(self) -> Network: ...
