"""Markov kernels for one chain, as typed functions; a config names a frozen dataclass that builds one."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key


@runtime_checkable
class Potential(Protocol):
    def __call__(self, position: Float[Array, " z"], /) -> Float[Array, ""]:
        """Minus the logarithm of an unnormalised density."""
        ...


@runtime_checkable
class InitKernel(Protocol):
    def __call__(self, position: Float[Array, " z"], potential: Potential, /) -> Any:
        """The kernel state, whose field `position` is the chain's position."""
        ...


@runtime_checkable
class StepKernel(Protocol):
    def __call__(self, key: Key[Array, ""], state: Any, potential: Potential, /) -> tuple[Any, Any]:
        """The next kernel state, and its `jzsl.sampling.info.Info`."""
        ...


class Kernel(NamedTuple):
    """A Markov kernel for one chain."""

    init: InitKernel
    step: StepKernel


@runtime_checkable
class KernelConfig(Protocol):
    """A frozen dataclass that makes a kernel.

    A kernel with a preconditioner P = R R' has R in its state as the field `root`, from which the stability of its
    step is measured.
    """

    def build(self, step_size: float | Float[Array, ""]) -> Kernel: ...
