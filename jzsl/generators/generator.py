"""What generators of features offer, as typed protocols; conventions as in `jzsl.interfaces`."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key

from jzsl.interfaces import Fit, Init, Relabel, keep
from jzsl.sampling.latent_model import LatentModel


@runtime_checkable
class SampleGenerator(Protocol):
    def __call__(
        self, key: Key[Array, ""], state: Any, semantics: Float[Any, "m a"], noise: bool, /
    ) -> Float[Array, "m *s"]:
        """One sample for each row of semantics.

        With `noise` they carry the observation noise of the model, where it has one; without, they are its mean given
        the latents.
        """
        ...


@runtime_checkable
class MakeLatentModel(Protocol):
    def __call__(self, state: Any, semantics: Float[Any, " a"], /) -> LatentModel:
        """The model of one class."""
        ...


class Generator(NamedTuple):
    """A model of p(x | class semantics).

    Attributes:
        init, fit, relabel, whole_pool, batch_size: as in `Method`.
        sample: as its protocol says.
        latent_model: for generators that have one, else None.
    """

    init: Init
    fit: Fit
    sample: SampleGenerator
    relabel: Relabel = keep
    latent_model: MakeLatentModel | None = None
    whole_pool: bool = False
    batch_size: int | None = None


@runtime_checkable
class GeneratorConfig(Protocol):
    """A frozen dataclass of hyper-parameters that makes a generator."""

    def build(self) -> Generator: ...
