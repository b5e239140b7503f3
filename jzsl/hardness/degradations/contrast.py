"""Lower contrast."""

from jaxtyping import Array, Float, Key

STRONGEST = 0.95
"""Share of the contrast that level 1 takes away."""


def contrast(
    key: Key[Array, ""], images: Float[Array, "b h w c"], level: float | Float[Array, ""]
) -> Float[Array, "b h w c"]:
    """x + 0.95 level (1/2 - x): grey levels move to the middle grey (Geirhos et al. 2018)."""
    del key
    return images + STRONGEST * level * (0.5 - images)
