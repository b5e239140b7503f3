"""What a schedule of the learning rate is."""

from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float


@runtime_checkable
class Rate(Protocol):
    def __call__(self, progress: Float[Array, ""], /) -> Float[Array, ""]:
        """The factor of the learning rate.

        Args:
            progress: share of the training's steps that are done, from 0 to below 1.
        """
        ...


@runtime_checkable
class RateConfig(Protocol):
    """A frozen dataclass that makes a schedule of the learning rate."""

    def build(self) -> Rate: ...
