"""p(x | class) of a generator with latent factors, which samplers infer and integrate out."""

from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float


@runtime_checkable
class Decode(Protocol):
    def __call__(self, z: Float[Array, " z"], /) -> Float[Array, " d"]:
        """g(C, z) of one class."""
        ...


class LatentModel(NamedTuple):
    """p(x | class) of a generator by eq. 1 of the ABP paper: Z ~ N(0, I), X = g(C, Z) + N(0, sigma^2 I), one class.

    Attributes:
        decode: z[z] -> g(C, z)[d].
        latents: number of latent factors.
        sigma: standard deviation of the observation noise.
    """

    decode: Decode
    latents: int
    sigma: float | Float[Array, ""]
