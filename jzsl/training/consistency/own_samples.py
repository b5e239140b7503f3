"""Consistency as the low-supervision thesis prints it (chapter 6, equation 4)."""

from dataclasses import dataclass

from jaxtyping import Array, Float, Num

from jzsl.training.consistency.consistency import Consistency, Views, squared_distance


@dataclass(frozen=True)
class OwnSamples:
    """Each head on its own samples, summed over its classes: labelled ones and unlabelled ones (equation 4)."""

    def build(self) -> Consistency:
        def consistency(
            old: Views, new: Views, labelled: Num[Array, " b"], unlabelled: Num[Array, " b"]
        ) -> Float[Array, ""]:
            return squared_distance(old, labelled) + squared_distance(new, unlabelled)

        return consistency
