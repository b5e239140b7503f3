"""Augmentations of drawings on white paper."""

from dataclasses import dataclass

from jaxtyping import Array, Float, Key

from jzsl.training.augment.augment import Augment, AugmentConfig, Sequence


@dataclass(frozen=True)
class OnWhite:
    """Another augmentation, of the negatives: what it fills with 0 is white in the images."""

    augment: AugmentConfig = Sequence()
    """of images whose background is black"""

    def build(self) -> Augment:
        of_negatives = self.augment.build()

        def augment(key: Key[Array, ""], images: Float[Array, "b *s"]) -> Float[Array, "b *t"]:
            return 1 - of_negatives(key, 1 - images)

        return augment
