"""Consistency as AutoNovel's code and LSD-C have it."""

from dataclasses import dataclass

from jaxtyping import Array, Float, Num

from jzsl.training.consistency.consistency import Consistency, Views, squared_distance


@dataclass(frozen=True)
class EverySample:
    """Each head on all samples, averaged over its classes, as in AutoNovel's code, whose weight was tuned for it."""

    def build(self) -> Consistency:
        def consistency(
            old: Views, new: Views, labelled: Num[Array, " b"], unlabelled: Num[Array, " b"]
        ) -> Float[Array, ""]:
            return over_classes(old, labelled + unlabelled) + over_classes(new, labelled + unlabelled)

        return consistency


def over_classes(views: Views, counts: Num[Array, " b"]) -> Float[Array, ""]:
    """The squared distance of two predictions, averaged over classes and samples (chapter 7, equation 8)."""
    return squared_distance(views, counts) / views.classes
