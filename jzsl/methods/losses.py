"""What the cross-entropy of a supervised classifier is taken of: logits of an embedding and the class weights."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float

from jzsl.errors import require_positive
from jzsl.hardness.angular import angles, angular_logits
from jzsl.types import Embedding


@runtime_checkable
class LogitsOf(Protocol):
    def __call__(self, embedding: Embedding, /) -> Float[Array, "n k"]:
        """One column per class weight."""
        ...


@runtime_checkable
class LossConfig(Protocol):
    """A frozen dataclass that makes the logits of a loss; the method scores by them, too."""

    def build(self) -> LogitsOf: ...


@dataclass(frozen=True)
class SoftmaxLoss:
    """Inner products x'w_k."""

    def build(self) -> LogitsOf:
        return lambda embedding: embedding.x @ embedding.weights.T


@dataclass(frozen=True)
class AVHLoss:
    """s (pi - A(x, w_k)), with the angle A (AVH paper, eq. 5)."""

    scale: float = 16.0
    """s, which the paper leaves to cross-validation"""

    def __post_init__(self):
        require_positive(self, "scale")

    def build(self) -> LogitsOf:
        return lambda embedding: angular_logits(angles(embedding), self.scale)
